/**
 * Content of messages: texts, images and sound, in a form that Codex takes.
 */
import * as AiError from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"

export interface Text {
  readonly type: "text"
  readonly text: string
}

/** An image or sound, as a `data:` URL. */
export interface Media {
  readonly type: "image" | "audio"
  readonly url: string
}

/** An image in a file of the server's machine. */
export interface LocalImage {
  readonly type: "localImage"
  readonly path: string
}

export type Content = Text | Media | LocalImage

/** Returns a text. */
export const text = (text: string): Text => ({ type: "text", text })

/** Reads a part of a user message or of a tool's output. Fails for files that Codex does not take. */
export const ofPart = (
  part: Prompt.TextPart | Prompt.FilePart
): Effect.Effect<Content, AiError.InvalidUserInputError> =>
  part.type === "text" ? Effect.succeed(text(part.text)) : ofFile(part)

const refuse = (description: string) => Effect.fail(new AiError.InvalidUserInputError({ description }))

const ofFile = (file: Prompt.FilePart): Effect.Effect<Content, AiError.InvalidUserInputError> => {
  const { data, fileName, mediaType } = file
  const name = fileName === undefined ? `A file of type ${mediaType}` : `The file ${fileName} of type ${mediaType}`
  const [kind] = mediaType.split("/")
  const url = urlOf(data)
  if (url?.protocol === "file:") {
    return kind === "image"
      ? Effect.succeed({ type: "localImage", path: pathOf(url) })
      : refuse(`${name} is a file: URL, which Codex takes for images only. Pass its bytes.`)
  }
  if (url !== undefined && url.protocol !== "data:") {
    return refuse(`${name} is a URL, which Codex does not fetch. Pass its bytes.`)
  }
  if (kind === "image" || kind === "audio") {
    return Effect.succeed({
      type: kind,
      url: url?.href ?? `data:${concrete[mediaType] ?? mediaType};base64,${base64(data)}`
    })
  }
  if (kind !== "text" && mediaType !== "application/json") {
    return refuse(`${name} can't be passed to Codex, which takes images, sound, text and JSON.`)
  }
  return Effect.succeed(text(`<file name=${JSON.stringify(fileName ?? mediaType)}>\n${decoded(url, data)}\n</file>`))
}

/** Types for media types that stand for any of their kind. */
const concrete: { readonly [mediaType: string]: string } = { "image/*": "image/jpeg", "audio/*": "audio/wav" }

const urlOf = (data: Prompt.FilePart["data"]): URL | undefined => {
  if (data instanceof URL) return data
  return typeof data === "string" && /^(data|https?|file):/.test(data) && URL.canParse(data) ? new URL(data) : undefined
}

const pathOf = (url: URL): string => decodeURIComponent(url.pathname).replace(/^\/(?=[A-Za-z]:)/, "")

const base64 = (data: Prompt.FilePart["data"]): string =>
  data instanceof Uint8Array ? Base64.encode(data) : String(data)

/** Returns the text of a file. A string that is not Base64 is the text itself. */
const decoded = (url: URL | undefined, data: Prompt.FilePart["data"]): string => {
  if (data instanceof Uint8Array) return new TextDecoder().decode(data)
  if (url === undefined) return Result.getOrElse(Base64.decodeString(String(data)), () => String(data))
  const [, isBase64, body = ""] = /^data:[^,]*?(;base64)?,(.*)$/s.exec(url.href) ?? []
  return isBase64 === undefined ? decodeURIComponent(body) : Result.getOrElse(Base64.decodeString(body), () => body)
}
