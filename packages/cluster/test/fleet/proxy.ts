/** A TCP proxy, whose connections can be cut as networks do it: ended, or left open without an answer. */
import * as Effect from "effect/Effect"
import { connect, createServer, type Socket } from "node:net"

/** A proxy in front of a port of this machine. */
export interface Proxy {
  readonly port: number
  /** Ends all connections, and serves new ones. */
  readonly cut: Effect.Effect<void>
  /** The number of cuts that ended a connection. */
  readonly cuts: () => number
  /** Ends all connections, and each new one, until `open`. */
  readonly close: Effect.Effect<void>
  /** Leaves all connections open, also new ones, but passes nothing on until `open`. */
  readonly stall: Effect.Effect<void>
  readonly open: Effect.Effect<void>
}

/** Starts a proxy for the scope. */
export const make = (target: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Proxy & { readonly end: Effect.Effect<void> }>((resume) => {
        let state: "open" | "closed" | "stalled" = "open"
        const sockets = new Set<Socket>()
        let cuts = 0
        const join = (from: Socket, to: Socket) => {
          sockets.add(from)
          from.setNoDelay(true)
          if (state === "stalled") from.pause()
          from.on("data", (bytes) => to.write(bytes))
          from.on("end", () => to.end())
          // Its `close` follows.
          from.on("error", () => {})
          from.on("close", () => {
            sockets.delete(from)
            to.destroy()
          })
        }
        const destroy = Effect.sync(() => {
          for (const socket of sockets) socket.destroy()
        })
        const set = (next: typeof state) =>
          Effect.sync(() => {
            state = next
            for (const socket of sockets) {
              if (next === "stalled") socket.pause()
              else socket.resume()
            }
          })
        const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket): void => {
          if (state === "closed") {
            socket.destroy()
            return
          }
          const upstream = connect({ host: "127.0.0.1", port: target, allowHalfOpen: true })
          join(socket, upstream)
          join(upstream, socket)
          if (state === "open") socket.resume()
        })
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          resume(Effect.succeed({
            port: typeof address === "object" && address !== null ? address.port : 0,
            cut: Effect.suspend(() => {
              if (sockets.size > 0) cuts += 1
              return destroy
            }),
            cuts: () => cuts,
            close: Effect.andThen(set("closed"), destroy),
            stall: set("stalled"),
            open: set("open"),
            end: Effect.andThen(destroy, Effect.callback<void>((done) => void server.close(() => done(Effect.void))))
          }))
        })
      }),
      ({ end }) => end
    ),
    (proxy): Proxy => proxy
  )
