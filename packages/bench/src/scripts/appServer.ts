/**
 * A synthetic app-server. It performs the handshake, starts threads and turns, and writes a file of messages on request.
 *
 * `node appServer.ts <file> <bytes per write, or 0 for one line per write>`
 */
import * as Fs from "node:fs"
import * as Readline from "node:readline"
import * as Traffic from "../Traffic.ts"

interface Request {
  readonly id?: number
  readonly method: string
  readonly params: { readonly threadId?: string }
}

const [file, size] = process.argv.slice(2)
const traffic = file === undefined ? Buffer.alloc(0) : Fs.readFileSync(file)
const write = Number(size)
let threads = 0

const pour = () => {
  for (let start = 0; start < traffic.length;) {
    const end = write === 0 ? traffic.indexOf(10, start) + 1 : Math.min(start + write, traffic.length)
    process.stdout.write(traffic.subarray(start, end))
    start = end
  }
}

const thread = (id: string) => ({
  thread: {
    id,
    sessionId: id,
    preview: "",
    ephemeral: false,
    historyMode: "paginated",
    modelProvider: "none",
    createdAt: 1_795_259_138,
    updatedAt: 1_795_259_138,
    status: { type: "idle" },
    cwd: "/home/user/project",
    cliVersion: "0.169.0",
    source: "vscode",
    turns: []
  },
  model: "none",
  modelProvider: "none",
  cwd: "/home/user/project",
  approvalPolicy: "never",
  approvalsReviewer: "user",
  sandbox: { type: "readOnly", networkAccess: false }
})

const answer = ({ method, params }: Request): unknown => {
  switch (method) {
    case "initialize":
      return { userAgent: "bench/0.169.0 (synthetic)", codexHome: "/", platformFamily: "unix", platformOs: "linux" }
    case "thread/start":
      return thread(Traffic.threadId(threads++))
    case "turn/start": {
      const index = Array.from({ length: threads }, (_, index) => Traffic.threadId(index)).indexOf(
        params.threadId ?? ""
      )
      return {
        turn: { id: Traffic.turnId(index), items: [], itemsView: "notLoaded", status: "inProgress", error: null }
      }
    }
    case "thread/loaded/list":
      return { data: [Traffic.threadId(0)], nextCursor: null }
    default:
      return {}
  }
}

Readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const request = JSON.parse(line) as Request
  if (request.id !== undefined) process.stdout.write(`${JSON.stringify({ id: request.id, result: answer(request) })}\n`)
  else if (request.method === "bench/pour") pour()
})
