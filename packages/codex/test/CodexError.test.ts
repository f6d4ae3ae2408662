import { Fixture } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexError, type TurnResult } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"

const place = { threadId: "thread-7", turnId: "turn-9" }

const result: TurnResult.TurnResult = {
  threadId: place.threadId,
  id: place.turnId,
  status: "failed",
  error: { message: "out of luck", codexErrorInfo: null, additionalDetails: null },
  startedAt: 1,
  completedAt: 2,
  durationMs: 1000,
  finalResponse: null,
  items: [Fixture.agentMessage("half")],
  usage: null
}

const rpcError = (fields: Partial<ConstructorParameters<typeof CodexError.CodexRpcError>[0]> = {}) =>
  new CodexError.CodexRpcError({
    reason: "InvalidRequest",
    method: "turn/start",
    code: -32600,
    serverMessage: "no",
    ...fields
  })

const turnFailed = (codexErrorInfo: NonNullable<TurnResult.TurnResult["error"]>["codexErrorInfo"] = null) =>
  new CodexError.TurnFailedError({ ...place, error: { message: "out of luck", codexErrorInfo }, result })

/** One of each, with what its message must say: what happened, where, and what to do. */
const all: ReadonlyArray<readonly [error: CodexError.CodexError, parts: ReadonlyArray<string>]> = [
  [
    new CodexError.CodexSpawnError({ reason: "NotFound", command: "/opt/codex", detail: "there is no such program" }),
    ["/opt/codex", "there is no such program.", "npm install @openai/codex", "`codexPath`", "CODEX_PATH"]
  ],
  [
    new CodexError.CodexSpawnError({
      reason: "NotExecutable",
      command: "/opt/codex",
      detail: "it may not be executed"
    }),
    ["/opt/codex", "Make the file executable"]
  ],
  [
    new CodexError.CodexSpawnError({ reason: "BadCwd", command: "/no/where", detail: "it does not exist" }),
    ["/no/where", "`cwd`"]
  ],
  [
    new CodexError.CodexSpawnError({
      reason: "Exited",
      command: "codex app-server",
      detail: "it ended",
      exitCode: 2,
      signal: null,
      stderr: "error: unexpected argument\n"
    }),
    [
      "codex app-server",
      "it ended; it exited with code 2.",
      "`args`",
      "Its last words on standard error:\nerror: unexpected argument"
    ]
  ],
  [
    new CodexError.CodexSpawnError({ reason: "Other", command: "codex", detail: "EMFILE", cause: new Error("EMFILE") }),
    ["EMFILE", "open files", "`config`"]
  ],
  [
    new CodexError.CodexHandshakeError({ detail: "there was no answer within 10s" }),
    ["there was no answer within 10s.", "codex app-server", "`handshakeTimeout`"]
  ],
  [
    new CodexError.CodexConnectionError({ reason: "Exited", exitCode: 3, signal: null, stderr: "panicked" }),
    ["it exited with code 3", "`restart`", "panicked"]
  ],
  [
    new CodexError.CodexConnectionError({ reason: "Exited", exitCode: null, signal: "SIGKILL" }),
    ["it was ended by SIGKILL"]
  ],
  [new CodexError.CodexConnectionError({ reason: "Disconnected" }), ["broke", "Build the Layer anew"]],
  [new CodexError.CodexConnectionError({ reason: "Closed" }), ["scope has ended", "Keep the Layer"]],
  [rpcError(place), ["turn/start was refused", "thread thread-7, turn turn-9", "-32600: no."]],
  [rpcError({ threadId: "thread-7", reason: "ThreadArchived" }), ["(thread thread-7)", "`threadUnarchive`"]],
  [rpcError({ turnId: "turn-9", reason: "NoActiveTurn" }), ["(turn turn-9)", "start a new one"]],
  [rpcError({ reason: "MethodNotFound" }), ["update @openai/codex"]],
  [rpcError({ reason: "ThreadBusyElsewhere" }), ["Another process", "fork"]],
  [rpcError({ reason: "InputTooLarge" }), ["Send less text"]],
  [
    new CodexError.CodexDecodeError({
      method: "turn/completed",
      issue: "Expected string at [\"id\"]",
      raw: { id: 7 },
      ...place
    }),
    ["turn/completed", "thread thread-7, turn turn-9", "Expected string at [\"id\"].", "`raw`", "@openai/codex"]
  ],
  [
    new CodexError.CodexTimeoutError({ method: "turn/start", timeoutMs: 90_000, threadId: "thread-7" }),
    ["turn/start (thread thread-7)", "1m 30s", "`requestTimeout`"]
  ],
  [
    new CodexError.UnsupportedByServerError({ feature: "turnTrigger", needs: "0.151.0", has: "0.130.0" }),
    ["turnTrigger needs Codex 0.151.0 or newer", "0.130.0", "Update @openai/codex"]
  ],
  [
    new CodexError.InvalidInputError({ field: "sandbox", detail: "give one of them" }),
    ["sandbox: give one of them."]
  ],
  [new CodexError.ThreadBusyError({ threadId: "thread-7" }), ["Thread thread-7", "whenBusy"]],
  [turnFailed(), ["thread thread-7, turn turn-9", "out of luck\n", "`result` (items: 1)"]],
  [turnFailed("unauthorized"), ["`npx codex login`", "`codex.loginApiKey`"]],
  [turnFailed({ httpConnectionFailed: { httpStatusCode: 401 } }), ["`npx codex login`", "`codex.loginApiKey`"]],
  [
    new CodexError.OutputDecodeError({ ...place, text: "{}", issue: "Missing key at [\"name\"]", result }),
    ["thread thread-7, turn turn-9", "Missing key at [\"name\"].", "`text`"]
  ],
  [
    new CodexError.OutputDecodeError({ ...place, text: null, issue: "there is no final answer", result }),
    ["no final answer to decode (thread thread-7, turn turn-9)", `status ${result.status}`]
  ]
]

