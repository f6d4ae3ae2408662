/**
 * Recordings that no server writes: names that every object has, and values of any kind in every field that a timeline reads.
 */
import * as Recording from "@effect-codex/recording/Recording"
import * as Result from "effect/Result"

/** Names that every object has, and that a careless look-up finds. */
const inherited = ["__proto__", "constructor", "toString", "valueOf", "hasOwnProperty"]

const methods = `
  initialize thread/start turn/start turn/started turn/completed item/started item/completed item/completed item/completed
  item/agentMessage/delta item/fileChange/delta thread/tokenUsage/updated thread/started thread/name/updated error warning
  serverRequest/resolved item/tool/call item/commandExecution/requestApproval item/tool/requestUserInput
`.trim().split(/\s+/).concat(inherited)

const types = `
  userMessage agentMessage reasoning commandExecution fileChange mcpToolCall dynamicToolCall webSearch collabAgentToolCall
`.trim().split(/\s+/).concat(inherited)

const fields = `
  threadId turnId itemId thread turn item id type text summary content changes path kind diff tool server namespace query
  command status error message delta deltaBase64 input tokenUsage total last totalTokens requestId decision action exitCode
  name title cwd model preview arguments result questions aggregatedOutput
`.trim().split(/\s+/).concat(inherited)

const scalars = [
  "null",
  "true",
  "0",
  "-1",
  "1e999",
  `""`,
  `"a"`,
  `"failed"`,
  ...types.map((type) => JSON.stringify(type))
]

/** Values that can't be converted to a text, alone and in lists. */
const odd = [`{"toString":1,"valueOf":null}`, `[{"toString":1,"valueOf":null}]`, `[[]]`, `{"type":{"toString":1}}`]

/** An item of each type, with an odd value in every field that is read. */
const oddItems: ReadonlyArray<string> = types.flatMap((type, index) =>
  odd.map((value, variant) => {
    const item = fields.filter((field) => field !== "id" && field !== "type").map((field) => `"${field}":${value}`)
      .join()
    return `{"method":"item/completed","params":{"threadId":"t","item":{${item},"type":"${type}","id":"${index} ${variant}"}}}`
  })
)

/** Makes a recording. `next` returns a number from 0 on, below its argument; the numbers decide what the recording has. */
export const hostile = (messages: number, next: (below: number) => number): Recording.Recording => {
  const oneOf = (options: ReadonlyArray<string>): string => options[next(options.length)]!
  // JSON as text: a field `__proto__` of an object would be its prototype.
  const value = (depth: number): string => {
    const kind = next(depth === 0 ? 2 : 4)
    if (kind < 2) return oneOf(scalars)
    if (kind === 2) return `[${Array.from({ length: next(3) }, () => value(depth - 1)).join()}]`
    return object(depth - 1)
  }
  const object = (depth: number, given: ReadonlyArray<string> = []): string => {
    const entries = Array.from(
      { length: next(8) },
      () => `${JSON.stringify(oneOf(next(3) === 0 ? inherited : fields))}:${value(depth)}`
    )
    return `{${[...entries, ...given].join()}}`
  }
  const message = (): string => {
    const id = next(2) === 0 ? [] : [`"id":${oneOf(["0", "1", value(1)])}`]
    if (next(4) === 0) return object(1, [...id, `"${oneOf(["result", "error"])}":${value(3)}`])
    const item = next(2) === 0
      ? []
      : [`"item":${object(2, [`"type":"${oneOf(types)}"`, `"id":"${oneOf(["i", "j"])}"`])}`]
    const turn = next(2) === 0 ? [] : [`"turn":${object(2, [`"id":"${oneOf(["u", ...inherited])}"`])}`]
    const params = object(2, [`"threadId":"${oneOf(["t", ...inherited])}"`, ...item, ...turn])
    return object(0, [...id, `"method":"${oneOf(methods)}"`, `"params":${params}`])
  }
  const lines = [
    ...Array.from(
      { length: messages },
      (_, at) => `{"at":${at},"connection":${1 + next(2)},"${oneOf(["sent", "received", "received"])}":${message()}}`
    ),
    ...oddItems.map((item, index) => `{"at":${messages + index},"connection":1,"received":${item}}`)
  ]
  const header = Recording.headerLine({ server: "x/1", startedAt: "2026-11-21T12:00:00.000Z" })
  return Result.getOrThrow(Recording.parse("hostile.jsonl", [header, ...lines].join("\n")))
}

/** A sequence of numbers that looks like chance, and is the same each time. */
export const sequence = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}
