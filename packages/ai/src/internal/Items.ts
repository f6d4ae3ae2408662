/**
 * Entries of a transcript in the forms that Codex takes: the input of a turn, and items of a thread's history.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type { Codex } from "effect-codex/Codex"
import type { RequestError } from "effect-codex/CodexError"
import * as Input from "effect-codex/Input"
import * as Effect from "effect/Effect"
import type * as Content from "./Content.ts"
import { stringify } from "./json.ts"
import * as Transcript from "./Transcript.ts"

/** Returns messages of the user as the input of a turn. */
export const input = (messages: ReadonlyArray<Transcript.Message>): ReadonlyArray<Input.Item> =>
  messages.flatMap(({ content }) => content.map(inputOf))

const inputOf = (content: Content.Content): Input.Item => {
  switch (content.type) {
    case "text":
      return Input.text(content.text)
    case "image":
      return Input.image(content.url)
    case "audio":
      return Input.audio(content.url)
    case "localImage":
      return Input.localImage(content.path)
  }
}

/** Adds entries to the history of a thread (`thread/inject_items`). */
export const inject = Effect.fnUntraced(function*(
  codex: Codex["Service"],
  threadId: string,
  entries: ReadonlyArray<Transcript.Entry>
): Effect.fn.Return<void, RequestError> {
  if (entries.length === 0) return
  const items = yield* Effect.forEach(entries, (entry) => itemOf(codex, entry))
  yield* codex.client.request("thread/inject_items", { threadId, items })
})

const itemOf = (codex: Codex["Service"], entry: Transcript.Entry): Effect.Effect<Protocol.Json, RequestError> => {
  switch (entry._tag) {
    case "Message":
      return Effect.map(
        entry.role === "assistant"
          ? Effect.succeed(entry.content.map((content) => ({ type: "output_text", text: plain(content) })))
          : Effect.forEach(entry.content, (content) => contentOf(codex, content)),
        (content) => ({ type: "message", role: entry.role, content })
      )
    case "Call":
      return Effect.succeed({
        type: "function_call",
        call_id: entry.id,
        name: entry.name,
        arguments: stringify(entry.params) ?? "{}"
      })
    case "Result":
      return Effect.map(
        outputOf(codex, entry),
        (output) => ({ type: "function_call_output", call_id: entry.id, output })
      )
  }
}

const outputOf = (codex: Codex["Service"], entry: Transcript.Result): Effect.Effect<Protocol.Json, RequestError> =>
  entry.content === undefined
    ? Effect.succeed(Transcript.textOf(entry))
    : Effect.forEach(entry.content, (content) => contentOf(codex, content))

const plain = (content: Content.Content): string => content.type === "text" ? content.text : ""

const contentOf = (
  codex: Codex["Service"],
  content: Content.Content
): Effect.Effect<Protocol.JsonObject, RequestError> => {
  switch (content.type) {
    case "text":
      return Effect.succeed({ type: "input_text", text: content.text })
    case "image":
      return Effect.succeed({ type: "input_image", image_url: content.url })
    case "audio":
      return Effect.succeed({ type: "input_audio", audio_url: content.url })
    case "localImage":
      // Codex reads the files of its input, and none of its history.
      return Effect.map(codex.client.request("fs/readFile", { path: content.path }), ({ dataBase64 }) => ({
        type: "input_image",
        image_url: `data:image/${/\.jpe?g$/i.test(content.path) ? "jpeg" : "png"};base64,${dataBase64}`
      }))
  }
}
