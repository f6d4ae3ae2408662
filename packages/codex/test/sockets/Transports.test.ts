/** The transports to a server that is running already: on the real binary, and on servers that do one thing wrong. */
import { Gate, Reply, ScriptedModel } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import { Codex, type CodexClient, CodexError, Transport } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { createServer, type Server, type Socket } from "node:net"
import * as noProcess from "../../src/node/noProcess.ts"
import { agentTexts } from "../real/utils.ts"
import * as server from "./server.ts"

const secret = "s3cret-token-of-this-test"

/** Runs on the Layer of a connection, which is closed afterwards. */
const on = <A, E, R, E2>(
  codexLayer: Layer.Layer<Codex.Services, E2>,
  use: (codex: Codex.Codex["Service"]) => Effect.Effect<A, E, R>
) => Effect.provide(Codex.Codex.use(use), codexLayer)

/** The error of a Layer that can't be built. */
const refusal = (codexLayer: Layer.Layer<Codex.Services, CodexError.ConnectError>) =>
  Effect.flip(Effect.scoped(Layer.build(codexLayer)))

/** A server of TCP that does one thing with each connection. */
const tcp = (serve: (socket: Socket) => void): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const listening: { server: Server; sockets: Set<Socket> } = {
          server: createServer((socket) => {
            listening.sockets.add(socket)
            socket.on("error", () => {})
            serve(socket)
          }).listen(0, "127.0.0.1"),
          sockets: new Set()
        }
        await once(listening.server, "listening")
        return listening
      }),
      ({ server, sockets }) =>
        Effect.promise(async () => {
          for (const socket of sockets) socket.destroy()
          server.close()
          await once(server, "close")
        })
    ),
    ({ server }) => `ws://127.0.0.1:${(server.address() as { readonly port: number }).port}`
  )

/** Answers with this text as soon as the request has come. */
const answering = (text: string) => tcp((socket) => socket.once("data", () => socket.end(text)))

const accept = (head: string): string =>
  createHash("sha1").update(/Sec-WebSocket-Key: (.*)\r/i.exec(head)![1] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    .digest("base64")

/** Parameters of this length, and a little more. */
const params = (length: number) => ({ processId: "x".repeat(length) })

/** Opens the WebSocket, and does this then. */
const opening = (then: (socket: Socket) => void) =>
  tcp((socket) =>
    socket.once("data", (data) => {
      const answer = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
      socket.write(`${answer}Sec-WebSocket-Accept: ${accept(String(data))}\r\n\r\n`)
      then(socket)
    })
  )

for (const how of ["ws", "unix"] as const) {
  const connected = Layer.unwrap(
    server.ListeningServer.useSync(({ address }) =>
      how === "ws" ? Codex.layerWebSocket({ url: address }) : Codex.layerUnixSocket({ path: address })
    )
  )
  layer(server.layer(how), { excludeTestServices: true })(`a server on ${how}`, (it) => {
    it.effect("runs turns, and streams their text", () =>
      Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const thread = yield* codex.threadStart()
        assert.deepStrictEqual(agentTexts(yield* thread.run("Grüße, 世界")), ["Grüße, 世界"])
        const turn = yield* thread.turn("hello")
        assert.strictEqual((yield* Stream.runCollect(turn.text)).join(""), "hello")
      }).pipe(Effect.provide(connected)))

    it.effect("takes messages of almost 16 MB; longer ones are refused before they are sent", () =>
      Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const limit = 16 * 1024 * 1024
        // The server reads it, and does not know the process.
        const read = yield* Effect.flip(codex.client.request("command/exec/terminate", params(limit - 100)))
        assert.strictEqual(read._tag, "CodexRpcError")
        for (const length of [limit, 17_000_000]) {
          const error = yield* Effect.flip(codex.client.request("command/exec/terminate", params(length)))
          assert(error._tag === "InvalidInputError")
          assert.include(error.message, "16777216 bytes")
        }
        yield* codex.threadListPage()
      }).pipe(Effect.provide(connected)))

    it.effect("is told so when an answer is too long to send", () =>
      Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const model = yield* ScriptedModel.ScriptedModel
        yield* model.clear
        yield* model.enqueue(Reply.functionCall({ name: "dump", arguments: {} }), Reply.text("too much"))
        const thread = yield* codex.threadStart({
          dynamicTools: [{ type: "function", name: "dump", description: "", inputSchema: { type: "object" } }],
          serverRequests: {
            "item/tool/call": () =>
              Effect.succeed({ success: true, contentItems: [{ type: "inputText", text: "x".repeat(17_000_000) }] })
          }
        })
        assert.deepStrictEqual(agentTexts(yield* thread.run("go")), ["too much"])
      }).pipe(Effect.provide(connected)))

    it.effect("goes on when a client closes; the turns of that client end, and detached ones go on", () =>
      Effect.gen(function*() {
        const { address, pid } = yield* server.ListeningServer
        const model = yield* ScriptedModel.ScriptedModel
        const layerOf = (detach: boolean) =>
          how === "ws"
            ? Codex.layerWebSocket({ url: address, detach })
            : Codex.layerUnixSocket({ path: address, detach })
        for (const detach of [false, true]) {
          const gate = yield* Gate.make
          yield* model.clear
          yield* model.enqueue(Reply.message({ deltas: ["half", gate, " whole"] }))
          const started = yield* on(layerOf(detach), (codex) =>
            Effect.gen(function*() {
              const thread = yield* codex.threadStart()
              const turn = yield* thread.turn("go")
              yield* Stream.runHead(turn.text)
              return turn
            }))
          const status = yield* on(layerOf(false), (codex) =>
            Effect.gen(function*() {
              if (!detach) yield* gate.open
              const joined = yield* codex.threadResume(started.threadId)
              const ended = yield* joined.notifications.pipe(
                Stream.filter(({ method }) => method === "turn/completed"),
                Stream.runHead,
                Effect.forkChild({ startImmediately: true })
              )
              if (detach) {
                yield* gate.open
                yield* Fiber.join(ended)
              }
              const { turns } = yield* codex.threadRead(started.threadId, { includeTurns: true })
              return turns.find(({ id }) => id === started.id)?.status
            }))
          assert.strictEqual(status, detach ? "completed" : "interrupted")
        }
        assert.isTrue(process.kill(pid, 0))
      }))
  })
}

