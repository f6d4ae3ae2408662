/**
 * Codecs of tools: JSON to and from the encoded side of their Schemas, which is what Effect's toolkits take and return.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Tool from "effect/ai/Tool"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Content from "./Content.ts"
import * as Transcript from "./Transcript.ts"

type Decode = (json: unknown) => Option.Option<unknown>

const decoders = new WeakMap<Tool.Any, Decode>()

const decoderOf = (tool: Tool.Any): Decode => {
  if (Tool.isDynamic(tool) && tool.jsonSchema !== undefined) return Option.some
  let decode = decoders.get(tool)
  if (decode === undefined) {
    decode = Schema.decodeUnknownOption(Schema.toCodecJson(Schema.toEncoded(tool.parametersSchema)))
    decoders.set(tool, decode)
  }
  return decode
}

/** Decodes the arguments of a call. What does not match stays as it is, for the toolkit to refuse. */
export const decodeParams = (tool: Tool.Any | undefined, json: unknown): unknown =>
  tool === undefined ? json : Option.getOrElse(decoderOf(tool)(json), () => json)

/** Returns the response to a call. */
export const response = (
  result: Pick<Transcript.Result, "content" | "isFailure" | "result">
): Protocol.DynamicToolCallResponse => ({
  success: !result.isFailure,
  contentItems: result.content?.map(itemOf) ?? [{ type: "inputText", text: Transcript.textOf(result) }]
})

/** Returns the response to a call that can't be executed. */
export const failure = (text: string): Protocol.DynamicToolCallResponse => ({
  success: false,
  contentItems: [{ type: "inputText", text }]
})

const itemOf = (content: Content.Content): Protocol.DynamicToolCallOutputContentItemInput => {
  switch (content.type) {
    case "text":
      return { type: "inputText", text: content.text }
    case "image":
      return { type: "inputImage", imageUrl: content.url }
    case "audio":
      return { type: "inputAudio", audioUrl: content.url }
    case "localImage":
      return { type: "inputText", text: `[the image ${content.path}]` }
  }
}
