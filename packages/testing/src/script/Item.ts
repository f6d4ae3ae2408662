/**
 * Items of scripted replies; the public module `Item` describes them.
 */
import * as Predicate from "effect/Predicate"
import type { Step } from "./Step.ts"

/** One item of a reply's output. */
export type Item = Message | Reasoning | FunctionCall | CustomToolCall | Raw

/** Text in pieces, with steps between them. */
export type Deltas = ReadonlyArray<string | Step>

/** A message from the agent. */
export interface Message {
  readonly _tag: "Message"
  /** The text as it is sent, piece by piece. */
  readonly deltas: Deltas
  /** The text of the completed item. */
  readonly text: string
  /** The phase: a remark along the way, or the answer. `undefined` if the model does not set it. */
  readonly phase: "commentary" | "final_answer" | undefined
}

/** A summary of the model's reasoning. */
export interface Reasoning {
  readonly _tag: "Reasoning"
  /** The text as it is sent, piece by piece. */
  readonly deltas: Deltas
  /** The text of the completed item. */
  readonly text: string
}

/** A call to a tool that takes JSON arguments. */
export interface FunctionCall {
  readonly _tag: "FunctionCall"
  /** The name of the tool. */
  readonly name: string
  /** The namespace of the tool, if it has one. */
  readonly namespace: string | undefined
  /** The id of the call, to which its result refers. `undefined` for the default. */
  readonly callId: string | undefined
  /** The arguments as they are sent: JSON, unless a test breaks them on purpose. */
  readonly arguments: string
}

/** A call to a tool that takes free text. */
export interface CustomToolCall {
  readonly _tag: "CustomToolCall"
  /** The name of the tool. */
  readonly name: string
  /** The id of the call, to which its result refers. `undefined` for the default. */
  readonly callId: string | undefined
  /** The input, verbatim. */
  readonly input: string
}

/** An item that is sent exactly as it is. */
export interface Raw {
  readonly _tag: "Raw"
  /** The item, with its `type`. */
  readonly item: Readonly<Record<string, unknown>> & { readonly type: string }
}

/** The text of a message or a reasoning item, in one delta or in several. */
export type Text =
  | { readonly text: string; readonly deltas?: undefined }
  | {
    readonly deltas: Deltas
    /** The text of the completed item. Default: the joined deltas. */
    readonly text?: string
  }

/** Options of {@link message}. */
export type MessageOptions = Text & {
  /** The phase: a remark along the way, or the answer. Default: none, as with older models. */
  readonly phase?: "commentary" | "final_answer"
}

/**
 * A message from the agent. With `text` alone, the whole text is one delta. An empty `text` sends no delta.
 *
 * ```ts
 * Item.message({ deltas: ["Hel", "lo"], phase: "final_answer" })
 * ```
 */
export const message = (options: MessageOptions): Message => ({
  _tag: "Message",
  ...textOf(options),
  phase: options.phase
})

/**
 * A summary of the model's reasoning. The client receives `item/reasoning/summaryTextDelta` and a `reasoning` item.
 *
 * ```ts
 * Item.reasoning({ text: "The user wants a greeting." })
 * ```
 */
export const reasoning = (options: Text): Reasoning => ({ _tag: "Reasoning", ...textOf(options) })

/** Options of {@link functionCall}. */
export interface FunctionCallOptions {
  /** The name of a tool that the request offers: see `ModelRequest.toolNames`. */
  readonly name: string
  /** The arguments, as any JSON value. A string is sent unchanged, so that a test can send broken JSON. */
  readonly arguments: unknown
  /** The id under which the next request holds the result. Default: `call_<request>_<item>`, both counted from 0. */
  readonly callId?: string
  /** The namespace of the tool, if it has one. `ModelRequest.toolNames` lists such a tool as `namespace.name`. */
  readonly namespace?: string
}

/**
 * A call to a function tool. Codex runs the tool and sends another request, so script one more reply. Read the result
 * from that request, with `ModelRequest.toolOutput`.
 *
 * ```ts
 * Item.functionCall({ name: "exec_command", arguments: { cmd: "echo hi" } })
 * ```
 */
export const functionCall = (options: FunctionCallOptions): FunctionCall => ({
  _tag: "FunctionCall",
  name: options.name,
  namespace: options.namespace,
  callId: options.callId,
  arguments: Predicate.isString(options.arguments) ? options.arguments : JSON.stringify(options.arguments)
})

/** Options of {@link customToolCall}. */
export interface CustomToolCallOptions {
  /** The name of a tool that the request offers: see `ModelRequest.toolNames`. */
  readonly name: string
  /** The input, verbatim. */
  readonly input: string
  /** The id under which the next request holds the result. Default: `call_<request>_<item>`, both counted from 0. */
  readonly callId?: string
}

/** A call to a tool that takes free text, such as `apply_patch` with models that have it in that form. */
export const customToolCall = (options: CustomToolCallOptions): CustomToolCall => ({
  _tag: "CustomToolCall",
  name: options.name,
  callId: options.callId,
  input: options.input
})

/**
 * Any item of the Responses API, sent verbatim. Use it for items that have no constructor here.
 *
 * ```ts
 * Item.raw({ type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "effect" } })
 * ```
 */
export const raw = (item: Raw["item"]): Raw => ({ _tag: "Raw", item })

const textOf = (options: Text): { readonly text: string; readonly deltas: Deltas } => {
  const deltas = options.deltas ?? (options.text === "" ? [] : [options.text])
  return { deltas, text: options.text ?? deltas.filter(Predicate.isString).join("") }
}
