/**
 * Events of hosted threads: the notifications of the server, and a few of the host.
 */
import type { Notification } from "effect-codex/Notification"
import type * as ServerRequests from "effect-codex/ServerRequests"
import type { Cursor } from "./rpcs.ts"

/**
 * The thread was opened again, by another runner or after the loss of its app-server. If its last turn did not complete, the
 * completed items of that turn follow as `item/completed`.
 *
 * @category models
 */
export interface Moved {
  readonly method: "$moved"
  /** The new epoch. */
  readonly epoch: number
}

/**
 * Events between the cursor of a consumer and the oldest event that the host still has. Read the thread to catch up.
 *
 * @category models
 */
export interface Missed {
  readonly method: "$missed"
  /** The number of missed events. */
  readonly count: number
}

/**
 * The turn of a key begins: the notifications up to its {@link TurnEnded} are those of this turn.
 *
 * @category models
 */
export interface TurnStarted {
  readonly method: "$turnStarted"
  readonly turnKey: string
  /** 1 for the first turn of the key, more for those after a failure. */
  readonly attempt: number
}

/**
 * The turn of a key has ended. A turn whose runner or app-server was lost has none: {@link Moved} follows.
 *
 * @category models
 */
export interface TurnEnded {
  readonly method: "$turnEnded"
  readonly turnKey: string
}

/**
 * A request of the server, such as an approval or a question, which `thread.answer` answers.
 *
 * @category models
 */
export type Asked = {
  readonly [M in ServerRequests.InteractiveMethod]: {
    readonly method: "$asked"
    /** The id to answer. */
    readonly requestId: string
    /** The request, discriminated on `method`. */
    readonly request: { readonly method: M; readonly params: ServerRequests.Params<M> }
  }
}[ServerRequests.InteractiveMethod]

/**
 * A request of the server no longer needs an answer.
 *
 * @category models
 */
export interface Settled {
  readonly method: "$settled"
  readonly requestId: string
}

/** Events that the host adds to those of the server. */
export type HostEvent = Moved | Missed | TurnStarted | TurnEnded | Asked | Settled

/**
 * An event of a hosted thread, with the cursor to continue after it.
 *
 * @category models
 */
export type HostedEvent = (Notification | HostEvent) & { readonly cursor: Cursor }

/**
 * The first element of a subscription. Its cursor is the position where the subscription begins.
 *
 * @category models
 */
export interface Here {
  readonly method: "$here"
  /** The cursor of the newest event. The events up to it follow at once. */
  readonly end: Cursor
}

/**
 * An event, or the start of the subscription.
 *
 * @category models
 */
export type Followed = HostedEvent | (Here & { readonly cursor: Cursor })
