/**
 * Items of scripted replies; the public module `Item` describes them.
 */
import * as Predicate from "effect/Predicate"
import type { Step } from "./Step.ts"

/** One item of a reply's output. */
export type Item = Message | Reasoning | FunctionCall | CustomToolCall | Raw

/** Text that arrives in pieces, with steps between them. */
export type Deltas = ReadonlyArray<string | Step>

/** What the agent says. */
export interface Message {
  readonly _tag: "Message"
  /** The text as it arrives. */
  readonly deltas: Deltas
  /** The text of the finished item. */
  readonly text: string
  /** Whether it is a remark on the way or the answer; undefined if the model does not say. */
  readonly phase: "commentary" | "final_answer" | undefined
}

/** A summary of what the model thinks. */
export interface Reasoning {
  readonly _tag: "Reasoning"
  /** The text as it arrives. */
  readonly deltas: Deltas
  /** The text of the finished item. */
  readonly text: string
}

/** A call of a tool whose arguments are JSON. */
export interface FunctionCall {
  readonly _tag: "FunctionCall"
  /** The tool that is called. */
  readonly name: string
  /** The namespace of the tool, if it has one. */
  readonly namespace: string | undefined
  /** How the result refers to the call; undefined for the default. */
  readonly callId: string | undefined
  /** The arguments as they are sent: JSON, unless a test wants them broken. */
  readonly arguments: string
}

/** A call of a tool whose input is free text. */
export interface CustomToolCall {
  readonly _tag: "CustomToolCall"
  /** The tool that is called. */
  readonly name: string
  /** How the result refers to the call; undefined for the default. */
  readonly callId: string | undefined
  /** The input, verbatim. */
  readonly input: string
}

/** An item exactly as it goes over the wire. */
export interface Raw {
  readonly _tag: "Raw"
  /** The item, with its `type`. */
  readonly item: Readonly<Record<string, unknown>> & { readonly type: string }
}

/** The text of a message or a reasoning item: all of it in one delta, or piece by piece. */
export type Text =
  | { readonly text: string; readonly deltas?: undefined }
  | {
    readonly deltas: Deltas
    /** The text of the finished item, by default the deltas joined. */
    readonly text?: string
  }

/** Options of {@link message}. */
export type MessageOptions = Text & {
  /** Whether the message is a remark on the way or the answer; left out by default, like older models do. */
  readonly phase?: "commentary" | "final_answer"
}

/**
 * A message of the agent. With `text` alone it arrives in one delta; an empty `text` sends none.
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
 * A summary of the model's reasoning: `item/reasoning/summaryTextDelta` and an item of the type `reasoning`.
 *
 * ```ts
 * Item.reasoning({ text: "The user wants a greeting." })
 * ```
 */
export const reasoning = (options: Text): Reasoning => ({ _tag: "Reasoning", ...textOf(options) })

/** Options of {@link functionCall}. */
export interface FunctionCallOptions {
  /** One of the names the request offers: see `ModelRequest.toolNames`. */
  readonly name: string
  /** Any JSON value; a string is sent as it is, so that broken arguments can be scripted too. */
  readonly arguments: unknown
  /** How the next request refers to the result; by default `call_<request>_<item>`, both counted from 0. */
  readonly callId?: string
  /** The namespace of a dynamic or an MCP tool that has one. */
  readonly namespace?: string
}

/**
 * A call of a function. Codex runs it and asks the model again: script one more reply, and read the result with
 * `ModelRequest.toolOutput`.
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
  /** One of the names the request offers: see `ModelRequest.toolNames`. */
  readonly name: string
  /** The input, verbatim. */
  readonly input: string
  /** How the next request refers to the result; by default `call_<request>_<item>`, both counted from 0. */
  readonly callId?: string
}

/** A call of a tool with free text for input, such as `apply_patch` where the model has it in that form. */
export const customToolCall = (options: CustomToolCallOptions): CustomToolCall => ({
  _tag: "CustomToolCall",
  name: options.name,
  callId: options.callId,
  input: options.input
})

/**
 * Any other item of the Responses API, verbatim, for what has no constructor here.
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
