/** A printer of OpenTelemetry exports, as readable lines. */
import * as Schema from "effect/Schema"

const Attributes = Schema.Array(Schema.Struct({
  key: Schema.String,
  value: Schema.Record(Schema.String, Schema.Unknown)
}))

const Span = Schema.Struct({
  name: Schema.String,
  startTimeUnixNano: Schema.BigInt,
  endTimeUnixNano: Schema.BigInt,
  attributes: Attributes
})

const Point = Schema.Struct({
  attributes: Attributes,
  asInt: Schema.optionalKey(Schema.Unknown),
  asDouble: Schema.optionalKey(Schema.Unknown)
})

const Points = Schema.optionalKey(Schema.Struct({ dataPoints: Schema.Array(Point) }))

const Export = Schema.Struct({
  resourceSpans: Schema.optionalKey(Schema.Array(Schema.Struct({
    scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(Span) }))
  }))),
  resourceMetrics: Schema.optionalKey(Schema.Array(Schema.Struct({
    scopeMetrics: Schema.Array(Schema.Struct({
      metrics: Schema.Array(Schema.Struct({ name: Schema.String, sum: Points, gauge: Points }))
    }))
  })))
})

const decode = Schema.decodeUnknownSync(Schema.toCodecJson(Export))

const list = (attributes: typeof Attributes.Type): string =>
  attributes.map(({ key, value }) => `${key}=${Object.values(value)[0]}`).join(" ")

/** Prints the spans and metrics of one export. */
export const describeExport = (json: unknown): ReadonlyArray<string> => {
  const { resourceMetrics = [], resourceSpans = [] } = decode(json)
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans)
  const metrics = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics).flatMap(({ metrics }) => metrics)
  return [
    ...spans.map(({ attributes, endTimeUnixNano, name, startTimeUnixNano }) =>
      `span   ${name} ${(endTimeUnixNano - startTimeUnixNano) / 1_000_000n} ms  ${list(attributes)}`
    ),
    ...metrics.filter(({ name }) => name.startsWith("codex.")).flatMap(({ gauge, name, sum }) =>
      ((sum ?? gauge)?.dataPoints ?? []).map(({ asDouble, asInt, attributes }) =>
        `metric ${name} ${asInt ?? asDouble}  ${list(attributes)}`
      )
    )
  ]
}