layer(
  Layer.unwrap(Effect.sync(() =>
    server.layer("ws", {
      args: ["--ws-auth", "capability-token", "--ws-token-sha256", createHash("sha256").update(secret).digest("hex")]
    })
  )),
  { excludeTestServices: true }
)("a server that asks for a token", (it) => {
  it.effect("takes the right one; others are unauthorized, and no error shows them", () =>
    Effect.gen(function*() {
      const { address: url } = yield* server.ListeningServer
      const models = yield* on(
        Codex.layerWebSocket({ url, token: Redacted.make(secret) }),
        (codex) => Stream.runCollect(codex.models())
      )
      assert.isNotEmpty(models)
      for (const token of [undefined, Redacted.make(`${secret}-not`)]) {
        const error = yield* refusal(Codex.layerWebSocket({ url, token }))
        assert(error._tag === "CodexConnectError")
        assert.strictEqual(error.reason._tag, "Unauthorized")
        assert.isFalse(CodexError.isRetryable(error))
        assert.include(error.message, "Pass a valid `token`")
        assert.notInclude(`${error}${JSON.stringify(error)}${error.stack}`, secret)
      }
    }))
})

describe("a connection that can't be made", () => {
  const cases: ReadonlyArray<readonly [string, Effect.Effect<string, never, Scope.Scope>, string, string]> = [
    ["nothing listens", Effect.map(Effect.scoped(tcp(() => {})), (url) => url), "Unreachable", "ECONNREFUSED"],
    ["the server hangs up", tcp((socket) => socket.end()), "Unreachable", "without answering"],
    ["it is no HTTP", answering("SSH-2.0-OpenSSH\r\n\r\n"), "Refused", "does not speak HTTP"],
    ["it is no WebSocket", answering("HTTP/1.1 200 OK\r\n\r\nhello"), "Refused", "status 200: hello"],
    [
      "its answer is to another request",
      answering("HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: x\r\n\r\n"),
      "Refused",
      "WebSocket"
    ],
    [
      "an origin is refused",
      answering("HTTP/1.1 403 Forbidden\r\n\r\nno \u001b[31morigin"),
      "Refused",
      "403: no \\x1b[31morigin"
    ],
    ["a proxy has no server", answering("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "Unreachable", "(502)"],
    [
      "the token comes back",
      answering(`HTTP/1.1 401 Unauthorized\r\n\r\nwrong: ${secret}`),
      "Unauthorized",
      "wrong: <redacted>"
    ],
    ["it is lost in the handshake", opening((socket) => socket.end()), "Unreachable", "during the handshake"],
    ["it says nothing", opening(() => {}), "HandshakeTimeout", "200ms"],
    ["it does not answer", tcp(() => {}), "HandshakeTimeout", "200ms"]
  ]
  for (const [name, url, reason, text] of cases) {
    it.live(`because ${name}`, () =>
      Effect.gen(function*() {
        const address = yield* url
        const token = Redacted.make(secret)
        const limit = reason === "HandshakeTimeout" ? "200 millis" : "30 seconds"
        const error = yield* refusal(Codex.layerWebSocket({ url: address, token, handshakeTimeout: limit }))
        assert(error._tag === "CodexConnectError")
        assert.strictEqual(error.reason._tag, reason, error.message)
        assert.include(error.message, text)
        assert.include(error.message, address)
        assert.notInclude(error.message, secret)
      }).pipe(Effect.scoped))
  }

  it.live("because there is no such Unix socket", () =>
    Effect.gen(function*() {
      const error = yield* refusal(Codex.layerUnixSocket({ path: "/nonexistent/codex.sock" }))
      assert(error._tag === "CodexConnectError")
      assert.strictEqual(error.reason._tag, "Unreachable")
      assert.include(error.message, "(/nonexistent/codex.sock)")
    }))

  it.live("because the path of the Unix socket is too long", () =>
    Effect.gen(function*() {
      const error = yield* refusal(Codex.layerUnixSocket({ path: `/${"long/".repeat(40)}codex.sock` }))
      assert(error._tag === "CodexConnectError")
      assert.include(error.message, "too long for a Unix socket")
    }))

  it.live("because an option is wrong", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [object, string]> = [
        [{ url: "http://x" }, "url"],
        [{ url: "127.0.0.1" }, "url"],
        [{ url: "ws://me:secret@x" }, "url"],
        [{ url: "ws://x#y" }, "url"],
        [{ url: "ws://x", token: "plain" }, "token"],
        [{ url: "ws://x", token: Redacted.make("two\nlines") }, "token"],
        [{ url: "ws://x", keepAlive: 0 }, "keepAlive"],
        [{ url: "ws://x", codexPath: "codex" }, "codexPath"],
        [{ url: "ws://x", restart: false }, "restart"],
        [{ url: "ws://x", reconnect: true }, "reconnect"],
        [{ url: "ws://x", detach: 1 }, "detach"]
      ]
      for (const [options, field] of wrong) {
        const error = yield* refusal(Codex.layerWebSocket(options as CodexClient.WebSocketLayerOptions))
        assert(error._tag === "InvalidInputError")
        assert.strictEqual(error.field, field)
        assert.notInclude(error.message, "secret@")
      }
    }))
})

