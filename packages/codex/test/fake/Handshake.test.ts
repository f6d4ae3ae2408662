import { FakeAppServer, Fixture } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { type ClientOptions, Codex, CodexClient, CodexError, Transport } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { inBackground } from "./scenario.ts"

/** Connects to a server with these handlers; also gives how many connections were opened and closed. */
const connecting = (
  handlers: FakeAppServer.Handlers,
  client: ClientOptions.ClientOptions = {},
  also: (server: FakeAppServer.Service) => Effect.Effect<void> = () => Effect.void
) => {
  const count = { opened: 0, closed: 0 }
  const transport = Layer.effect(
    Transport.Transport,
    Effect.map(Transport.Transport, ({ connect }) => ({
      connect: Effect.tap(
        connect,
        () => Effect.acquireRelease(Effect.sync(() => count.opened++), () => Effect.sync(() => count.closed++))
      )
    }))
  ).pipe(Layer.provideMerge(FakeAppServer.layer({ handlers })))
  const connect = Effect.gen(function*() {
    yield* also(yield* FakeAppServer.FakeAppServer)
    const { metadata } = Context.get(yield* Layer.build(Codex.layerTransport(client)), Codex.Codex)
    return metadata
  }).pipe(Effect.scoped, Effect.provide(transport))
  return { connect, count }
}

const initialize = (answer: unknown): FakeAppServer.Handlers => ({ initialize: () => FakeAppServer.verbatim(answer) })

describe("the handshake", () => {
  it.effect("sends the client info, and then `initialized`", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const { metadata } = yield* Codex.Codex
      assert.deepStrictEqual((yield* server.awaitRequest("initialize")).params, {
        clientInfo: { name: "my app", version: "1.2.3", title: "My App" },
        capabilities: {
          experimentalApi: false,
          requestAttestation: false,
          optOutNotificationMethods: ["item/reasoning/textDelta"]
        }
      })
      yield* server.awaitMessage(({ method }) => method === "initialized")
      assert.deepStrictEqual((yield* server.received).map(({ method }) => method), ["initialize", "initialized"])
      assert.deepStrictEqual(metadata, {
        userAgent: `my app/${Fixture.version} (in memory)`,
        serverName: "my app",
        serverVersion: Fixture.version,
        codexHome: "/codex-home",
        platformFamily: "unix",
        platformOs: "linux"
      })
    }).pipe(Effect.provide(FakeAppServer.layerCodex({
      client: {
        clientInfo: { name: "my app", version: "1.2.3", title: "My App" },
        experimentalApi: false,
        optOutNotifications: ["item/reasoning/textDelta"]
      }
    }))))

  for (
    const answer of [{}, null, undefined, 7, { userAgent: "" }, { userAgent: "codex-cli" }, { userAgent: 7 }, {
      serverInfo: { name: "codex-cli", version: "1.2.3" }
    }, { userAgent: "unknown", serverInfo: { name: "codex-cli" } }]
  ) {
    it.effect(`fails without metadata: ${JSON.stringify(answer)}`, () =>
      Effect.gen(function*() {
        const { connect, count } = connecting(initialize(answer))
        const error = yield* Effect.flip(connect)
        assert(error._tag === "CodexConnectError" && error.reason._tag === "HandshakeRefused")
        assert.include(error.message, "missing required metadata")
        assert.deepStrictEqual(count, { opened: 1, closed: 1 })
      }))
  }

  it.effect("fails with the server's error", () =>
    Effect.gen(function*() {
      const { connect, count } = connecting({
        initialize: () => Effect.fail(new FakeAppServer.RpcError({ code: -32600, message: "Already initialized" }))
      })
      const error = yield* Effect.flip(connect)
      assert(error._tag === "CodexConnectError" && error.reason._tag === "HandshakeRefused")
      assert.strictEqual(error.reason.code, -32600)
      assert.include(error.message, "Already initialized")
      assert.deepStrictEqual(count, { opened: 1, closed: 1 })
    }))

  for (const [handshakeTimeout, millis] of [[undefined, 10_000], ["3 seconds", 3_000]] as const) {
    it.effect(`fails when it is not answered within ${millis} ms`, () =>
      Effect.gen(function*() {
        const { connect, count } = connecting({ initialize: () => Effect.never }, { handshakeTimeout })
        const fiber = yield* inBackground(Effect.flip(connect))
        yield* TestClock.adjust(millis - 1)
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust(1)
        const error = yield* Fiber.join(fiber)
        assert(error._tag === "CodexConnectError" && error.reason._tag === "HandshakeTimeout")
        assert.include(error.message, `${millis / 1000}s`)
        assert.include(error.message, "handshakeTimeout")
        assert.notInclude(error.message, "requestTimeout")
        assert.deepStrictEqual(count, { opened: 1, closed: 1 })
      }))
  }

  it.effect("fails with CodexConnectError when the process ends during it, with its last words", () =>
    Effect.gen(function*() {
      const { connect, count } = connecting(
        { initialize: () => Effect.never },
        {},
        (server) =>
          server.awaitRequest("initialize").pipe(
            Effect.andThen(server.crash(
              new CodexError.CodexConnectionError({
                reason: { _tag: "Exited", exitCode: 2, signal: null, stderr: "error: unexpected argument" }
              })
            )),
            inBackground,
            Effect.asVoid
          )
      )
      const error = yield* Effect.flip(connect)
      assert.isTrue(error._tag === "CodexConnectError" && error.reason._tag === "Exited" && error.reason.exitCode === 2)
      assert.include(error.message, "error: unexpected argument")
      assert.deepStrictEqual(count, { opened: 1, closed: 1 })
    }))

  it.effect("fails with CodexConnectError when the connection breaks during it", () =>
    Effect.gen(function*() {
      const { connect } = connecting({ initialize: () => Effect.never }, {}, (server) =>
        server.awaitRequest("initialize").pipe(
          Effect.andThen(server.crash(new CodexError.CodexConnectionError({ reason: { _tag: "Disconnected" } }))),
          inBackground,
          Effect.asVoid
        ))
      const error = yield* Effect.flip(connect)
      assert(error._tag === "CodexConnectError" && error.reason._tag === "Unreachable")
      assert.include(error.message, "broke")
    }))

  it.effect("fails when the server in memory dies", () =>
    Effect.gen(function*() {
      const dying = Transport.layerMemory(() => Effect.die(new Error("a bug in the test")))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Layer.provide(Codex.layerTransport(), dying))))
      assert.strictEqual(error._tag, "CodexConnectError")
      assert.include(inspect(error, { depth: 9 }), "a bug in the test")
    }))

  it.effect("ends its connection when it is interrupted", () =>
    Effect.gen(function*() {
      const { connect, count } = connecting({ initialize: () => Effect.never }, {}, (server) =>
        server.awaitRequest("initialize").pipe(inBackground, Effect.asVoid))
      const fiber = yield* inBackground(connect)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(count, { opened: 1, closed: 1 })
    }))

  it.effect("ignores messages that arrive before its response", () =>
    Effect.gen(function*() {
      const { connect } = connecting({}, {}, (server) =>
        server.write(
          `welcome to codex\n${
            Fixture.line({ method: "warning", params: { message: "careful" } })
          }{"id":99,"result":{}}\n`
        ).pipe(inBackground, Effect.asVoid))
      assert.strictEqual((yield* connect).serverVersion, Fixture.version)
    }))

  it.effect("happens once for any number of first calls", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const client = yield* CodexClient.CodexClient
      yield* Effect.all([client.request("model/list", {}), client.request("account/read", {})], { concurrency: 2 })
      assert.strictEqual(yield* server.connections, 1)
      assert.lengthOf((yield* server.requests).filter(({ method }) => method === "initialize"), 1)
    }).pipe(Effect.provide(FakeAppServer.layerCodex())))
})

