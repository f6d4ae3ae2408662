/**
 * States of the connection of a client.
 */
import type { CodexConnectionError, ConnectError } from "../errors/CodexError.ts"

/**
 * A state of the connection of a client:
 *
 * - `Connected`: requests are sent. `connections` is the number of connections so far.
 * - `Lost`: the connection has ended, and `error` says how. If the client reconnects, `Reconnecting` follows; if not, it is the
 *   last state.
 * - `Reconnecting`: an attempt to connect again. `attempt` counts them from 1 since the loss, and `error` is the failure of the
 *   attempt before, or the loss.
 *
 * @category models
 */
export type ConnectionState =
  | { readonly _tag: "Connected"; readonly connections: number }
  | { readonly _tag: "Lost"; readonly error: CodexConnectionError }
  | { readonly _tag: "Reconnecting"; readonly attempt: number; readonly error: ConnectError }
