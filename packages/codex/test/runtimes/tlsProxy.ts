/** A proxy that terminates TLS before a server, with the certificate in `tls`. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { type AddressInfo, connect, type Socket } from "node:net"
import { join } from "node:path"
import { createServer } from "node:tls"

const read = (name: string) => readFileSync(join(import.meta.dirname, "tls", name))

/** Returns the URL of the proxy. The authority of its certificate is `tls/authority.pem`. */
export const make = (target: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function*() {
    const sockets = new Set<Socket>()
    const listening = yield* Effect.acquireRelease(
      Effect.promise(async () => {
        const server = createServer({ key: read("server.key"), cert: read("server.pem") }, (down) => {
          const up = connect({ host: "127.0.0.1", port: Number(new URL(target).port) })
          for (const [from, to] of [[down, up], [up, down]] as const) {
            sockets.add(from)
            from.on("error", () => {}).on("close", () => to.destroy())
            from.pipe(to)
          }
        }).listen(0, "127.0.0.1")
        await once(server, "listening")
        return server
      }),
      (server) =>
        Effect.promise(async () => {
          for (const socket of sockets) socket.destroy()
          server.close()
          await once(server, "close")
        })
    )
    return `wss://localhost:${(listening.address() as AddressInfo).port}`
  })
