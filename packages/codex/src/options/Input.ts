/**
 * Turn input, and its conversion to parameters of the protocol.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import type { PathKind } from "../model/connection/Transport.ts"
import { InvalidInputError } from "../model/errors/CodexError.ts"

/**
 * One item of a user's input, as in the protocol.
 *
 * @category models
 */
export type Item = Protocol.UserInputInput

/**
 * Input that does not come from the user, and must not be trusted like the user's. The model sees it as the output of a tool.
 *
 * @category models
 */
export interface ExternalMessage {
  readonly type: "externalMessage"
  /** The name of the tool. */
  readonly toolName: string
  /** The namespace of the tool, if it has one. */
  readonly namespace: string | undefined
  /** The output: a text, or a list of content items. */
  readonly content: Protocol.FunctionCallOutputBodyInput
}

/**
 * The input of `run`, `turn`, `stream` and `steer`: a text, an item, a list of both, or a single external message. A turn
 * that starts with an empty list continues from the thread's history.
 *
 * @category models
 */
export type Input = string | Item | ExternalMessage | ReadonlyArray<string | Item>

/** Creates a text item. A plain string means the same. */
export const text = (text: string): Item => ({ type: "text", text, text_elements: [] })

/**
 * Creates an image item from a `data:` URL. Older servers fetch `http` URLs as well; servers from 0.169 on refuse them with
 * `InvalidRequest`. A `file:` URL and one without data fail with `InvalidInputError`.
 */
export const image = (url: string, detail?: Protocol.ImageDetailLiteral): Item => ({
  type: "image",
  url,
  ...(detail === undefined ? {} : { detail })
})

/**
 * Creates an image item from a file, which the server reads. A relative path is relative to the working directory of the server.
 * If the server runs on this machine, a missing file fails with `InvalidInputError`, and nothing is sent.
 */
export const localImage = (path: string, detail?: Protocol.ImageDetailLiteral): Item => ({
  type: "localImage",
  path,
  ...(detail === undefined ? {} : { detail })
})

/** Creates a sound item from a `data:` URL. A `file:` URL and one without data fail with `InvalidInputError`. */
export const audio = (url: string): Item => ({ type: "audio", url })

/** Creates a sound item from a file. Its path follows the rules of {@link localImage}. */
export const localAudio = (path: string): Item => ({ type: "localAudio", path })

/**
 * Creates an item that includes a skill, by its name and the path of its SKILL.md, as `codex.skills` lists them. The server ignores
 * a skill that it has not found itself. If it runs on this machine, a missing file fails with `InvalidInputError`, and nothing is
 * sent.
 */
export const skill = (name: string, path: string): Item => ({ type: "skill", name, path })

/** Creates a mention of a file, an app or a plugin, which the server finds under this path. */
export const mention = (name: string, path: string): Item => ({ type: "mention", name, path })

/**
 * Creates a message from outside, such as an e-mail or a web hook. The model sees it as the output of the tool `toolName`, not as
 * a message of the user. It starts a turn by itself: it cannot be combined with other items, or steer a turn. Requires Codex 0.151 or later.
 */
export const externalMessage = (options: {
  readonly toolName: string
  readonly content: Protocol.FunctionCallOutputBodyInput
  readonly namespace?: string | undefined
}): ExternalMessage => ({
  type: "externalMessage",
  toolName: options.toolName,
  namespace: options.namespace,
  content: options.content
})

const isExternal = (input: unknown): input is ExternalMessage =>
  typeof input === "object" && input !== null && "type" in input && input.type === "externalMessage"

const isList = (input: Input): input is ReadonlyArray<string | Item> => Array.isArray(input)

const invalid = (detail: string) => Effect.fail(new InvalidInputError({ field: "input", detail }))

type Look = (path: string) => PathKind