describe("metadata", () => {
  const table: ReadonlyArray<readonly [answer: object, name: string, version: string]> = [
    [{ userAgent: "codex-cli/1.2.3" }, "codex-cli", "1.2.3"],
    [{ userAgent: "codex-cli/0.151.0 (Linux)" }, "codex-cli", "0.151.0"],
    [{ userAgent: "codex-cli 0.153.0" }, "codex-cli", "0.153.0"],
    [{ userAgent: "codex-cli/0.154.0-alpha.1.2 (x)" }, "codex-cli", "0.154.0-alpha.1.2"],
    [{ userAgent: "codex-cli/0.151.0.post1" }, "codex-cli", "0.151.0.post1"],
    [{ userAgent: "codex-cli/unknown" }, "codex-cli", "unknown"],
    [{ userAgent: "unknown", serverInfo: { name: " codex ", version: " 0.153.0 " } }, "codex", "0.153.0"],
    [{ userAgent: "app/0.169.0", serverInfo: { name: "codex" } }, "codex", "0.169.0"],
    [{ userAgent: "app/0.169.0", serverInfo: { version: "0.170.0" } }, "app", "0.170.0"],
    [{ userAgent: "app/0.169.0", serverInfo: null }, "app", "0.169.0"],
    // As the real server writes it: the name is that of the client, whatever it is.
    [{ userAgent: "My App/0.169.0 (Debian 12.0.0; x86_64) xterm (My App; 9.9.9)" }, "My App", "0.169.0"],
    [{ userAgent: "@scope/app/0.169.0 (Debian 12.0.0; x86_64) xterm (@scope/app; 9)" }, "@scope/app", "0.169.0"],
    [{ userAgent: "codex-app 1.2.3/0.169.0 (Debian; x86_64)" }, "codex-app 1.2.3", "0.169.0"],
    [{ userAgent: "x/1.2.3/0.169.0 (Debian) xterm (x/1.2.3; 9.9.9)" }, "x/1.2.3", "0.169.0"]
  ]
  for (const [answer, name, version] of table) {
    it.effect(JSON.stringify(answer), () =>
      Effect.gen(function*() {
        const metadata = yield* connecting(initialize(answer)).connect
        assert.deepStrictEqual([metadata.serverName, metadata.serverVersion], [name, version])
        assert.isUndefined(metadata.codexHome)
      }))
  }
})
