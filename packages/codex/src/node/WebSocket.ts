/**
 * A WebSocket on an open socket: the frames of an app-server, read by a plain callback, and messages in frames back.
 *
 * Node's WebSocket can't be paused, so a slow program would hold all that the server sends. The package `ws` takes twice the
 * CPU for a frame that a line takes: it hands over one message at a time.
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

/** How long the server may take to close its side. */
const closeMillis = 1000

/** Normal closure, in the payload of a close frame. */
const normal = Uint8Array.of(0x03, 0xe8)

/** The state of an open WebSocket. */
export class WebSocket {
  private readonly socket: Socket
  private readonly hide: Hide
  /** Why it ended, as far as it is known. */
  private cause: Error | undefined
  private isCorked = false
  /** Whether anything has come since the last look. */
  private isAlive = true
  private isAsked = false
  /** Whether the reader takes no more for the moment: then silence means nothing. */
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
      this.write(encode(Opcode.text, message))
      return Effect.void
    })

  /** Pings a server that is silent, and breaks the connection if it stays so. Returns a function that ends this. */
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
    // Later: if this program was busy, what has come meanwhile is read first.
    const timer = setInterval(() => setImmediate(check), Math.min(Duration.toMillis(every), 2 ** 31 - 1))
    return () => clearInterval(timer)
  }

  /** Tells the server that this side closes, and waits for its end, but not long. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { socket } = this
    if (socket.closed) return Effect.void
    const closed = Effect.callback<void>((resume) => {
      socket.once("close", () => resume(Effect.void))
      if (socket.writable) socket.end(encode(Opcode.close, normal))
      // Nobody reads any more, and the end comes after what is unread.
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

  /** What is written in one tick goes out in one system call. */
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
