import { type ModelRequest, Reply, Step } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import { CodexError } from "effect-codex"
import { AiError, LanguageModel } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Failure from "../src/internal/Failure.ts"
import { onCodex, setup } from "./utils.ts"

const fails = (code: string) => Reply.failed({ code, message: "because" })

const table: ReadonlyArray<
  readonly [name: string, reply: Reply.Reply, reason: AiError.AiErrorReason["_tag"], isRetryable: boolean]
> = [
  ["a rate limit", fails("rate_limit_exceeded"), "RateLimitError", true],
  ["a used up quota", fails("insufficient_quota"), "QuotaExhaustedError", false],
  ["an overloaded service", fails("server_is_overloaded"), "InternalProviderError", true],
  ["a full context window", fails("context_length_exceeded"), "InvalidRequestError", false],
  ["HTTP 500", Reply.httpError(500, "no"), "InternalProviderError", true],
  ["HTTP 429", Reply.httpError(429, "no"), "RateLimitError", true],
  ["HTTP 401", Reply.httpError(401, "no"), "AuthenticationError", false],
  ["HTTP 403", Reply.httpError(403, "no"), "AuthenticationError", false],
  ["HTTP 400", Reply.httpError(400, "no"), "UnknownError", false],
  ["a broken connection", Reply.message({ deltas: ["half", Step.cut] }), "InternalProviderError", true]
]

layer(onCodex())("a turn that fails", (it) => {
  for (const [name, reply, reason, isRetryable] of table) {
    it.effect(`with ${name}: ${reason}`, () =>
      Effect.gen(function*() {
        const { model, router } = yield* setup
        yield* model.enqueue(reply, reply)
        const ask = { prompt: "hi" }
        for (const call of [LanguageModel.generateText(ask), Stream.runDrain(LanguageModel.streamText(ask))]) {
          const error = yield* Effect.flip(call)
          assert.strictEqual(error._tag, "AiError")
          assert.strictEqual(error.module, "CodexLanguageModel")
          assert.strictEqual(error.reason._tag, reason)
          assert.strictEqual(error.isRetryable, isRetryable)
          const metadata = "metadata" in error.reason ? error.reason.metadata["codex"] : undefined
          const [request] = (yield* model.requests).slice(-1)
          assert.deepInclude(metadata, { threadId: request!.threadId, turnId: request!.turnId })
          assert.property(metadata, "codexErrorInfo")
        }
        assert.deepInclude(router.stats(), { turns: 0, pending: 0 })
      }))
  }

  it.effect("may be tried again as any call", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      yield* model.enqueue(fails("rate_limit_exceeded"), Reply.text("there"))
      const response = yield* LanguageModel.generateText({ prompt: "hi" }).pipe(
        Effect.retry({ times: 1, while: ({ isRetryable }) => isRetryable })
      )
      assert.strictEqual(response.text, "there")
    }))
})

describe("errors of Codex", () => {
  const errors: ReadonlyArray<readonly [CodexError.RunError, AiError.AiErrorReason["_tag"]]> = [
    [new CodexError.InvalidInputError({ field: "input", detail: "no" }), "InvalidUserInputError"],
    [new CodexError.InvalidInputError({ field: "cwd", detail: "no" }), "InvalidRequestError"],
    [new CodexError.UnsupportedByServerError({ feature: "x", needs: "2.0.0", has: "1.0.0" }), "InvalidRequestError"],
    [new CodexError.CodexTimeoutError({ method: "turn/start", timeoutMs: 1 }), "InternalProviderError"],
    [
      new CodexError.CodexConnectionError({ reason: { _tag: "Exited", exitCode: 1, signal: null, stderr: "" } }),
      "InternalProviderError"
    ],
    [rpc({ _tag: "InputTooLarge" }), "InvalidRequestError"],
    [rpc({ _tag: "InvalidParams" }), "InvalidRequestError"],
    [rpc({ _tag: "Overloaded" }), "InternalProviderError"],
    [rpc({ _tag: "Other" }), "UnknownError"]
  ]
  for (const [error, reason] of errors) {
    const kind = "reason" in error ? ` ${error.reason._tag}` : ""
    it(`${error._tag}${kind}: ${reason}`, () => {
      assert.strictEqual(Failure.fromCodex("generateText", error).reason._tag, reason)
    })
  }
})

function rpc(reason: CodexError.RpcReason) {
  return new CodexError.CodexRpcError({ reason, method: "turn/start", code: -32600, serverMessage: "no" })
}

layer(onCodex({}, { client: { cwd: "/" } }))("a call that can't start", (it) => {
  it.effect("fails before anything is sent to the model", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const error = yield* Effect.flip(LanguageModel.generateText({ prompt: " " }))
      assert.strictEqual(error.reason._tag, "InvalidUserInputError")
      assert.deepStrictEqual(yield* model.requests, [] as Array<ModelRequest.ModelRequest>)
    }))
})
