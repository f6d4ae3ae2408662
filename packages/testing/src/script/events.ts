/** Encodes a reply as server-sent events of the Responses API. */
import type { Item } from "./Item.ts"
import type { Events } from "./Reply.ts"
import * as Step from "./Step.ts"

/** The text of events that are sent together, or a step before the next ones. */
export type Frame = string | Step.Step

/** Encodes the reply to the request with that index. Adjacent events share a frame, unless the reply is paced. */
export const frames = (reply: Events, request: number): ReadonlyArray<Frame> => {
  const frames: Array<Frame> = []
  let text = ""
  const flush = () => {
    if (text !== "") frames.push(text)
    text = ""
  }
  for (const part of events(reply, request)) {
    if (isStep(part)) {
      flush()
      frames.push(part)
      continue
    }
    if (reply.pace !== undefined && frames.length + text.length > 0) {
      flush()
      frames.push(Step.delay(reply.pace))
    }
    text += `event: ${part.type}\ndata: ${JSON.stringify(part)}\n\n`
  }
  flush()
  return frames
}

type Event = { readonly type: string } & Readonly<Record<string, unknown>>

const isStep = (part: Event | Item | Step.Step): part is Step.Step =>
  "_tag" in part && (part._tag === "Gate" || part._tag === "Delay" || part._tag === "Hang" || part._tag === "Cut")

function* events(reply: Events, request: number): Generator<Event | Step.Step> {
  const id = `resp_${request}`
  yield { type: "response.created", response: { id } }
  let index = 0
  for (const part of reply.parts) {
    if (isStep(part)) yield part
    else yield* itemEvents(part, `${request}_${index}`, index++)
  }
  yield reply.end._tag === "Failed"
    ? { type: "response.failed", response: { id, status: "failed", error: reply.end.error } }
    : {
      type: "response.completed",
      response: {
        id,
        status: "completed",
        usage: {
          input_tokens: reply.end.usage.inputTokens,
          input_tokens_details: { cached_tokens: reply.end.usage.cachedInputTokens },
          output_tokens: reply.end.usage.outputTokens,
          output_tokens_details: { reasoning_tokens: reply.end.usage.reasoningOutputTokens },
          total_tokens: reply.end.usage.totalTokens
        }
      }
    }
}

function* itemEvents(item: Item, id: string, output_index: number): Generator<Event | Step.Step> {
  const done = (item: Event): Event => ({ type: "response.output_item.done", output_index, item })
  const added = (item: Event): Event => ({ type: "response.output_item.added", output_index, item })
  switch (item._tag) {
    case "Message": {
      const item_id = `msg_${id}`
      const message = (status: string, content: ReadonlyArray<unknown>): Event => ({
        type: "message",
        id: item_id,
        role: "assistant",
        status,
        content,
        phase: item.phase
      })
      yield added(message("in_progress", []))
      for (const delta of item.deltas) {
        yield typeof delta === "string"
          ? { type: "response.output_text.delta", item_id, output_index, content_index: 0, delta }
          : delta
      }
      return yield done(message("completed", [{ type: "output_text", text: item.text, annotations: [] }]))
    }
    case "Reasoning": {
      const item_id = `rs_${id}`
      const reasoning = (summary: ReadonlyArray<unknown>): Event => ({ type: "reasoning", id: item_id, summary })
      yield added(reasoning([]))
      yield { type: "response.reasoning_summary_part.added", item_id, output_index, summary_index: 0 }
      for (const delta of item.deltas) {
        yield typeof delta === "string"
          ? { type: "response.reasoning_summary_text.delta", item_id, output_index, summary_index: 0, delta }
          : delta
      }
      return yield done(reasoning([{ type: "summary_text", text: item.text }]))
    }
    case "FunctionCall":
      return yield done({
        type: "function_call",
        id: `fc_${id}`,
        call_id: item.callId ?? `call_${id}`,
        name: item.name,
        namespace: item.namespace,
        arguments: item.arguments,
        status: "completed"
      })
    case "CustomToolCall":
      return yield done({
        type: "custom_tool_call",
        id: `ctc_${id}`,
        call_id: item.callId ?? `call_${id}`,
        name: item.name,
        input: item.input,
        status: "completed"
      })
    case "Raw":
      return yield done(item.item)
  }
}
