/**
 * The bounds on the unread events of a turn that the option `buffer` names: see `Options.Buffer`.
 */
import type { Bound } from "../base/Broadcast.ts"
import type * as Notification from "../model/turns/Notification.ts"
import * as Deltas from "./deltas.ts"

/** Keeps the newest events. */
export const sliding = (limit: number): Bound<Notification.Notification> => ({
  limit,
  shrink: (events) => events.slice(-limit)
})

/** Joins consecutive pieces of the same text; keeps all other events. */
export const coalescing: Bound<Notification.Notification> = {
  limit: 256,
  shrink: (events) => {
    const kept: Array<Notification.Notification> = []
    for (const event of events) {
      const last = kept.at(-1)
      if (last !== undefined && isDelta(last) && isDelta(event) && textOf(last) === textOf(event)) {
        kept[kept.length - 1] = join(last, event)
      } else kept.push(event)
    }
    return kept
  }
}

/** A piece of a text. */
type Delta = Extract<Notification.Notification, { readonly method: Deltas.Method }>

const isDelta = (event: Notification.Notification): event is Delta => Deltas.methods.has(event.method)

/** Identifies the text that a piece belongs to. */
const textOf = ({ method, params }: Delta): string => {
  const part = "contentIndex" in params ? params.contentIndex : "summaryIndex" in params ? params.summaryIndex : 0
  return `${method} ${params.itemId} ${part}`
}

const join = (first: Delta, second: Delta): Delta => {
  const params = { ...second.params, delta: first.params.delta + second.params.delta }
  // Both are of one method, which TypeScript can't follow through the spread.
  return { ...second, params, raw: { ...second.raw, params } } as Delta
}
