/**
 * An app-server that does one thing wrong: `node server.ts <when> <what> [how much]`.
 *
 * `when` is `start`, or the method at which it happens; everything else is answered as it should be.
 */
import { closeSync, writeSync } from "node:fs"
import { createInterface } from "node:readline"

const [when, what = "", amount = "0"] = process.argv.slice(2)

const write = (data: string | Uint8Array) => {
  // As a whole, and before anything else happens.
  const bytes = Buffer.from(data)
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(1, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error
    }
  }
}

const send = (message: object) => write(`${JSON.stringify(message)}\n`)

const idle = () => setInterval(() => {}, 1_000_000)

const end = (how: string | undefined, argument: string | undefined) => {
  if (how === "kill") return process.kill(process.pid, argument)
  process.stderr.write("last words\n")
  return process.exit(Number(argument))
}

/** How the process ends at `skills/list`, once it has asked. */
let later: ReadonlyArray<string> | undefined

const misbehave = (id?: number) => {
  const [verb, argument, ...rest] = what.split(":")
  switch (verb) {
    case "exit":
    case "kill":
      return end(verb, argument)
    case "halfLine":
      write(`{"id":${id},"resu`)
      return process.exit(0)
    case "closeOutput":
      idle()
      return closeSync(1)
    case "silence":
      return idle()
    case "deaf":
      process.stdin.pause()
      return idle()
    case "error":
      return send({ id, error: { code: -32603, message: "no" } })
    case "empty":
      return send({ id, result: {} })
    case "garbage":
      // No UTF-8.
      write(Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0x80, 0x0a))
      return write("\u0000\u0001 what is this?\n".repeat(1_000) + "\n\n{}\n[]\n")
    case "twice":
      send({ id, result: answer("model/list", {}) })
      send({ id, result: answer("model/list", {}) })
      return send({ id: 987_654, result: {} })
    case "longLine":
      send({ method: "warning", params: { message: "x".repeat(Number(amount)) } })
      return send({ id, result: answer("model/list", {}) })
    case "tinyLines":
      for (let sent = 0; sent < Number(amount); sent += 10_000) write("{}\n".repeat(10_000))
      return send({ id, result: answer("model/list", {}) })
    case "stubborn":
      process.on("SIGTERM", () => {})
      idle()
      return send({ id, result: answer("model/list", {}) })
    case "ask":
      later = [argument!, ...rest]
      return send({
        id: 1,
        method: "item/tool/call",
        params: { threadId: "thread", turnId: "turn", callId: "call", namespace: null, tool: "x", arguments: {} }
      })
  }
}

const answer = (method: string, params: { readonly threadId?: string }): unknown => {
  switch (method) {
    case "initialize":
      return { userAgent: "faulty/0.169.0 (test)" }
    case "model/list":
      return { data: [], nextCursor: null }
    case "thread/read":
      return {
        thread: {
          id: params.threadId,
          sessionId: params.threadId,
          preview: "",
          ephemeral: false,
          modelProvider: "none",
          createdAt: 0,
          updatedAt: 0,
          status: { type: "idle" },
          cwd: "/",
          cliVersion: "0.169.0",
          source: "appServer",
          turns: []
        }
      }
    case "turn/start":
      return {
        turn: { id: `turn of ${params.threadId}`, items: [], itemsView: "notLoaded", status: "inProgress", error: null }
      }
    default:
      return {}
  }
}

if (when === "start") misbehave()

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line)
  if (method === when) return misbehave(id)
  if (method === "skills/list" && later !== undefined) return end(later[0], later[1])
  if (id !== undefined && method !== undefined) send({ id, result: answer(method, params ?? {}) })
  if (method === "turn/start") {
    send({
      method: "turn/started",
      params: {
        threadId: params.threadId,
        turn: { id: `turn of ${params.threadId}`, items: [], itemsView: "notLoaded", status: "inProgress", error: null }
      }
    })
  }
})