describe("every error", () => {
  const union = Schema.toCodecJson(CodexError.CodexError)

  it("of the union is here", () => {
    const tags = new Set(all.map(([error]) => error._tag))
    assert.strictEqual(tags.size, CodexError.CodexError.members.length)
  })

  for (const [index, [error, parts]] of all.entries()) {
    const name = `${index} ${error._tag}${"reason" in error ? ` ${error.reason}` : ""}`

    it(`${name} says what happened, where, and what to do`, () => {
      for (const part of parts) assert.include(error.message, part)
      assert.match(error.message, /^[A-Za-z]/)
      assert.notMatch(error.message, /\.\.|undefined|null|\[object/)
      assert.instanceOf(error, Error)
      assert.include(String(error), error.message)
    })

    it.effect(`${name} comes back from JSON as what it was`, () =>
      Effect.gen(function*() {
        const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(union)(error)))
        const again = yield* Schema.decodeUnknownEffect(union)(json)
        assert.strictEqual(again._tag, error._tag)
        assert.instanceOf(again, error.constructor as never)
        assert.strictEqual(again.message, error.message)
        assert.deepStrictEqual(yield* Schema.encodeEffect(union)(again), json)
      }))
  }

  it.effect("can be caught by its name", () =>
    Effect.gen(function*() {
      const failing: Effect.Effect<never, CodexError.CodexError> = Effect.fail(rpcError())
      const caught = yield* failing.pipe(Effect.catchTag("CodexRpcError", (error) => Effect.succeed(error.code)))
      assert.strictEqual(caught, -32600)
    }))

  it("shortens what is long, and leaves the rest as the server said it", () => {
    const long = rpcError({ serverMessage: "x".repeat(10_000) })
    assert.isBelow(long.message.length, 600)
    assert.include(long.message, "(shortened)")
    assert.strictEqual(long.serverMessage.length, 10_000)
    assert.include(rpcError({ serverMessage: "can't read ../secret/.." }).message, "can't read ../secret/..")
  })

  it.live("of a process never shows its secrets", () =>
    Effect.gen(function*() {
      const secret = "sk-very-secret"
      const lines = "-----BEGIN KEY-----\nabcdefghijkl\n"
      const basic = Buffer.from(`me:${secret}`).toString("base64")
      const env = { OPENAI_API_KEY: Redacted.make(secret), PRIVATE: Redacted.make(lines), PLAIN: secret }
      const tell = `const { OPENAI_API_KEY: key, PRIVATE: lines } = process.env
        console.error(\`My key is \${key}.\\n\${lines}\`)
        console.error("Authorization: Basic", Buffer.from("me:" + key).toString("base64"))
        console.error(JSON.stringify(JSON.stringify({ lines })))
        process.exit(3)`
      const starts = [
        Codex.layer({ args: [process.execPath, "-e", tell], env }),
        Codex.layer({ args: ["/no/such/codex", secret], env }),
        Codex.layer({ args: [process.execPath, "-e", "process.exit(3)"], env }),
        Codex.layer({ codexPath: "/no/such/codex", env }),
        Codex.layer({ args: [process.execPath], cwd: "/no/such/directory", env })
      ]
      const logs: Array<string> = []
      const logger = Logger.layer([Logger.map(Logger.formatJson, (line) => void logs.push(line))])
      for (const start of starts) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(start))).pipe(
          Effect.provide(logger),
          Effect.provideService(References.MinimumLogLevel, "All")
        )
        assert.strictEqual(error._tag, "CodexSpawnError")
        for (const shown of [error.message, String(error), inspect(error, { depth: 9 }), JSON.stringify(error)]) {
          assert.notInclude(shown, secret)
          assert.notInclude(shown, "abcdefghijkl")
          assert.notInclude(shown, basic)
          if (start === starts[0]) {
            for (const line of ["My key is <redacted>.", "Authorization: Basic"]) assert.include(shown, line)
          }
        }
      }
      assert.include(logs.join(), "My key is <redacted>.")
      assert.notInclude(logs.join(), secret)
      assert.notInclude(logs.join(), "abcdefghijkl")
    }))
})

