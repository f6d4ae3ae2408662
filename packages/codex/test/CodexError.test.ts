import type * as Protocol from "@effect-codex/protocol/Protocol"
import { Fixture } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexClient, CodexError, type TurnResult } from "effect-codex"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { rpcReason, turnFailedReason } from "../src/model/errors/Refusal.ts"

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
  usage: null,
  subagents: { running: 0, stopped: 0 }
}

const rpcError = (fields: Partial<ConstructorParameters<typeof CodexError.CodexRpcError>[0]> = {}) =>
  new CodexError.CodexRpcError({
    reason: { _tag: "InvalidRequest" },
    method: "turn/start",
    code: -32600,
    serverMessage: "no",
    ...fields
  })

const turnFailed = (codexErrorInfo: Protocol.TurnError["codexErrorInfo"] = null, message = "out of luck") => {
  const error = { message, codexErrorInfo: codexErrorInfo ?? null }
  return new CodexError.TurnFailedError({ ...place, reason: turnFailedReason(error, null), error, result })
}

const connectError = (reason: CodexError.ConnectReason) =>
  new CodexError.CodexConnectError({ reason, target: "/opt/codex" })

const exited = { _tag: "Exited", exitCode: 3, signal: null, stderr: "panicked\n" } as const

/** One error of each kind, with parts of its message: what happened, where, and what to do. */
const all: ReadonlyArray<readonly [error: CodexError.CodexError, parts: ReadonlyArray<string>]> = [
  [
    connectError({ _tag: "NotFound", detail: "there is no such program" }),
    ["/opt/codex", "there is no such program.", "npm install @openai/codex", "`codexPath`", "CODEX_PATH"]
  ],
  [
    connectError({ _tag: "NotExecutable", detail: "it may not be executed" }),
    ["/opt/codex", "Make the file executable"]
  ],
  [connectError({ _tag: "BadDirectory", detail: "`cwd` does not exist" }), ["`cwd`", "a directory that exists"]],
  [connectError(exited), ["exited with code 3 before", "`args`", "\nLast stderr lines:\npanicked"]],
  [connectError({ ...exited, exitCode: null, signal: "SIGKILL" }), ["was ended by SIGKILL before"]],
  [connectError({ _tag: "Unauthorized", detail: "missing bearer token" }), ["missing bearer token.", "`token`"]],
  [connectError({ _tag: "Refused", detail: "it answered with HTTP status 403" }), [
    "status 403.",
    "accepts this client"
  ]],
  [
    connectError({ _tag: "Unreachable", detail: "nobody listens", stderr: "bye" }),
    ["nobody listens.", "running", "\nLast stderr lines:\nbye"]
  ],
  [
    connectError({ _tag: "HandshakeTimeout", timeoutMs: 10_000 }),
    ["did not answer the handshake within 10s.", "codex app-server", "`handshakeTimeout`"]
  ],
  [
    connectError({ _tag: "HandshakeRefused", detail: "no user agent", code: -32600 }),
    ["the handshake failed: no user agent.", "supported version"]
  ],
  [connectError({ _tag: "Other", detail: "too many open files" }), ["/opt/codex", "too many open files."]],
  [
    new CodexError.CodexConnectionError({ reason: exited }),
    ["exited with code 3.", "`restart`", "\nLast stderr lines:\npanicked"]
  ],
  [
    new CodexError.CodexConnectionError({ reason: { ...exited, exitCode: null, signal: "SIGKILL" } }),
    ["was ended by SIGKILL."]
  ],
  [
    new CodexError.CodexConnectionError({ reason: { _tag: "Disconnected" } }),
    ["connection to the Codex app-server was lost.", "Build the Layer again"]
  ],
  [
    new CodexError.CodexConnectionError({ reason: { _tag: "Disconnected" }, cause: new Error("EPIPE") }),
    ["was lost: EPIPE."]
  ],
  [
    new CodexError.CodexConnectionError({
      reason: { _tag: "Unreadable", detail: "RangeError: Invalid string length" }
    }),
    ["cannot be read: RangeError: Invalid string length.", "same call would fail again"]
  ],
  [
    new CodexError.CodexConnectionError({ reason: { _tag: "Closed" } }),
    ["its scope has ended", "Keep the Layer"]
  ],
  [rpcError(place), ["refused turn/start (thread thread-7, turn turn-9)", "-32600: no."]],
  [rpcError({ threadId: "thread-7", reason: { _tag: "ThreadArchived" } }), ["(thread thread-7)", "`threadUnarchive`"]],
  [rpcError({ turnId: "turn-9", reason: { _tag: "NoActiveTurn" } }), ["(turn turn-9)", "start a new one"]],
  [rpcError({ reason: { _tag: "MethodNotFound" } }), ["Check the name", "`metadata.serverVersion`"]],
  [rpcError({ reason: { _tag: "ThreadBusyElsewhere" } }), ["Another process", "fork"]],
  [rpcError({ reason: { _tag: "TurnMismatch", runningTurnId: "turn-8" } }), ["Another turn is running"]],
  [rpcError({ reason: { _tag: "InputTooLarge" } }), ["Send less text"]],
  [rpcError({ reason: { _tag: "InputTooLarge", maxChars: 100 } }), ["at most 100 characters"]],
  [rpcError({ data: { more: ["than", 1] } }), ["no."]],
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
    ["turnTrigger needs Codex 0.151.0 or later", "0.130.0", "Update @openai/codex"]
  ],
  [
    new CodexError.InvalidInputError({ field: "sandbox", detail: "give one of them" }),
    ["sandbox: give one of them."]
  ],
  [new CodexError.ThreadBusyError({ threadId: "thread-7" }), ["Thread thread-7", "`whenBusy`"]],
  [
    new CodexError.QueuedTurnRemovedError({ threadId: "thread-7", queuedTurnId: "queued-1" }),
    ["Queued turn queued-1 of thread thread-7", "Add its input again"]
  ],
  [
    new CodexError.CheckpointError({
      threadId: "thread-7",
      reason: { _tag: "UnsavedFiles", files: Array.from({ length: 22 }, (_, index) => `file-${index}`) }
    }),
    ["22 files of thread thread-7", "file-19 and 2 more", "`unsaved: \"save\"`"]
  ],
  [
    new CodexError.CheckpointError({ threadId: "thread-7", reason: { _tag: "NotARepository", directory: "/project" } }),
    ["Thread thread-7 works in /project", "`git init`", "`files`"]
  ],
  [
    new CodexError.CheckpointError({ threadId: "thread-7", reason: { _tag: "NotInHistory" } }),
    ["thread thread-7", "reverted to an earlier one"]
  ],
  [
    new CodexError.CheckpointError({ threadId: "thread-7", reason: { _tag: "GitFailed", detail: "git add: no" } }),
    ["thread thread-7", "git add: no"]
  ],
  [
    new CodexError.OptionsNotInForceError({
      threadId: "thread-7",
      options: [{ option: "sandbox", asked: "readOnly", inForce: "dangerFullAccess" }, {
        option: "effort",
        asked: "low"
      }]
    }),
    [
      "thread thread-7",
      "`sandbox` should be \"readOnly\", but is \"dangerFullAccess\"",
      "`effort` should be \"low\", but is unknown",
      "Fork it"
    ]
  ],
  [turnFailed(), ["(thread thread-7, turn turn-9): out of luck.\n", "`result` holds the completed items (1)"]],
  [turnFailed("unauthorized"), ["`npx codex login`", "`codex.loginApiKey`"]],
  [turnFailed({ httpConnectionFailed: { httpStatusCode: 401 } }), ["`npx codex login`", "`codex.loginApiKey`"]],
  [turnFailed("contextWindowExceeded"), ["`thread.compact`"]],
  [turnFailed("serverOverloaded"), ["run the turn again later"]],
  [turnFailed("usageLimitExceeded"), ["Wait until the usage limit resets, or"]],
  [
    new CodexError.TurnFailedError({
      ...place,
      reason: { _tag: "UsageLimitExceeded", resetsAt: 1_800_000_000 },
      error: null,
      result
    }),
    ["the server gave no reason", "resets at 2027-01-15T08:00:00.000Z"]
  ],
  [
    new CodexError.TurnLimitError({ ...place, limit: "tokens", allowed: 1000, used: 1234, result }),
    ["thread thread-7, turn turn-9", "it used 1234 tokens, and `limits.tokens` allows 1000", "`result`"]
  ],
  [
    new CodexError.TurnLimitError({ ...place, limit: "idle", allowed: 60_000, used: 61_500, result }),
    ["it sent no event for 1m 1s 500ms, and `limits.idle` allows 1m"]
  ],
  [
    new CodexError.OutputDecodeError({ ...place, text: "{}", issue: "Missing key at [\"name\"]", result }),
    ["thread thread-7, turn turn-9", "Missing key at [\"name\"].", "`text`"]
  ],
  [
    new CodexError.OutputDecodeError({ ...place, text: null, issue: "there is no final answer", result }),
    ["no final answer to decode (thread thread-7, turn turn-9)", `status ${result.status}`]
  ]
]

