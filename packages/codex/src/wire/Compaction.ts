/**
 * The start of a compaction: a turn that the server begins by itself after it has accepted the request.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type CodexConnectionError, CodexTimeoutError, type RequestError } from "../model/errors/CodexError.ts"
import type { Client } from "./Client.ts"
import type { Router, StartedTurn } from "./Router.ts"

/** The time limit for the server to begin a compaction that it has accepted. */
const timeout = Duration.seconds(30)

/** Starts a compaction. Only its events identify its turn, so the thread must have no other one. */
export const start = (
  { client, router }: { readonly client: Client["Service"]; readonly router: Router["Service"] },
  threadId: string
): Effect.Effect<StartedTurn, RequestError> =>
  Effect.suspend(() => {
    const method = "thread/compact/start"
    const turn = Deferred.makeUnsafe<StartedTurn, CodexConnectionError>()
    const expected = router.expectTurn(threadId)
    expected.adopt((exit) => Deferred.doneUnsafe(turn, exit))
    return client.request(method, { threadId }).pipe(
      Effect.andThen(Effect.timeoutOrElse(Deferred.await(turn), {
        duration: timeout,
        orElse: () => Effect.fail(new CodexTimeoutError({ method, timeoutMs: Duration.toMillis(timeout), threadId }))
      })),
      Effect.ensuring(Effect.sync(expected.close))
    )
  })
