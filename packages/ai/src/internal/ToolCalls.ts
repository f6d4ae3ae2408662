/**
 * Calls of the program's tools on one thread: the server's requests, and whoever answers them.
 *
 * Without an executor a call waits for `answer`: the turn is parked. With one, it is executed as it arrives.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as ServerRequests from "effect-codex/ServerRequests"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as ToolCodec from "./ToolCodec.ts"

/** Executes a call, and always comes to a response. */
export type Executor = (call: Protocol.DynamicToolCallParams) => Effect.Effect<Protocol.DynamicToolCallResponse>

export class ToolCalls {
  /** Executes calls, for as long as a call of the model wants that. */
  executor: Executor | undefined
  /** The thread that the calls belong to, once it is known. */
  threadId: string | undefined
  private readonly responses = new Map<string, Deferred.Deferred<Protocol.DynamicToolCallResponse>>()

  /** Answers the server's requests. Those of sub-agents can't wait, because nobody would answer them. */
  readonly handler: ServerRequests.Handler<"item/tool/call"> = (call) =>
    Effect.suspend(() => {
      if (this.executor !== undefined) return this.executor(call)
      if (call.threadId !== this.threadId) {
        return Effect.succeed(ToolCodec.failure(`Only the main agent can call the tool ${call.tool}.`))
      }
      return Effect.ensuring(
        Deferred.await(this.response(call.callId)),
        Effect.sync(() => this.responses.delete(call.callId))
      )
    })

  /** Answers a call, also one whose request has not arrived yet. */
  answer(callId: string, response: Protocol.DynamicToolCallResponse): void {
    Deferred.doneUnsafe(this.response(callId), Effect.succeed(response))
  }

  private response(callId: string): Deferred.Deferred<Protocol.DynamicToolCallResponse> {
    let response = this.responses.get(callId)
    if (response === undefined) {
      response = Deferred.makeUnsafe()
      this.responses.set(callId, response)
    }
    return response
  }
}
