/**
 * A script that measures one reader in this process, and prints the result as JSON.
 *
 * `node --expose-gc read.ts <reader> <file> <scenario as JSON>`
 */
import { fileURLToPath } from "node:url"
import type { ReaderName, Reading } from "../Firehose.ts"
import { problem, type Reader } from "../readers/Reader.ts"
import type { Client } from "../readers/transports.ts"
import type { Scenario } from "../Traffic.ts"

const over = async (kind: "ws" | "unix", client: Client) => {
  const { chunksOver } = await import("../readers/effectCodex.ts")
  const { overSocket } = await import("../readers/transports.ts")
  return chunksOver(overSocket(kind, client))
}

const readers: { readonly [Name in ReaderName]: () => Promise<Reader> } = {
  "floor": async () => (await import("../readers/floor.ts")).reader,
  "plain": async () => (await import("../readers/plain.ts")).reader,
  "vscode-jsonrpc": async () => (await import("../readers/vscodeJsonrpc.ts")).reader,
  "acp": async () => (await import("../readers/acp.ts")).reader,
  "stream": async () => (await import("../readers/effectCodex.ts")).chunks,
  "stream-each": async () => (await import("../readers/effectCodex.ts")).events,
  "text": async () => (await import("../readers/effectCodex.ts")).text,
  "run": async () => (await import("../readers/effectCodex.ts")).run,
  "ws": () => over("ws", "own"),
  "unix": () => over("unix", "own"),
  "ws: effect-ws": () => over("ws", "effect-ws"),
  "ws: effect-global": () => over("ws", "effect-global"),
  "ws: ws": () => over("ws", "ws"),
  "ws: global": () => over("ws", "global"),
  "unix: effect-ws": () => over("unix", "effect-ws"),
  "unix: ws": () => over("unix", "ws")
}

const [name, file, json] = process.argv.slice(2)
const scenario = JSON.parse(json!) as Scenario
const server = fileURLToPath(import.meta.resolve("./appServer.ts"))
const mebibytes = (bytes: number) => bytes / 1024 / 1024
const heap = () => {
  globalThis.gc?.()
  return mebibytes(process.memoryUsage().heapUsed)
}

const reader = await readers[name as ReaderName]()
const session = await reader.open([process.execPath, server, file!, String(scenario.write)], scenario)
const heapBefore = heap()
const rssBefore = mebibytes(process.memoryUsage().rss)
const cpu = process.cpuUsage()
const start = performance.now()
const seen = await session.pour()
const wall = performance.now() - start
const { system, user } = process.cpuUsage(cpu)
const peak = process.resourceUsage().maxRSS / 1024 - rssBefore
const wrong = problem(seen, scenario)
if (wrong !== undefined) throw new Error(`The reader ${name} received ${wrong}.`)
const reading: Reading = { wall, cpu: (user + system) / 1000, peak, kept: heap() - heapBefore }
await session.close()
process.stdout.write(JSON.stringify(reading))
