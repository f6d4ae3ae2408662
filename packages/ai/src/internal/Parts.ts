/**
 * Parts: the events of a turn as the parts of a response.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Notification from "effect-codex/Notification"
import type * as Response from "effect/ai/Response"
import type * as Tool from "effect/ai/Tool"
import * as CodexTools from "./CodexTools.ts"
import * as ToolCodec from "./ToolCodec.ts"
import * as Transcript from "./Transcript.ts"

/** A part, and the entry of the transcript that it completes. */
export interface Draft {
  readonly part: Response.StreamPartEncoded
  readonly entry?: Transcript.Entry
}

/** How a step wants its parts. */
export interface Style {
  readonly commentary: "reasoning" | "text" | "omit"
  /** The tools that the program has declared. */
  readonly tools: ReadonlyArray<Tool.Any>
  /**
   * Set if the tools are executed within the turn: tells whether a tool takes these parameters. Effect accepts no response
   * with a call that does not fit.
   */
  readonly accepts: ((tool: Tool.Any, params: unknown) => boolean) | undefined
}

/** A text or reasoning that is being written. */
interface Open {
  readonly kind: "text" | "reasoning"
  text: string
  /** The paragraph of the reasoning summary. */
  paragraph: number
}

/** Writes the parts of one turn. */
export class Parts {
  private readonly open = new Map<string, Open>()
  private readonly commentary = new Set<string>()
  private readonly activities = new Set<string>()
  /** Calls with parameters that do not fit, which appear nowhere. */
  private readonly refused = new Set<string>()
  /** Drafts that wait for the end of a text, so that the transcript has the order of the response. */
  private waiting: Array<Draft> = []

  /** Returns the parts that an event adds. */
  add(event: Notification.Notification, style: Style): ReadonlyArray<Draft> {
    switch (event.method) {
      case "item/started":
        return this.started(event.params.item, style)
      case "item/agentMessage/delta": {
        const { delta, itemId } = event.params
        const kind = this.commentary.has(itemId) ? style.commentary : "text"
        return kind === "omit" ? [] : this.write(itemId, kind, delta)
      }
      case "item/reasoning/summaryTextDelta": {
        const { delta, itemId, summaryIndex } = event.params
        return this.write(itemId, "reasoning", delta, summaryIndex)
      }
      case "item/reasoning/textDelta":
        return this.write(event.params.itemId, "reasoning", event.params.delta, event.params.contentIndex)
      case "item/completed":
        return this.completed(event.params.item, style)
      default:
        return []
    }
  }

  /** Returns a part that does not come from an event. */
  insert(draft: Draft): ReadonlyArray<Draft> {
    if (draft.entry === undefined || ![...this.open.values()].some(({ kind }) => kind === "text")) return [draft]
    this.waiting.push(draft)
    return []
  }

  /** Ends what is still open, because the step ends. */
  close(): ReadonlyArray<Draft> {
    return [...this.open.keys()].flatMap((id) => this.end(id)).concat(this.waiting.splice(0))
  }

  private started(item: Protocol.ThreadItem, style: Style): ReadonlyArray<Draft> {
    if (item.type === "agentMessage" && item.phase === "commentary") this.commentary.add(item.id)
    if (item.type === "dynamicToolCall") {
      const tool = style.tools.find(({ name }) => name === item.tool)
      const params = ToolCodec.decodeParams(tool, item.arguments)
      if (style.accepts === undefined) return asked(item.id, item.tool, params, item.arguments)
      if (tool !== undefined && style.accepts(tool, params)) return this.executed(item.id, item.tool, params)
      this.refused.add(item.id)
      return []
    }
    const activity = CodexTools.activityOf(item)
    return activity?.startsKnown === true ? this.activity(activity, style) : []
  }

