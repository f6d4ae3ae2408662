/**
 * The transcript of a prompt: its messages as a model sees them, in the order in which Codex would have recorded them.
 *
 * The result of a tool call stands right after the message with the call, wherever a program keeps it. Reasoning is left
 * out, because the model can't read it back.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Content from "./Content.ts"
import { stringify } from "./json.ts"
import * as Ticket from "./Ticket.ts"

/** A message of someone, in one or several pieces. */
export interface Message {
  readonly _tag: "Message"
  readonly role: "user" | "assistant" | "developer"
  readonly content: ReadonlyArray<Content.Content>
}

/** A call of a tool. */
export interface Call {
  readonly _tag: "Call"
  readonly id: string
  readonly name: string
  /** The parameters, as they are encoded for the tool. */
  readonly params: unknown
}

/** The result of a tool call. */
export interface Result {
  readonly _tag: "Result"
  readonly id: string
  readonly name: string
  readonly isFailure: boolean
  /** The result, as the tool has encoded it. */
  readonly result: unknown
  /** The text that the model sees instead of the result, if the tool says so. */
  readonly content: ReadonlyArray<Content.Content> | undefined
  /** Whether the prompt has no result for the call. */
  readonly isMissing: boolean
}

export type Entry = Message | Call | Result

/** A prompt, cut behind its last assistant message. */
export interface Transcript {
  /** The text of the leading system messages; undefined if there are none. */
  readonly system: string | undefined
  /** Everything up to the last assistant message; the calls in it are without their results. */
  readonly before: ReadonlyArray<Entry>
  /** The ticket in the last assistant message. */
  readonly ticket: Ticket.Ticket | undefined
  /** The results of the calls in the last assistant message. */
  readonly results: ReadonlyArray<Result>
  /** The messages after it. */
  readonly after: ReadonlyArray<Message>
}

/** Returns a message with one text. */
export const message = (role: Message["role"], text: string): Message => ({
  _tag: "Message",
  role,
  content: [Content.text(text)]
})

/** Returns the entry of a file that the agent has made, whose bytes the model does not see again. */
export const fileMessage = (mediaType: string): Message => message("assistant", `[${mediaType} file]`)

type Results = ReadonlyMap<string, Prompt.ToolResultPart>

/** Reads a prompt. Fails if it has content that can't be put before the model. */
export const read = Effect.fnUntraced(function*(
  prompt: Prompt.Prompt
): Effect.fn.Return<Transcript, AiError.InvalidUserInputError> {
  const messages = prompt.content
  const first = messages.findIndex(({ role }) => role !== "system")
  const start = first === -1 ? messages.length : first
  const last = messages.findLastIndex(({ role }) => role === "assistant")
  const results: Results = new Map(messages.flatMap((message) =>
    message.role === "tool"
      ? message.content.flatMap((part) => part.type === "tool-result" ? [[part.id, part] as const] : [])
      : []
  ))

  const before: Array<Entry> = []
  const after: Array<Message> = []
  let answers: ReadonlyArray<Result> = []
  let ticket: Ticket.Ticket | undefined
  for (const [index, message] of messages.entries()) {
    if (index < start || message.role === "tool") continue
    if (message.role === "assistant") {
      const { calls, entries } = yield* assistant(message)
      before.push(...entries)
      const found = yield* Effect.forEach(calls, (call) => resultOf(call, results))
      if (index < last) before.push(...found)
      else {
        answers = found
        ticket = Ticket.ofMessage(message)
      }
      continue
    }
    const entry: Message = message.role === "system"
      ? messageOf("developer", [Content.text(message.content)])
      : messageOf("user", yield* Effect.forEach(message.content, Content.ofPart))
    if (index < last) before.push(entry)
    else after.push(entry)
  }

  const system = messages.slice(0, start).flatMap((message) => message.role === "system" ? [message.content] : [])
  return { system: system.length === 0 ? undefined : system.join("\n\n"), before, ticket, results: answers, after }
})

const messageOf = (role: Message["role"], content: ReadonlyArray<Content.Content>): Message => ({
  _tag: "Message",
  role,
  content
})

/** Reads an assistant message. Its calls are those whose results stand elsewhere. */
const assistant = Effect.fnUntraced(function*(
  { content }: Prompt.AssistantMessage
): Effect.fn.Return<
  { readonly entries: ReadonlyArray<Entry>; readonly calls: ReadonlyArray<Call> },
  AiError.InvalidUserInputError
> {
  const entries: Array<Entry> = []
  const calls: Array<Call> = []
  for (const part of content) {
    switch (part.type) {
      case "text":
        if (part.text !== "") entries.push(message("assistant", part.text))
        break
      case "file":
        entries.push(fileMessage(part.mediaType))
        break
      case "tool-call": {
        const call: Call = { _tag: "Call", id: part.id, name: part.name, params: part.params }
        entries.push(call)
        if (!part.providerExecuted) calls.push(call)
        break
      }
      case "tool-result":
        entries.push(yield* result(part))
        break
    }
  }
  return { entries, calls }
})

const resultOf = (call: Call, results: Results): Effect.Effect<Result, AiError.InvalidUserInputError> => {
  const found = results.get(call.id)
  return found !== undefined ? result(found) : Effect.succeed({
    _tag: "Result",
    id: call.id,
    name: call.name,
    isFailure: true,
    result: "The call was not answered.",
    content: undefined,
    isMissing: true
  })
}

const result = (part: Prompt.ToolResultPart): Effect.Effect<Result, AiError.InvalidUserInputError> =>
  Effect.map(
    part.modelOutput === undefined
      ? Effect.succeed(undefined)
      : Effect.forEach(part.modelOutput, Content.ofPart),
    (content) => ({
      _tag: "Result",
      id: part.id,
      name: part.name,
      isFailure: part.isFailure,
      result: part.result,
      content,
      isMissing: false
    })
  )

/** Returns a result as the text that the model sees, if it is not made of other content. */
export const textOf = ({ result }: Pick<Result, "result">): string =>
  typeof result === "string" ? result : result === undefined || result === null ? "Done." : stringify(result) ?? "Done."
