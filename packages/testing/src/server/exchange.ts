/** The types of the messages between the fake app-server and its client. */
import type * as Methods from "@effect-codex/protocol/Methods"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Gate from "../script/Gate.ts"
import type * as Fixture from "./Fixture.ts"

/** A JSON object as it was received. */
export type Raw = { readonly [key: string]: unknown }

/** A method that a client can call. */
export type Method = Methods.ClientRequestMethod

/** The parameters of a method. `unknown` for methods that this version of the protocol lacks. */
export type Params<M extends string> = M extends Method ? Methods.ClientRequests[M]["params"] : unknown

/** The response to a method. `unknown` for methods that this version of the protocol lacks. */
export type Response<M extends string> = M extends Method ? Methods.ClientRequests[M]["response"] : unknown

/** A JSON-RPC error, from a handler or from the client. */
export class RpcError extends Schema.TaggedError<RpcError>("@effect-codex/testing/RpcError")("RpcError", {
  code: Schema.Number,
  message: Schema.String,
  data: Schema.optionalKey(Schema.Unknown)
}) {}

/** A request that the client sent. */
export interface Request<M extends string = string> {
  readonly id: string | number
  readonly method: M
  /** The parameters as the client sent them. They are not validated. */
  readonly params: Params<M>
  /** The whole message, including its trace context, if any. */
  readonly message: Raw
  /** The number of the connection: 1 for the first, one more after each restart. */
  readonly connection: number
  /**
   * Returns the server's default response, and makes everything happen that follows from it. Use it in a handler that
   * only delays the default, or adds to it.
   */
  readonly byDefault: Effect.Effect<Response<M>, RpcError>
}

/**
 * The script of a turn: a text, which is sent word by word; its pieces, with gates between them at which the turn waits
 * for the test; or the whole content of a turn.
 */
export type TurnScript = string | ReadonlyArray<string | Gate.Gate> | Fixture.TurnContent<Gate.Gate>
