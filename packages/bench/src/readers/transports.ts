/**
 * The transports of the socket benchmark: those of the SDK, and those that it could have been built on. The others do only what is
 * needed to be measured: no typed errors, no pings, no orderly close.
 */
import * as NodeWS from "@effect/platform-node/NodeWS"
import * as Codex from "effect-codex/Codex"
import * as CodexError from "effect-codex/CodexError"
import * as Transport from "effect-codex/Transport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Socket from "effect/socket/Socket"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Readline from "node:readline"
import { path as scriptPath } from "../Script.ts"

/** How a reader reaches the synthetic app-server, whose command line on standard input and output this is. */
export type Connect = (server: readonly [string, ...Array<string>]) => Layer.Layer<Codex.Services, unknown>

const lost = (cause: unknown) => new CodexError.CodexConnectionError({ reason: { _tag: "Disconnected" }, cause })
const continuing = { isShared: true, serverContinues: true } as const

/** Creates a Transport from a function that connects to an address. */
const transport = (connect: (url: string) => Transport.Transport["Service"]["connect"]) => (url: string) =>
  Codex.layerTransport().pipe(
    Layer.provideMerge(Layer.succeed(Transport.Transport, Transport.Transport.of({ connect: connect(url) })))
  )

/** On Effect's Socket, with the WebSocket of a constructor. */
const onEffectSocket = (webSocket: Socket.WebSocketConstructor["Service"]) =>
  transport((url) =>
    Effect.gen(function*() {
      const socket = yield* Socket.makeWebSocket(url)
      const reader = yield* socket.reader
      const writer = yield* socket.writer
      return {
        ...continuing,
        receive: (accept) =>
          Effect.catch(
            Effect.forever(Effect.flatMap(
              reader.pull,
              // The protocol has text frames only.
              (frames) => accept(frames as ReadonlyArray<string>) ?? Effect.void
            )),
            (error) => Effect.fail(lost(error))
          ),
        send: (message) => Effect.mapError(writer.write(message), lost)
      } satisfies Transport.Connection
    }).pipe(
      Effect.provideService(Socket.WebSocketConstructor, webSocket),
      Effect.orDie
    )
  )

/** Options that older servers and large responses need. */
const wsOptions = { perMessageDeflate: false, maxPayload: 0 } as const

/** On a WebSocket of the package `ws`, or of Node. The messages of one tick are passed on together. */
const onWebSocket = <A extends NodeWS.WebSocket | WebSocket>(
  open: (url: string) => A,
  listen: (socket: A, onMessage: (message: string) => void) => void,
  pausing: (socket: A) => { readonly pause: () => void; readonly resume: () => void }
) =>
  transport((url) =>
    Effect.gen(function*() {
      const socket = yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const socket = open(url)
          await new Promise((resolve) => socket.addEventListener("open", resolve as () => void, { once: true }))
          return socket
        }),
        (socket) => Effect.sync(() => socket.close())
      )
      return {
        ...continuing,
        receive: (accept) =>
          Effect.callback((resume) => {
            let messages: Array<string> = []
            let isBusy = false
            const flush = () => {
              if (isBusy || messages.length === 0) return
              const taken = messages
              messages = []
              const busy = accept(taken)
              if (busy === undefined) return
              isBusy = true
              pausing(socket).pause()
              Effect.runCallback(busy, {
                onExit: () => {
                  isBusy = false
                  pausing(socket).resume()
                  flush()
                }
              })
            }
            listen(socket, (message) => {
              if (messages.push(message) === 1) setImmediate(flush)
            })
            socket.addEventListener("close", () => resume(Effect.fail(lost(undefined))))
          }),
        send: (message) => Effect.sync(() => socket.send(message))
      } satisfies Transport.Connection
    })
  )

const clients = {
  "own": (address: string) =>
    address.startsWith("ws:")
      ? Codex.layerWebSocket({ url: address, reconnect: false })
      : Codex.layerUnixSocket({ path: address, reconnect: false }),
  "effect-ws": onEffectSocket((url) => new NodeWS.WebSocket(url, wsOptions)),
  "effect-global": onEffectSocket((url) => new WebSocket(url)),
  "ws": onWebSocket(
    (url) => new NodeWS.WebSocket(url, wsOptions),
    (socket, onMessage) => socket.on("message", (data) => onMessage(String(data))),
    (socket) => socket
  ),
  "global": onWebSocket(
    (url) => new WebSocket(url),
    (socket, onMessage) => socket.addEventListener("message", ({ data }) => onMessage(data as string)),
    () => ({ pause: () => {}, resume: () => {} })
  )
}

export type Client = keyof typeof clients

let sockets = 0

/** The process of the synthetic app-server on a socket. */
const listening = (kind: "ws" | "unix", [node, , ...args]: readonly [string, ...Array<string>]) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async (): Promise<readonly [ChildProcess, string]> => {
        const where = kind === "ws"
          ? "ws"
          : Path.join(Os.tmpdir(), `effect-codex-bench-${process.pid}-${++sockets}.sock`)
        const child = spawn(node, [scriptPath("socketServer"), where, ...args], { stdio: ["pipe", "pipe", "inherit"] })
        const [address] = await once(Readline.createInterface({ input: child.stdout }), "line") as [string]
        return [child, address]
      }),
      ([child]) =>
        Effect.promise(async () => {
          const ended = once(child, "close")
          child.stdin!.end()
          await ended
        })
    ),
    ([, address]) => address
  )

/** A way to the synthetic app-server over a socket. */
export const overSocket = (kind: "ws" | "unix", client: Client): Connect => (server) =>
  Layer.unwrap(Effect.map(
    listening(kind, server),
    // The package `ws` takes the path of a Unix socket in a URL.
    (address) => clients[client](client === "own" || kind === "ws" ? address : `ws+unix:${address}:/`)
  ))

/** The child process of `Codex.layer`. */
export const overStdio: Connect = (server) => Codex.layer({ args: server })