  private completed(item: Protocol.ThreadItem, style: Style): ReadonlyArray<Draft> {
    switch (item.type) {
      case "agentMessage": {
        const kind = item.phase === "commentary" ? style.commentary : "text"
        return kind === "omit"
          ? []
          : [...this.write(item.id, kind, this.rest(item.id, item.text)), ...this.end(item.id)]
      }
      case "reasoning": {
        const written = this.open.has(item.id)
        const texts = item.summary?.length ? item.summary : item.content ?? []
        const parts = written ? [] : texts.flatMap((text, index) => this.write(item.id, "reasoning", text, index))
        return [...parts, ...this.end(item.id)]
      }
      case "imageGeneration": {
        const mediaType = "image/png"
        const data = "result" in item ? item.result : ""
        return data === ""
          ? []
          : this.insert({ part: { type: "file", mediaType, data }, entry: Transcript.fileMessage(mediaType) })
      }
      default: {
        const activity = CodexTools.activityOf(item)
        const tool = activity && style.tools.find(({ id }) => id === activity.toolId)
        if (activity === undefined || tool === undefined) return []
        const { id, isFailure, result } = activity
        return [
          ...this.activity(activity, style),
          ...this.result({ id, name: tool.name, isFailure, result })
        ]
      }
    }
  }

  /** Returns the call of one of Codex's tools, the first time it is seen, if the tool is declared. */
  private activity({ id, params, toolId }: CodexTools.Activity, style: Style): ReadonlyArray<Draft> {
    const tool = style.tools.find((tool) => tool.id === toolId)
    if (tool === undefined || this.activities.has(id)) return []
    this.activities.add(id)
    return this.executed(id, tool.name, params)
  }

  private executed(id: string, name: string, params: unknown): ReadonlyArray<Draft> {
    const part = { type: "tool-call", id, name, params, providerExecuted: true } as const
    return this.insert({ part, entry: { _tag: "Call", id, name, params } })
  }

  /** Returns the result of a tool that was executed within the turn. */
  result(
    { content, id, isFailure, modelOutput, name, preliminary = false, result }: {
      readonly id: string
      readonly name: string
      readonly isFailure: boolean
      readonly result: unknown
      readonly modelOutput?: Response.ToolResultPartEncoded["modelOutput"] | undefined
      readonly content?: Transcript.Result["content"]
      readonly preliminary?: boolean
    }
  ): ReadonlyArray<Draft> {
    if (this.refused.has(id)) return []
    const part = {
      type: "tool-result",
      id,
      name,
      isFailure,
      result,
      preliminary,
      providerExecuted: true,
      ...(modelOutput === undefined ? {} : { modelOutput })
    } as const
    const entry = { _tag: "Result", id, name, isFailure, result, content, isMissing: false } as const
    return preliminary ? [{ part }] : this.insert({ part, entry })
  }

  /** Returns the end of a text that was not sent piece by piece. */
  private rest(id: string, text: string): string {
    const written = this.open.get(id)?.text ?? ""
    return text.startsWith(written) ? text.slice(written.length) : ""
  }

  private write(id: string, kind: Open["kind"], delta: string, paragraph = 0): ReadonlyArray<Draft> {
    if (delta === "") return []
    const drafts: Array<Draft> = []
    let open = this.open.get(id)
    if (open === undefined) {
      open = { kind, text: "", paragraph }
      this.open.set(id, open)
      drafts.push({ part: { type: `${kind}-start`, id } })
    }
    const piece = paragraph === open.paragraph ? delta : `\n\n${delta}`
    open.paragraph = paragraph
    open.text += piece
    drafts.push({ part: { type: `${kind}-delta`, id, delta: piece } })
    return drafts
  }

  private end(id: string): ReadonlyArray<Draft> {
    const open = this.open.get(id)
    if (open === undefined) return []
    this.open.delete(id)
    const part = { type: `${open.kind}-end`, id } as const
    if (open.kind === "reasoning") return [{ part }]
    return [{ part, entry: Transcript.message("assistant", open.text) }, ...this.waiting.splice(0)]
  }
}

/** Returns a call that the program is asked to answer. */
const asked = (id: string, name: string, params: unknown, json: Protocol.Json): ReadonlyArray<Draft> => [
  { part: { type: "tool-params-start", id, name } },
  { part: { type: "tool-params-delta", id, delta: JSON.stringify(json) } },
  { part: { type: "tool-params-end", id } },
  { part: { type: "tool-call", id, name, params }, entry: { _tag: "Call", id, name, params } }
]
