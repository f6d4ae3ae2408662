/**
 * The notification that a person has completed a process, such as a login. Listening starts before the request is sent, when the
 * id of the process is still unknown, and lasts until the process has ended.
 */
import * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type { CodexConnectionError, CodexDecodeError } from "../model/errors/CodexError.ts"
import * as Notification from "../model/turns/Notification.ts"
import type { Router } from "./Router.ts"
import { undecodable } from "./RunningTurn.ts"

type Method = "account/login/completed" | "mcpServer/oauthLogin/completed"

type Params<M extends Method> = Extract<Notification.Notification, { readonly method: M }>["params"]

/** Errors of waiting for the end. */
type Failure = CodexConnectionError | CodexDecodeError

export class Completion<M extends Method> {
  private readonly result = Deferred.makeUnsafe<Params<M>, Failure>()
  /** Notifications that arrived before it was known which one counts. */
  private readonly early: Array<Notification.Raw> = []
  private matches: ((params: Notification.Raw) => boolean) | undefined

  /** Stops listening. */
  readonly close: () => void

  /** `threadId` is the thread that the notification names, if it names one. */
  constructor(router: Router["Service"], method: M, threadId?: string) {
    this.close = router.follow(threadId, {
      offer: (raw) => {
        if (raw["method"] !== method) return
        if (this.matches === undefined) this.early.push(raw)
        else this.take(raw, this.matches)
      },
      fail: (error) => this.end(Exit.fail(error))
    })
  }

  /** Waits for the notification whose parameters match. */
  when(matches: (params: Notification.Raw) => boolean): Effect.Effect<Params<M>, Failure> {
    this.matches = matches
    for (const raw of this.early.splice(0)) this.take(raw, matches)
    return Deferred.await(this.result)
  }

  private take(raw: Notification.Raw, matches: (params: Notification.Raw) => boolean): void {
    const { params } = raw
    if (!Predicate.isObject(params) || !matches(params)) return
    const event = Notification.fromMessage(raw)
    if (event.method === "$undecodable") this.end(Exit.fail(undecodable(event)))
    // The method was compared before, which TypeScript can't see.
    else if ("params" in event) this.end(Exit.succeed(event.params as Params<M>))
  }

  private end(exit: Exit.Exit<Params<M>, Failure>): void {
    this.close()
    Deferred.doneUnsafe(this.result, exit)
  }
}
