/**
 * What a turn is told: text, images, sound, skills, mentions, or a message from outside.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import { InvalidInputError } from "./model/CodexError.ts"
import type { PathKind } from "./model/Transport.ts"

/**
 * One item of a user's input, as the protocol has it.
 *
 * @category models
 */
export type Item = Protocol.UserInputInput

/**
 * Input that does not come from the user, and is not to be trusted as if it did: shown to the model as the output of a
 * tool.
 *
 * @category models
 */
export interface ExternalMessage {
  readonly type: "externalMessage"
  /** The tool that the message is shown as the output of. */
  readonly toolName: string
  /** The namespace of the tool, if it has one. */
  readonly namespace: string | undefined
  /** A text, or the pieces that the output of a tool can have. */
  readonly content: Protocol.FunctionCallOutputBodyInput
}

/**
 * Input of `run`, `turn`, `stream` and `steer`: a text, an item, a list of both, or an external message by itself. With an
 * empty list, a turn goes on from the thread's history.
 *
 * @category models
 */
export type Input = string | Item | ExternalMessage | ReadonlyArray<string | Item>

/** A text. A plain string means the same. */
export const text = (text: string): Item => ({ type: "text", text, text_elements: [] })

/**
 * An image as a `data:` URL. Older servers fetch `http` URLs as well; 0.169 refuses them with `InvalidRequest`. A `file:` URL
 * and one without data fail with `InvalidInputError`.
 */
export const image = (url: string, detail?: Protocol.ImageDetailLiteral): Item => ({
  type: "image",
  url,
  ...(detail === undefined ? {} : { detail })
})

/**
 * An image file. The server reads it; a relative path starts at the working directory of the server. If the server runs on
 * this machine, a path without a file fails with `InvalidInputError` and nothing is sent.
 */
export const localImage = (path: string, detail?: Protocol.ImageDetailLiteral): Item => ({
  type: "localImage",
  path,
  ...(detail === undefined ? {} : { detail })
})

/** A recording as a `data:` URL. A `file:` URL and one without data fail with `InvalidInputError`. */
export const audio = (url: string): Item => ({ type: "audio", url })

/** A recording in a file. Its path follows the rules of {@link localImage}. */
export const localAudio = (path: string): Item => ({ type: "localAudio", path })

/**
 * A skill, by its name and the path of its SKILL.md: its text is put before the model. It must be one that the server
 * has found (`skills/list`); another one is silently left out.
 */
export const skill = (name: string, path: string): Item => ({ type: "skill", name, path })

/** A mention of something the server can find under this path: a file, an app, a plugin. */
export const mention = (name: string, path: string): Item => ({ type: "mention", name, path })

/**
 * A message from outside, such as an e-mail or a web hook: the model sees it as the output of the tool `toolName`, not as
 * the user's word. It starts a turn by itself: it can't be combined with other items, and no turn is steered with it.
 * Needs Codex 0.151.0.
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
  other: "is not a regular file",
  hidden: "cannot be read"
}

const wrongPath = (path: string, look: Look | undefined): string | undefined => {
  const kind = look?.(path) ?? "file"
  return kind === "file" ? undefined : `the file ${JSON.stringify(path)} ${mistakenFor[kind]}`
}

const wrongUrl = (url: string, local: string): string | undefined =>
  /^file:/i.test(url)
    ? `the server reads no file: URLs; give the path to Input.${local}`
    : !/^[a-z][a-z0-9+.-]*:/i.test(url)
    ? `a URL begins with its scheme, such as data:; give a path to Input.${local}`
    : /^data:[^,]*,?\s*$/i.test(url)
    ? "the data: URL holds no data"
    : undefined

/** Tells why an item cannot be read. The server would put a text in its place, and the turn would go on. */
const unreadable = (item: Item, look: Look | undefined): string | undefined => {
  switch (item.type) {
    case "image":
      return "url" in item ? wrongUrl(item.url, "localImage") : undefined
    case "audio":
      return "url" in item ? wrongUrl(item.url, "localAudio") : undefined
    case "localImage":
    case "localAudio":
      return wrongPath(item.path, look)
    default:
      return undefined
  }
}

/** The items of a user's input. With `look`, the files that they name must exist. */
export const toItems = (input: Input, look?: Look): Effect.Effect<ReadonlyArray<Item>, InvalidInputError> => {
  if (isExternal(input)) return invalid("an external message can't be combined with other input, nor steer a turn")
  const items = isList(input) ? input : [input]
  if (items.length === 0) return invalid("the list is empty; give at least one item")
  const result: Array<Item> = []
  for (const item of items) {
    if (isExternal(item)) return invalid("an external message can't be combined with other input, nor steer a turn")
    if (typeof item === "string") result.push(text(item))
    else if (typeof item === "object" && item !== null && typeof item.type === "string") result.push(item)
    else return invalid("an item is a string, or made with a function of the module Input")
  }
  for (const item of result) {
    const problem = unreadable(item, look)
    if (problem !== undefined) return invalid(problem)
  }
  const empty = result.every((item) => item.type === "text" && item.text.trim() === "")
  return empty ? invalid("the text is empty") : Effect.succeed(result)
}

/** The parameters of `turn/start` for an input. With `look`, the files that it names must exist. */
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
