/**
 * The synthetic app-server on a socket. It prints its address, and ends with its input.
 *
 * `node socketServer.ts <"ws" or the path of a Unix socket> <file> <bytes per write, or 0 for one frame per write>`
 */
import * as NodeWS from "@effect/platform-node/NodeWS"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Http from "node:http"
import type * as Net from "node:net"
import type { Duplex } from "node:stream"
import { serve } from "../AppServer.ts"

const [address, file, size] = process.argv.slice(2)

/** The frame of one message, as a server writes it. */
const frameOf = (payload: Buffer): Buffer => {
  const header = payload.length < 126
    ? Buffer.from([0x81, payload.length])
    : Buffer.from([0x81, 126, payload.length >> 8, payload.length & 255])
  return Buffer.concat([header, payload])
}

/** The writes of the server, made before the measurement. */
const writes = (): ReadonlyArray<Buffer> => {
  if (file === undefined) return []
  const lines = Fs.readFileSync(file)
  const frames: Array<Buffer> = []
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf(10, start)
    frames.push(frameOf(lines.subarray(start, end)))
    start = end + 1
  }
  const write = Number(size)
  if (write === 0) return frames
  const all = Buffer.concat(frames)
  return Array.from(
    { length: Math.ceil(all.length / write) },
    (_, index) => all.subarray(index * write, (index + 1) * write)
  )
}
const traffic = writes()

const pour = async (socket: Duplex) => {
  for (const bytes of traffic) {
    if (!socket.write(bytes)) await once(socket, "drain")
  }
}

const webSockets = new NodeWS.WebSocketServer({ noServer: true, perMessageDeflate: false })
const server = Http.createServer().on("upgrade", (request, socket, head) => {
  webSockets.handleUpgrade(request, socket, head, (client) => {
    const take = serve((message) => client.send(message), () => void pour(socket))
    client.on("message", (data) => take(String(data)))
  })
})
server.listen(address === "ws" ? { port: 0, host: "127.0.0.1" } : { path: address })
await once(server, "listening")
process.stdout.write(
  address === "ws" ? `ws://127.0.0.1:${(server.address() as Net.AddressInfo).port}\n` : `${address}\n`
)
process.stdin.resume().once("end", () => process.exit())
