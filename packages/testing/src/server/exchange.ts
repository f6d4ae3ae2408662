/** What goes between the fake app-server and its client. */
import type * as Methods from "@effect-codex/protocol/Methods"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Gate from "../script/Gate.ts"
import type * as Fixture from "./Fixture.ts"

/** A JSON object as it was received. */
export type Raw = { readonly [key: string]: unknown }

/** A method that a client can call. */
export type Method = Methods.ClientRequestMethod

/** The parameters of a method; unknown for a method that this version of the protocol does not have. */
export type Params<M extends string> = M extends Method ? Methods.ClientRequests[M]["params"] : unknown

/** The answer to a method; unknown for a method that this version of the protocol does not have. */
export type Response<M extends string> = M extends Method ? Methods.ClientRequests[M]["response"] : unknown

/** A JSON-RPC error: what a handler refuses with, or what the client answered. */
export class RpcError extends Schema.TaggedError<RpcError>("@effect-codex/testing/RpcError")("RpcError", {
  code: Schema.Number,
  message: Schema.String,
  data: Schema.optionalKey(Schema.Unknown)
}) {}

/** A request that the client sent. */
export interface Request<M extends string = string> {
  readonly id: string | number
  readonly method: M
  /** The parameters. They are not checked: they are what the client sent. */
  readonly params: Params<M>
  /** The whole message, with the trace context if there is one. */
  readonly message: Raw
  /** Which connection it came by: 1 for the first, one more for each restart. */
  readonly connection: number
  /** What the server answers by itself, with all that follows from it: for a handler that only delays, or adds. */
  readonly byDefault: Effect.Effect<Response<M>, RpcError>
}

/**
 * What the agent does in a turn: a text, delivered word by word; its pieces, with gates between them at which the turn
 * waits for the test; or all that can be said of a turn.
 */
export type TurnScript = string | ReadonlyArray<string | Gate.Gate> | Fixture.TurnContent<Gate.Gate>