const failing = (error: CodexError.CodexError): Effect.Effect<never, CodexError.CodexError> => Effect.fail(error)

const handled = (effect: Effect.Effect<never, CodexError.CodexError>) =>
  Effect.catchReasons(effect, "CodexConnectionError", {
    Exited: ({ exitCode, stderr }) => Effect.succeed(`${exitCode} ${stderr}`),
    Closed: () => Effect.succeed("closed")
  })

describe("every error", () => {
  const union = Schema.toCodecJson(CodexError.CodexError)

  it("of the union is here", () => {
    const tags = new Set(all.map(([error]) => error._tag))
    assert.strictEqual(tags.size, CodexError.CodexError.members.length)
  })

  for (const [index, [error, parts]] of all.entries()) {
    const name = `${index} ${error._tag}${"reason" in error ? ` ${error.reason._tag}` : ""}`

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

  it.effect("can be caught by its reason", () =>
    Effect.gen(function*() {
      const mismatch = failing(rpcError({ reason: { _tag: "TurnMismatch", runningTurnId: "turn-8" } }))
      assert.strictEqual(
        yield* Effect.catchReason(
          mismatch,
          "CodexRpcError",
          "TurnMismatch",
          ({ runningTurnId }, error) => Effect.succeed(`${error.method} ${runningTurnId}`)
        ),
        "turn/start turn-8"
      )
      const of = (reason: CodexError.ConnectionReason) => failing(new CodexError.CodexConnectionError({ reason }))
      assert.strictEqual(yield* handled(of(exited)), "3 panicked\n")
      assert.strictEqual(yield* handled(of({ _tag: "Closed" })), "closed")
      const left = yield* Effect.flip(handled(of({ _tag: "Disconnected" })))
      assert.strictEqual(left._tag, "CodexConnectionError")
      const reason = yield* Effect.flip(
        Effect.unwrapReason(failing(turnFailed("usageLimitExceeded")), "TurnFailedError")
      )
      assert.deepStrictEqual(reason, { _tag: "UsageLimitExceeded", resetsAt: null })
    }))

  it("prints its message first, and nothing of the conversation", () => {
    for (const [error] of all) {
      for (
        const shown of [inspect(error), inspect({ error }, { depth: 9 }), inspect(error, { customInspect: false })]
      ) {
        assert.notInclude(shown, "half")
        assert.include(shown, error.message.split("\n")[0]!)
      }
      assert.match(inspect(error), new RegExp(`^effect-codex/${error._tag}: `))
      assert.isTrue(inspect(error).startsWith(`effect-codex/${error._tag}: ${error.message}`))
      assert.notInclude(JSON.stringify(error), "half")
      assert.include(JSON.stringify(error), JSON.stringify(error.message))
    }
    assert.strictEqual(turnFailed().result.items.length, 1)
  })

  it("shortens long messages, and leaves the others as the server sent them", () => {
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
        assert.strictEqual(error._tag, "CodexConnectError")
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

  it.live("of a server that echoes a secret, or writes to the terminal, shows neither", () =>
    Effect.gen(function*() {
      const secret = "sk-very-secret"
      const program = `
        console.error("\\x1b]0;owned\\x07 " + process.env.KEY)
        const answer = (id, rest) => console.log(JSON.stringify({ id, ...rest }))
        require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
          const { id, method } = JSON.parse(line)
          if (method === "initialize") answer(id, { result: { userAgent: "test/0.171.0 (node)" } })
          if (method === "model/list") answer(id, { error: { code: -32600, message: "bad key " + process.env.KEY } })
          if (method === "account/logout") process.exit(1)
        })`
      const layer = Codex.layer({ args: [process.execPath, "-e", program], env: { KEY: Redacted.make(secret) } })
      const [refused, lost] = yield* Effect.gen(function*() {
        const client = yield* CodexClient.CodexClient
        const refused = yield* Effect.flip(client.request("model/list", {}))
        return [refused, yield* Effect.flip(client.request("account/logout"))] as const
      }).pipe(Effect.provide(layer))
      assert.include(refused.message, "bad key <redacted>")
      assert.include(lost.message, "\\x1b]0;owned\\x07 <redacted>")
      assert(lost._tag === "CodexConnectionError" && lost.reason._tag === "Exited")
      assert.notInclude(lost.reason.stderr, "\u001b")
      assert.notInclude(inspect([refused, lost], { depth: 9 }), secret)
    }))
})

describe("rpcReason", () => {
  const table: ReadonlyArray<
    readonly [expected: CodexError.RpcReason["_tag"], code: number, message: string, data?: unknown]
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
    // The server has given up already, and says so.
    ["RetryLimitExceeded", -32000, "exceeded retry limit, last status: 429"],
    ["RetryLimitExceeded", -32001, "Too many failed attempts"],
    ["RetryLimitExceeded", -32000, "Retry limit reached", "server_overloaded"]
  ]
  for (const [expected, code, message, data] of table) {
    it(`${expected}: ${code} ${message} ${data === undefined ? "" : JSON.stringify(data)}`, () => {
      assert.strictEqual(rpcReason("some/method", code, message, data)._tag, expected)
    })
  }
})

describe("isRetryable", () => {
  const rpcTags: ReadonlyArray<CodexError.RpcReason["_tag"]> = [
    "InvalidRequest",
    "InvalidParams",
    "MethodNotFound",
    "Internal",
    "ThreadNotFound",
    "ThreadArchived",
    "ThreadBusyElsewhere",
    "NoActiveTurn",
    "TurnMismatch",
    "InputTooLarge",
    "Other"
  ]
  const retryable: ReadonlyArray<CodexError.CodexError> = [
    new CodexError.CodexConnectionError({ reason: exited }),
    new CodexError.CodexConnectionError({ reason: { _tag: "Disconnected" } }),
    new CodexError.CodexTimeoutError({ method: "turn/start", timeoutMs: 1 }),
    connectError({ _tag: "Unreachable", detail: "nobody listens" }),
    connectError({ _tag: "HandshakeTimeout", timeoutMs: 1 }),
    rpcError({ reason: { _tag: "Overloaded" } }),
    rpcError({ reason: { _tag: "RetryLimitExceeded" } }),
    turnFailed("serverOverloaded"),
    turnFailed("internalServerError"),
    turnFailed({ httpConnectionFailed: { httpStatusCode: 503 } }),
    turnFailed({ responseTooManyFailedAttempts: { httpStatusCode: 429 } }),
    turnFailed({ responseStreamDisconnected: { httpStatusCode: null } }),
    turnFailed("other", "stream disconnected before completion: stream closed before response.completed")
  ]
  const final: ReadonlyArray<unknown> = [
    new CodexError.CodexConnectionError({ reason: { _tag: "Closed" } }),
    new CodexError.CodexConnectionError({ reason: { _tag: "Unreadable", detail: "too long" } }),
    ...rpcTags.map((_tag) => rpcError({ reason: { _tag } })),
    turnFailed(),
    turnFailed("other"),
    turnFailed("contextWindowExceeded"),
    turnFailed("usageLimitExceeded"),
    turnFailed("something of tomorrow"),
    turnFailed({ httpConnectionFailed: { httpStatusCode: 401 } }),
    turnFailed({ httpConnectionFailed: { httpStatusCode: 404 } }),
    turnFailed({ activeTurnNotSteerable: { turnKind: "review" } }),
    ...all.map(([error]) => error).filter(({ _tag }) =>
      !["CodexConnectError", "CodexConnectionError", "CodexTimeoutError", "CodexRpcError", "TurnFailedError"].includes(
        _tag
      )
    ),
    connectError(exited),
    connectError({ _tag: "Unauthorized", detail: "no token" }),
    new Cause.TimeoutError(),
    new Error("other"),
    null,
    undefined
  ]
  it("is true for failures that may pass by themselves", () => {
    for (const error of retryable) assert.isTrue(CodexError.isRetryable(error), error.message)
  })
  it("is nothing that stays wrong", () => {
    for (const error of final) assert.isFalse(CodexError.isRetryable(error), String(error))
  })
})