describe("rpcReason", () => {
  const table: ReadonlyArray<
    readonly [expected: CodexError.RpcReason, code: number, message: string, data?: unknown]
  > = [
    // Words of the real server.
    ["ThreadNotFound", -32600, "thread not found: 01a1fdc8-8203-7071-8652-14c88757e38f"],
    ["ThreadNotFound", -32600, "no rollout found for thread id 01a1fdc8"],
    ["ThreadNotFound", -32600, "no archived rollout found for thread id 01a1fdc8"],
    ["ThreadArchived", -32600, "session 01a1fdc8 is archived. Run `codex unarchive 01a1fdc8` first"],
    ["ThreadBusyElsewhere", -32600, "thread 01a1fdc8 already has an active writer"],
    ["NoActiveTurn", -32600, "no active turn to steer"],
    ["NoActiveTurn", -32600, "no active turn to interrupt"],
    ["TurnMismatch", -32600, "expected active turn id `a` but found `b`"],
    ["MethodNotFound", -32600, "Invalid request: unknown variant `some/method`, expected one of `a`, `b`"],
    ["InvalidRequest", -32600, "Invalid request: unknown variant `x`, expected one of `some/method`"],
    ["InvalidRequest", -32600, "Invalid request: missing field `threadId`"],
    ["InvalidRequest", -32600, "Already initialized"],
    ["Other", -32601, "list_turns is not supported yet"],
    ["InputTooLarge", -32602, "input is too large", { input_error_code: "input_too_large", max_chars: 1_048_576 }],
    ["Overloaded", -32001, "Server overloaded; retry later."],
    // Codes of JSON-RPC.
    ["InvalidRequest", -32700, "parse error"],
    ["MethodNotFound", -32601, "method not found"],
    ["InvalidParams", -32602, "bad params"],
    ["InvalidParams", -32602, "bad params", { input_error_code: "other" }],
    ["Internal", -32603, "oops"],
    ["Other", -32000, "oops"],
    ["Other", 42, ""],
    // Overload anywhere in the data.
    ["Overloaded", -32000, "no", "server_overloaded"],
    ["Overloaded", -32000, "no", "ServerOverloaded"],
    ["Overloaded", -32603, "no", { codexErrorInfo: "serverOverloaded" }],
    ["Overloaded", -32600, "no", [{ errorInfo: { deep: ["SERVER_OVERLOADED"] } }]],
    ["Other", -32000, "no", { message: "the server_overloaded flag is off" }],
    ["Other", -32000, "no", null],
    // Who has given up already is told so.
    ["RetryLimitExceeded", -32000, "exceeded retry limit, last status: 429"],
    ["RetryLimitExceeded", -32001, "Too many failed attempts"],
    ["RetryLimitExceeded", -32000, "Retry limit reached", "server_overloaded"]
  ]
  for (const [expected, code, message, data] of table) {
    it(`${expected}: ${code} ${message} ${data === undefined ? "" : JSON.stringify(data)}`, () => {
      assert.strictEqual(CodexError.rpcReason("some/method", code, message, data), expected)
    })
  }
})

describe("isRetryable", () => {
  const retryable: ReadonlyArray<CodexError.CodexError> = [
    new CodexError.CodexConnectionError({ reason: "Exited" }),
    new CodexError.CodexConnectionError({ reason: "Disconnected" }),
    new CodexError.CodexTimeoutError({ method: "turn/start", timeoutMs: 1 }),
    rpcError({ reason: "Overloaded" }),
    rpcError({ reason: "RetryLimitExceeded" }),
    turnFailed("serverOverloaded"),
    turnFailed("internalServerError"),
    turnFailed({ httpConnectionFailed: { httpStatusCode: 503 } }),
    turnFailed({ responseTooManyFailedAttempts: { httpStatusCode: 429 } }),
    turnFailed({ responseStreamDisconnected: { httpStatusCode: null } })
  ]
  const final: ReadonlyArray<CodexError.CodexError> = [
    new CodexError.CodexConnectionError({ reason: "Closed" }),
    ...CodexError.RpcReason.literals.filter((reason) => reason !== "Overloaded" && reason !== "RetryLimitExceeded")
      .map((reason) => rpcError({ reason })),
    turnFailed(),
    turnFailed("contextWindowExceeded"),
    turnFailed("usageLimitExceeded"),
    turnFailed("something of tomorrow"),
    turnFailed({ httpConnectionFailed: { httpStatusCode: 401 } }),
    turnFailed({ httpConnectionFailed: { httpStatusCode: 404 } }),
    turnFailed({ activeTurnNotSteerable: { turnKind: "review" } }),
    new CodexError.TurnFailedError({ ...place, error: null, result }),
    ...all.map(([error]) => error).filter(({ _tag }) =>
      !["CodexConnectionError", "CodexTimeoutError", "CodexRpcError", "TurnFailedError"].includes(_tag)
    )
  ]
  it("is what may pass by itself", () => {
    for (const error of retryable) assert.isTrue(CodexError.isRetryable(error), error.message)
  })
  it("is nothing that stays wrong", () => {
    for (const error of final) assert.isFalse(CodexError.isRetryable(error), error.message)
  })
})
