/** A proxy before a server: passes bytes, and can cut, stall and refuse connections. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

export interface Proxy {
  /** Its address: `ws://...`, or the path of its Unix socket. */
  readonly address: string
  /** Cuts every connection, as a network does; returns whether there was one. */
  readonly cut: () => boolean
  /** Passes nothing more to the client, and reads nothing more from the server, as a network that stalls. */
  readonly stall: () => void
  /** Passes on what has waited, and what follows. */
  readonly flow: () => void
  /** Runs for each piece of data on its way, before it is passed on, except for pongs of the client, which are no message. */
  onData: (direction: "up" | "down", data: Buffer) => void
  /** Whether new connections are refused. */
  isDown: boolean
  /** How many connections there have been. */
  connections: number
}

/** The size of a pong without a payload: two bytes, and the mask of a client. */
const pongSize = 6

/** Returns true for data of nothing but pongs, with which the client acknowledges what it reads. */
const isPongs = (data: Buffer): boolean => {
  if (data.length % pongSize !== 0) return false
  for (let at = 0; at < data.length; at += pongSize) if (data[at] !== 0x8a || data[at + 1] !== 0x80) return false
  return true
}

/** Starts a proxy before a server. It listens on TCP, or, if asked for, on a Unix socket beside that of the server. */
export const make = (target: string, on: "ws" | "unix" = "ws"): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.gen(function*() {
    const pairs = new Set<readonly [Socket, Socket]>()
    const to = target.startsWith("ws:")
      ? { host: "127.0.0.1", port: Number(new URL(target).port) }
      : { path: target }
    const server = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const listening = createServer((down) => {
          if (proxy.isDown) return void down.destroy()
          proxy.connections++
          const up = connect(to)
          const pair = [down, up] as const
          pairs.add(pair)
          const end = () => {
            pairs.delete(pair)
            down.destroy()
            up.destroy()
          }
          const pass = (direction: "up" | "down", from: Socket, into: Socket) =>
            from.on("error", () => {}).on("close", end).on("data", (data) => {
              if (direction === "down" || !isPongs(data)) proxy.onData(direction, data)
              if (!into.destroyed) into.write(data)
            })
          pass("up", down, up)
          pass("down", up, down)
        }).listen(on === "ws" ? { port: 0, host: "127.0.0.1" } : { path: `${target}.proxy` })
        await once(listening, "listening")
        return listening
      }),
      (listening) =>
        Effect.promise(async () => {
          cut()
          listening.close()
          await once(listening, "close")
        })
    )
    const cut = () => {
      const isCutting = pairs.size > 0
      for (const [down, up] of pairs) {
        down.destroy()
        up.destroy()
      }
      return isCutting
    }
    const proxy: Proxy = {
      address: on === "ws" ? `ws://127.0.0.1:${(server.address() as AddressInfo).port}` : `${target}.proxy`,
      cut,
      stall: () => {
        for (const [, up] of pairs) up.pause()
      },
      flow: () => {
        for (const [, up] of pairs) up.resume()
      },
      onData: () => {},
      isDown: false,
      connections: 0
    }
    return proxy
  })