const mistakenFor = {
  missing: "does not exist",
  directory: "is a directory",
  empty: "is empty",
  other: "is not a regular file",
  hidden: "cannot be read",
  relative: "has a relative path, but the server has a working directory of its own; pass an absolute path"
}

const wrongPath = (path: string, look: Look | undefined): string | undefined => {
  const kind = look?.(path) ?? "file"
  return kind === "file" ? undefined : `the file ${JSON.stringify(path)} ${mistakenFor[kind]}`
}

/** Returns the data of a `data:` URL, which begins after the first comma. */
const dataOf = (url: string): string => url.includes(",") ? url.slice(url.indexOf(",") + 1) : ""

const wrongUrl = (url: string, local: string): string | undefined =>
  /^file:/i.test(url)
    ? `the server reads no file: URLs; pass the path to Input.${local}`
    : !/^[a-z][a-z0-9+.-]*:/i.test(url)
    ? `a URL begins with its scheme, such as data:; pass a path to Input.${local}`
    : /^data:/i.test(url) && dataOf(url).trim() === ""
    ? "the data: URL contains no data"
    : undefined

/** The field that an item of a type must have. The types do not reach every caller. */
const required: { readonly [type: string]: string } = {
  text: "text",
  localImage: "path",
  localAudio: "path",
  skill: "path"
}

/** Describes why the server cannot read an item. It would replace the item with a text, and continue. */
const unreadable = (item: Item, look: Look | undefined): string | undefined => {
  const field = required[item.type]
  if (field !== undefined && typeof Object(item)[field] !== "string") {
    return `an item of type ${item.type} has no ${field}; create items with the functions of the module Input`
  }
  switch (item.type) {
    case "image":
      return "url" in item ? wrongUrl(String(item.url), "localImage") : undefined
    case "audio":
      return "url" in item ? wrongUrl(String(item.url), "localAudio") : undefined
    case "localImage":
    case "localAudio":
      return wrongPath(item.path, look)
    case "skill":
      // Skills that are no files have URIs.
      return /^[a-z][a-z0-9+.-]+:\/\//i.test(item.path) ? undefined : wrongPath(item.path, look)
    default:
      return undefined
  }
}

/** Converts input to items. With `look`, it checks that files exist. Fails with `InvalidInputError`. */
export const toItems = (input: Input, look?: Look): Effect.Effect<ReadonlyArray<Item>, InvalidInputError> => {
  if (isExternal(input)) return invalid("an external message can't be combined with other input, nor steer a turn")
  const items = isList(input) ? input : [input]
  if (items.length === 0) return invalid("the list is empty; pass at least one item")
  const result: Array<Item> = []
  for (const item of items) {
    if (isExternal(item)) return invalid("an external message can't be combined with other input, nor steer a turn")
    if (typeof item === "string") result.push(text(item))
    else if (typeof item === "object" && item !== null && typeof item.type === "string") result.push(item)
    else return invalid("an item is neither a string nor created by a function of the module Input")
  }
  for (const item of result) {
    const problem = unreadable(item, look)
    if (problem !== undefined) return invalid(problem)
  }
  const empty = result.every((item) => item.type === "text" && item.text.trim() === "")
  return empty ? invalid("the text is empty") : Effect.succeed(result)
}

/** Converts input to parameters of `turn/start`. With `look`, it checks that files exist. Fails with `InvalidInputError`. */
export const toTurnParams = (
  input: Input,
  look?: Look
): Effect.Effect<Pick<Protocol.TurnStartParams, "input" | "toolOutput">, InvalidInputError> => {
  if (isList(input) && input.length === 0) return Effect.succeed({ input: [] })
  if (!isExternal(input)) return Effect.map(toItems(input, look), (input) => ({ input }))
  if (input.toolName.trim() === "") return invalid("the toolName of an external message is blank")
  return Effect.succeed({
    input: [],
    toolOutput: {
      name: input.toolName,
      output: input.content,
      ...(input.namespace === undefined ? {} : { namespace: input.namespace })
    }
  })
}