const turnOfTheLoop = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))

/** How a connection ends, and the messages that came before. */
const received = (transportLayer: Layer.Layer<Transport.Transport, unknown>) =>
  Effect.gen(function*() {
    const transport = yield* Transport.Transport
    const connection = yield* transport.connect
    const messages: Array<string> = []
    const end = yield* Effect.flip(connection.receive((texts) => void messages.push(...texts)))
    return { messages, end }
  }).pipe(Effect.provide(transportLayer))

/** One frame as a server writes it, with that first byte. */
const frame = (first: number, text: string | Buffer) => {
  const payload = Buffer.from(text)
  const head = payload.length < 126
    ? [payload.length]
    : payload.length < 65_536
    ? [126, payload.length >> 8, payload.length & 255]
    : [127, 0, 0, 0, 0, 0, payload.length >> 16, (payload.length >> 8) & 255, payload.length & 255]
  return Buffer.concat([Buffer.from([first, ...head]), payload])
}

describe("an open WebSocket", () => {
  it.live("reads messages of any length, in any pieces, whole and in fragments", () =>
    Effect.gen(function*() {
      const lengths = [0, 1, 125, 126, 65_535, 65_536, 200_000]
      const texts = lengths.map((length) => "€".repeat(length / 3) + "x".repeat(length % 3))
      const bytes = Buffer.concat([
        ...texts.map((text) => frame(0x81, text)),
        frame(0x01, "be"),
        frame(0x89, "ping"),
        frame(0x00, ""),
        frame(0x80, "gun"),
        frame(0x82, "binary"),
        frame(0x88, Buffer.from([0x03, 0xe9]))
      ])
      for (const size of [1, 7, 4096, bytes.length]) {
        const pongs: Array<Buffer> = []
        const url = yield* opening((socket) => {
          socket.on("data", (data) => pongs.push(data))
          for (let start = 0; start < bytes.length; start += size) socket.write(bytes.subarray(start, start + size))
        })
        const { end, messages } = yield* received(Transport.layerWebSocket({ url }))
        assert.deepStrictEqual(messages, [...texts, "begun"])
        assert.include(end.message, "closed the WebSocket with code 1001")
        assert.isTrue(CodexError.isRetryable(end))
        // Masked: a pong, and the answer to the close.
        const sent = Buffer.concat(pongs)
        assert.deepStrictEqual([sent[0], sent[1]], [0x8a, 0x84])
        assert.deepStrictEqual([sent[10], sent[11]], [0x88, 0x82])
      }
    }).pipe(Effect.scoped), 30_000)

  it.live("ends at a frame that no server may send", () =>
    Effect.gen(function*() {
      for (const bad of [[0x81, 0x80, 0, 0, 0, 0], [0xc1, 0x00], [0x83, 0x00]]) {
        const url = yield* opening((socket) =>
          socket.write(Buffer.concat([frame(0x81, "good"), Buffer.from(bad), frame(0x81, "late")]))
        )
        const { end, messages } = yield* received(Transport.layerWebSocket({ url }))
        assert.deepStrictEqual(messages, ["good"])
        assert.strictEqual(end.reason._tag, "Unreadable")
      }
    }).pipe(Effect.scoped))

  it.live("is lost when the server is silent, also to a ping", () =>
    Effect.gen(function*() {
      const heard: Array<number> = []
      const url = yield* opening((socket) => socket.on("data", (data) => heard.push(data[0]!)))
      const { end } = yield* received(Transport.layerWebSocket({ url, keepAlive: 30 }))
      assert.include(end.message, "silent for 60ms")
      assert.deepStrictEqual(heard, [0x89])
    }).pipe(Effect.scoped))

  it.live("lives on while the server answers pings", () =>
    Effect.gen(function*() {
      let pings = 0
      const url = yield* opening((socket) =>
        socket.on("data", () => {
          pings++
          if (pings === 5) socket.end()
          else socket.write(frame(0x8a, ""))
        })
      )
      const { end } = yield* received(Transport.layerWebSocket({ url, keepAlive: 20 }))
      assert.notInclude(end.message, "silent")
      assert.strictEqual(pings, 5)
    }).pipe(Effect.scoped))

  it.live("pauses the server while its reader is busy", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const busy = yield* Deferred.make<void>()
      const total = 5_000
      const text = "x".repeat(10_000)
      let sent = 0
      const url = yield* opening((socket) => {
        const write = (): void => {
          while (sent < total) {
            sent++
            if (!socket.write(frame(0x81, text))) return void socket.once("drain", write)
          }
          socket.end()
        }
        write()
      })
      yield* Effect.gen(function*() {
        const transport = yield* Transport.Transport
        const connection = yield* transport.connect
        let seen = 0
        const reading = yield* Effect.forkChild(
          Effect.flip(connection.receive((texts) => {
            const before = seen
            seen += texts.length
            return before === 0
              ? Effect.andThen(Deferred.succeed(busy, undefined), Deferred.await(gate))
              : undefined
          })),
          { startImmediately: true }
        )
        yield* Deferred.await(busy)
        // Until the server can write no more: the buffers of the system are full.
        for (let before = -1, turns = 0; turns < 100; turns = sent === before ? turns + 1 : 0) {
          before = sent
          yield* turnOfTheLoop
        }
        assert.isBelow(sent, total)
        assert.isBelow(seen, 50)
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(reading)
        assert.strictEqual(seen, total)
      }).pipe(Effect.provide(Transport.layerWebSocket({ url, keepAlive: 50 })))
    }).pipe(Effect.scoped))

  it.live("acknowledges a response at once, so that the server's next message is not held back", () =>
    Effect.gen(function*() {
      const pongs = yield* Deferred.make<number>()
      let heard = 0
      // Answers the message, and hears whether the answer is acknowledged before it goes on.
      const url = yield* opening((socket) => {
        socket.write(frame(0x81, "before"))
        socket.on("data", (data) => {
          if (data[0] === 0x81) socket.write(frame(0x81, "response"))
          if (data[0] === 0x8a) Deferred.doneUnsafe(pongs, Effect.succeed(++heard))
        })
      })
      const messages: Array<string> = []
      yield* Effect.gen(function*() {
        const transport = yield* Transport.Transport
        const connection = yield* transport.connect
        const first = yield* Deferred.make<void>()
        yield* Effect.forkScoped(
          connection.receive((arrived) => {
            messages.push(...arrived)
            Deferred.doneUnsafe(first, Effect.void)
            return undefined
          }),
          { startImmediately: true }
        )
        yield* Deferred.await(first)
        assert.strictEqual(heard, 0)
        yield* connection.send("{}")
        assert.strictEqual(yield* Deferred.await(pongs), 1)
        assert.deepStrictEqual(messages, ["before", "response"])
      }).pipe(Effect.scoped, Effect.provide(Transport.layerWebSocket({ url })))
    }).pipe(Effect.scoped))

  it.live("tells the server when it closes, and leaves nothing open", () =>
    Effect.gen(function*() {
      const heard: Array<Buffer> = []
      let closed = false
      const url = yield* opening((socket) =>
        socket.on("data", (data) => heard.push(data)).on("close", () => closed = true)
      )
      const exit = yield* Effect.exit(
        Effect.gen(function*() {
          const transport = yield* Transport.Transport
          const connection = yield* transport.connect
          yield* Effect.forkScoped(connection.receive(() => undefined), { startImmediately: true })
          yield* connection.send("{}")
        }).pipe(Effect.scoped, Effect.provide(Transport.layerWebSocket({ url })))
      )
      assert.isTrue(Exit.isSuccess(exit))
      yield* turnOfTheLoop
      const sent = Buffer.concat(heard)
      assert.strictEqual(sent[0], 0x81)
      assert.strictEqual(sent[8], 0x88)
      assert.isTrue(closed)
    }).pipe(Effect.scoped))
})

