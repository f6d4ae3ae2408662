/**
 * The sub-agents of one thread, as a Stream of their handles.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { CodexConnectionError } from "../model/errors/CodexError.ts"
import type { Member } from "../wire/Member.ts"
import type { Services } from "./Services.ts"

/** Emits a handle, made by `handle`, for each sub-agent of a thread: first the known ones, then each new one. */
export const make = <A>(
  { client, router: { family } }: Services,
  id: string,
  handle: (threadId: string) => A
): Stream.Stream<A, CodexConnectionError> => {
  /** Reads the name and role of a sub-agent: of some, only `thread/read` reports them. */
  const identify = (child: Member): Effect.Effect<void> =>
    child.agentName !== null && child.agentRole !== null
      ? Effect.void
      : client.request("thread/read", { threadId: child.threadId }, { timeout: "5 seconds" }).pipe(
        Effect.map(({ thread }) => family.learn(thread)),
        Effect.ignore
      )

  const members = Stream.callback<Member, CodexConnectionError>((queue) =>
    Effect.gen(function*() {
      const unwatch = family.watch(id, (child) => Queue.offerUnsafe(queue, child))
      yield* Effect.addFinalizer(() => Effect.sync(unwatch))
      for (const child of family.children(id)) Queue.offerUnsafe(queue, child)
      yield* Effect.flatMap(client.closed, (error) => Queue.fail(queue, error))
    })
  )
  return Stream.mapEffect(members, (child) => Effect.as(identify(child), handle(child.threadId)))
}
