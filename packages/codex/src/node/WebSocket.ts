/**
 * A WebSocket client on an open socket. It passes the messages of each chunk to a plain callback, and writes messages as frames.
 *
 * It takes the place of Effect's Socket and of the package `ws`, which need up to 2.1 times the CPU of standard input and output
 * for each message, and of Node's WebSocket, which cannot be paused. The design page has the figures.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Buffer } from "node:buffer"
import type { Socket } from "node:net"
import { printable } from "../base/printable.ts"
import type { Hide } from "../base/secrets.ts"
import { type Accept, type Connection, maxMessage } from "../model/connection/Transport.ts"
import { CodexConnectionError } from "../model/errors/CodexError.ts"
import { type Control, encode, Frames, Opcode } from "./Frames.ts"
import * as Readable from "./Readable.ts"
import { withinMillis } from "./withinMillis.ts"

/** The time limit for the server to close its side. */
const closeMillis = 1000

/** The status code of a normal closure, 1000, as the payload of a close frame. */
const normal = Uint8Array.of(0x03, 0xe8)

/** The number of chunks, after a message to the server, that are acknowledged at once: those of the response and what follows it. */
const promptChunks = 4

/** An open WebSocket. */
export class WebSocket {
  private readonly socket: Socket
  private readonly hide: Hide
  /** The reason of its end, if it is known. */
  private cause: Error | undefined
  private isCorked = false
  /** The number of further chunks to acknowledge at once. */
  private prompt = 0
  /** True if data has arrived since the last check. */
  private isAlive = true
  /** True while a ping waits for a response. */
  private isAsked = false
  /** True while the reader is busy and the socket is paused. Silence then means nothing. */
  private isBusy = false

  constructor(socket: Socket, hide: Hide) {
    this.socket = socket
    this.hide = hide
    socket.on("error", (error) => this.cause ??= error)
  }

  readonly receive: Connection["receive"] = (accept) =>
    Effect.suspend(() => {
      const frames = new Frames(maxMessage, (control) => this.onControl(control))
      return Effect.andThen(
        Readable.whileOpen(this.socket, (chunk) => this.take(frames, chunk, accept)),
        Effect.suspend(() => Effect.fail(this.lost()))
      )
    })

  readonly send: Connection["send"] = (message) =>
    Effect.suspend(() => {
      if (!this.socket.writable) return Effect.fail(this.lost())
      this.prompt = promptChunks
      this.write(encode(Opcode.text, message))
      return Effect.void
    })

  /** Pings a silent server, and destroys the socket if it does not respond. Returns a function that stops this. */
  keepAlive(every: Duration.Duration): () => void {
    const { socket } = this
    const check = () => {
      if (this.isAlive || this.isBusy) this.isAsked = false
      else if (this.isAsked) {
        this.cause ??= new Error(
          `the server was silent for ${Duration.format(Duration.times(every, 2))}, to a ping too`
        )
        socket.destroy()
      } else {
        this.isAsked = true
        this.write(encode(Opcode.ping, ""))
      }
      this.isAlive = false
    }
    // The check runs after the reader, which may have data to read if this program was busy.
    const timer = setInterval(() => setImmediate(check), Math.min(Duration.toMillis(every), 2 ** 31 - 1))
    return () => clearInterval(timer)
  }

  /** Sends a close frame and waits until the server has closed its side, within a time limit. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { socket } = this
    if (socket.closed) return Effect.void
    const closed = Effect.callback<void>((resume) => {
      socket.once("close", () => resume(Effect.void))
      if (socket.writable) socket.end(encode(Opcode.close, normal))
      // The end arrives after the unread data, which has no reader any more.
      socket.resume()
    })
    return Effect.andThen(withinMillis(closeMillis, closed), Effect.sync(() => void socket.destroy()))
  })

  private take(
    frames: Frames,
    chunk: Buffer,
    accept: Accept
  ): Effect.Effect<void, CodexConnectionError> | undefined {
    this.isAlive = true
    this.acknowledge()
    const messages = frames.push(chunk)
    const busy = messages.length === 0 ? undefined : accept(messages)
    if (frames.problem !== undefined) {
      const problem = new CodexConnectionError({ reason: { _tag: "Unreadable", detail: frames.problem } })
      return Effect.andThen(busy ?? Effect.void, Effect.fail(problem))
    }
    if (busy === undefined) return undefined
    this.isBusy = true
    return Effect.andThen(busy, Effect.sync(() => void (this.isBusy = false)))
  }

  /**
   * Makes the system acknowledge a chunk at once, with a pong that no ping asked for, which servers ignore. The app-server leaves
   * Nagle's algorithm on: it holds the notification that follows a response until the response is acknowledged, and a system with
   * nothing to send does that 40 ms later. Unix sockets have no such delay.
   */
  private acknowledge(): void {
    if (this.prompt === 0 || this.socket.remoteAddress === undefined) return
    this.prompt--
    this.write(encode(Opcode.pong, ""))
  }

  private onControl({ opcode, payload }: Control): void {
    if (opcode === Opcode.ping) this.write(encode(Opcode.pong, payload))
    else if (opcode === Opcode.close) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005
      const reason = this.hide(printable(payload.toString("utf8", 2)))
      this.cause ??= new Error(`the server closed the WebSocket with code ${code}${reason === "" ? "" : `: ${reason}`}`)
      if (this.socket.writable) this.socket.end(encode(Opcode.close, payload.subarray(0, 2)))
    }
  }

  private lost(): CodexConnectionError {
    const { cause } = this
    return new CodexConnectionError({ reason: { _tag: "Disconnected" }, ...(cause === undefined ? {} : { cause }) })
  }

  /** Writes a frame. All frames of one tick share one system call. */
  private write(frame: Buffer): void {
    const { socket } = this
    if (!socket.writable) return
    if (!this.isCorked) {
      this.isCorked = true
      socket.cork()
      process.nextTick(() => {
        this.isCorked = false
        socket.uncork()
      })
    }
    socket.write(frame)
  }
}