/** As `Codex.layerWebSocket`, where there are no processes. */
const inBrowser = (options: Transport.WebSocketOptions) =>
  Codex.layerTransport().pipe(Layer.provideMerge(noProcess.layerWebSocket(options)))

describe("the WebSocket of a browser", () => {
  it.live("runs turns", () =>
    Effect.gen(function*() {
      const { address: url } = yield* server.ListeningServer
      yield* on(inBrowser({ url }), (codex) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart()
          assert.deepStrictEqual(agentTexts(yield* thread.run("hello")), ["hello"])
        }))
    }).pipe(Effect.scoped, Effect.provide(server.layer("ws"))))

  it.live("takes no token, and tells what it can't reach", () =>
    Effect.gen(function*() {
      const withToken = yield* refusal(inBrowser({ url: "ws://127.0.0.1", token: Redacted.make(secret) }))
      assert(withToken._tag === "InvalidInputError")
      assert.strictEqual(withToken.field, "token")
      const url = yield* Effect.scoped(tcp(() => {}))
      const unreachable = yield* refusal(inBrowser({ url }))
      assert(unreachable._tag === "CodexConnectError")
      assert.strictEqual(unreachable.reason._tag, "Unreachable")
      for (
        const without of [
          noProcess.layerStdio(),
          noProcess.layerUnixSocket({ path: "x" })
        ]
      ) {
        const error = yield* refusal(Codex.layerTransport().pipe(Layer.provideMerge(without)))
        assert.include(error.message, "Codex.layerWebSocket")
      }
    }))

  it.live("fails when the platform refuses the address, as in a page that was loaded over https", () =>
    Effect.gen(function*() {
      const { WebSocket } = globalThis
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          globalThis.WebSocket = class extends WebSocket {
            constructor() {
              super("ws://127.0.0.1:1#insecure")
            }
          }
        }),
        () => Effect.sync(() => void (globalThis.WebSocket = WebSocket))
      )
      const error = yield* refusal(inBrowser({ url: "ws://127.0.0.1:1" }))
      assert(error._tag === "CodexConnectError")
      assert.strictEqual(error.reason._tag, "Refused")
      assert.include(error.message, "the platform does not open it")
    }).pipe(Effect.scoped))

  it.live("asks a silent server, and takes no answer for a message", () =>
    Effect.gen(function*() {
      let questions = 0
      const url = yield* opening((socket) =>
        socket.on("data", (data) => {
          // A question of the transport, or the end.
          if (data[0] !== 0x81) return
          questions++
          if (questions < 3) socket.write(frame(0x81, `{"id":"keep-alive","result":{}}`))
        })
      )
      const { end, messages } = yield* received(noProcess.layerWebSocket({ url, keepAlive: 150 }))
      assert.strictEqual(questions, 3)
      assert.deepStrictEqual(messages, [])
      assert.include(end.message, "silent for 300ms")
    }).pipe(Effect.scoped))
})
