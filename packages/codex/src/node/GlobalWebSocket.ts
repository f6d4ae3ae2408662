/**
 * A Transport over the global WebSocket of browsers and edge workers.
 *
 * That WebSocket can be neither paused nor pinged, and sends no headers. So messages wait in memory while the reader is busy, a
 * request takes the place of a ping, and a token is an error. The app-server refuses every request with an `Origin`, so a browser
 * needs a proxy that authenticates its users and removes that header.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { printable } from "../base/printable.ts"
import {
  defaults,
  maxMessageBytes,
  shown,
  webSocketChecks,
  type WebSocketOptions
} from "../model/connection/SocketOptions.ts"
import { type Accept, type Connection, Transport } from "../model/connection/Transport.ts"
import { check } from "../model/errors/check.ts"
import { CodexConnectError, CodexConnectionError, InvalidInputError } from "../model/errors/CodexError.ts"

/** Normal closure. */
const normal = 1000

/** A request of the transport itself, whose response shows that the server is there. */
const question = `{"id":"keep-alive","method":"thread/loaded/list","params":{"limit":1}}`
const isAnswer = (message: string): boolean => message.startsWith(`{"id":"keep-alive",`)

const connect = (url: string, target: string): Effect.Effect<WebSocket, CodexConnectError, Scope.Scope> =>
  Effect.flatMap(
    Effect.acquireRelease(
      Effect.try({
        try: () => new WebSocket(url),
        // A page that was loaded over https may open `wss:` alone.
        catch: (cause) => {
          const detail = `the platform does not open it: ${cause instanceof Error ? cause.message : String(cause)}`
          return new CodexConnectError({ reason: { _tag: "Refused", detail: printable(detail) }, target })
        }
      }),
      (socket) => Effect.sync(() => socket.close(normal))
    ),
    (socket) =>
      Effect.callback((resume) => {
        const opened = () => resume(Effect.succeed(socket))
        // The platform hides the reason.
        const detail = "the WebSocket did not open; the server does not answer, or refuses this client"
        const failed = () =>
          resume(Effect.fail(new CodexConnectError({ reason: { _tag: "Unreachable", detail }, target })))
        socket.addEventListener("open", opened, { once: true })
        socket.addEventListener("close", failed, { once: true })
        return Effect.sync(() => {
          socket.removeEventListener("open", opened)
          socket.removeEventListener("close", failed)
        })
      })
  )

/** Creates the connection on an open WebSocket. Messages that arrive before `receive` wait for it. */
const connectionOf = (socket: WebSocket, every: Duration.Duration | undefined): Connection => {
  let waiting: Array<string> = []
  let accept: Accept | undefined
  let isBusy = false
  let isAsked = false
  let isAlive = true
  let cause: Error | undefined
  let onEnd: ((error: CodexConnectionError) => void) | undefined
  let ended: CodexConnectionError | undefined

  const end = () => {
    ended ??= new CodexConnectionError({ reason: { _tag: "Disconnected" }, ...(cause === undefined ? {} : { cause }) })
    if (waiting.length === 0 && !isBusy) onEnd?.(ended)
  }
  const take = () => {
    if (accept !== undefined && !isBusy && waiting.length > 0) {
      const messages = waiting
      waiting = []
      const busy = accept(messages)
      if (busy !== undefined) {
        isBusy = true
        Effect.runCallback(busy, {
          onExit: () => {
            isBusy = false
            take()
          }
        })
      }
    }
    if (ended !== undefined) end()
  }
  socket.addEventListener("message", ({ data }) => {
    isAlive = true
    if (typeof data !== "string" || (isAsked && isAnswer(data))) return
    waiting.push(data)
    take()
  })
  socket.addEventListener("close", ({ code, reason }) => {
    clearInterval(timer)
    cause ??= new Error(`the WebSocket was closed with code ${code}${reason === "" ? "" : `: ${reason}`}`)
    end()
  })
  const timer = every === undefined ? undefined : setInterval(() => {
    if (isAlive) isAsked = false
    else if (isAsked) {
      cause ??= new Error(`the server was silent for ${Duration.format(Duration.times(every, 2))}, to a request too`)
      socket.close()
      return end()
    } else {
      isAsked = true
      socket.send(question)
    }
    isAlive = false
  }, Duration.toMillis(every))

  return {
    receive: (to) =>
      Effect.callback((resume) => {
        onEnd = (error) => resume(Effect.fail(error))
        accept = to
        take()
        return Effect.sync(() => clearInterval(timer))
      }),
    send: (message) =>
      Effect.suspend(() => {
        if (socket.readyState === WebSocket.OPEN) return Effect.sync(() => socket.send(message))
        return Effect.fail(ended ?? new CodexConnectionError({ reason: { _tag: "Disconnected" } }))
      }),
    isShared: true,
    serverContinues: true,
    maxMessageBytes
  }
}

/** The counterpart of `layerWebSocket` in `Sockets`. */
export const layerWebSocket = (options: WebSocketOptions): Layer.Layer<Transport, InvalidInputError> =>
  Layer.effect(
    Transport,
    Effect.gen(function*() {
      yield* check(options, webSocketChecks)
      if (options.token !== undefined) {
        return yield* new InvalidInputError({
          field: "token",
          detail: "a browser can't send it; let the proxy before the server authenticate its users"
        })
      }
      const { keepAlive = defaults.keepAlive, url } = options
      const every = keepAlive === false ? undefined : Duration.fromInputUnsafe(keepAlive)
      const target = shown(options)
      return Transport.of({
        target,
        connect: Effect.map(connect(url, target), (socket) => ({ ...connectionOf(socket, every), target }))
      })
    })
  )
