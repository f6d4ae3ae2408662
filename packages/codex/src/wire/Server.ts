/**
 * The requests of the server, and the part of the client that answers them.
 */
import type * as JsonRpc from "../base/JsonRpc.ts"

/** A request of the server. */
export interface Incoming {
  readonly id: JsonRpc.Id
  /** The id as the server wrote it. It identifies the request, and the answer repeats it. */
  readonly key: string
  readonly method: string
  readonly params: unknown
  readonly threadId: string | undefined
  readonly turnId: string | undefined
}

/** The part of the client that answers requests of the server. */
export interface Server {
  /** Accepts a request. Returns at once; the response is sent later. */
  readonly request: (request: Incoming) => void
  /** The request with this key no longer needs an answer. */
  readonly resolved: (key: string) => void
  /** The turn has ended: its requests no longer need an answer. */
  readonly turnEnded: (threadId: string | undefined, turnId: string) => void
  /** The connection is lost, and with it every request. */
  readonly lost: () => void
}
