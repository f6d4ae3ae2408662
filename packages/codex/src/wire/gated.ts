/**
 * Requests whose methods some supported servers lack.
 */
import * as Effect from "effect/Effect"
import type { ThreadError } from "../model/errors/CodexError.ts"
import type { Method, Params, RequestArgs, Response } from "../model/requests/Request.ts"
import { supportedMethod } from "../options/supported.ts"
import type { Client, Hooks } from "./Client.ts"

/** Sends a request, or fails with `UnsupportedByServerError` if the connected server is too old for the method. */
export const gated =
  (client: Client["Service"]) =>
  <M extends Method>(method: M, ...args: RequestArgs<M>): Effect.Effect<Response<M>, ThreadError> =>
    Effect.suspend(() =>
      Effect.andThen(supportedMethod(method, client.metadata.serverVersion), client.request(method, ...args))
    )

/** As {@link gated}, for a request with hooks, which follow its progress. */
export const gatedWith = (client: Client["Service"]) =>
<M extends Method>(
  method: M,
  params: Params<M>,
  hooks: Hooks<M>
): Effect.Effect<Response<M>, ThreadError> =>
  Effect.suspend(() =>
    Effect.andThen(
      supportedMethod(method, client.metadata.serverVersion),
      client.requestWith(method, params, hooks)
    )
  )
