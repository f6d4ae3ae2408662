/**
 * The main process of an Electron app: windows run turns through a MessagePort. The messages are plain data, and a window that is
 * closed interrupts its turns.
 *
 * In Electron, `port` is the `MessagePortMain` of `event.ports`. Here, a MessageChannel of Node takes its place.
 */
import type { Codex } from "effect-codex/promises"
import { on } from "node:events"
import { MessageChannel } from "node:worker_threads"
import * as ExamplePromises from "./shared/ExamplePromises.ts"

/** A message of a window. `id` is its choice, and names the turn. */
type ToMain =
  | { readonly type: "run"; readonly id: number; readonly input: string }
  | { readonly type: "stop"; readonly id: number }

/** A message to a window. The last one of a turn is `done` or `failed`. */
type ToWindow =
  | { readonly type: "text"; readonly id: number; readonly text: string }
  | { readonly type: "done"; readonly id: number; readonly status: string }
  | { readonly type: "failed"; readonly id: number; readonly message: string }

/** The part of `MessagePortMain` that is used here. */
interface Port {
  readonly postMessage: (message: ToWindow) => void
  readonly on: {
    (event: "message", listener: (event: { readonly data: ToMain }) => void): void
    (event: "close", listener: () => void): void
  }
  readonly start: () => void
}

/** Serves one window, with a thread of its own. */
const serve = async (codex: Codex, port: Port) => {
  const thread = await codex.threadStart({ sandbox: "readOnly" })
  const running = new Map<number, AbortController>()

  const run = async (id: number, input: string) => {
    const stop = new AbortController()
    running.set(id, stop)
    try {
      const turn = await thread.turn(input, { signal: stop.signal })
      for await (const text of turn.text) port.postMessage({ type: "text", id, text })
      port.postMessage({ type: "done", id, status: (await turn.result).status })
    } catch (error) {
      // An error is no plain data: of its class, a window would receive nothing.
      if (stop.signal.aborted) port.postMessage({ type: "done", id, status: "interrupted" })
      else port.postMessage({ type: "failed", id, message: error instanceof Error ? error.message : String(error) })
    } finally {
      running.delete(id)
    }
  }

  port.on("message", ({ data }) => {
    if (data.type === "run") void run(data.id, data.input)
    else running.get(data.id)?.abort()
  })
  port.on("close", () => {
    for (const stop of running.values()) stop.abort()
  })
  port.start()
}

// In Electron: app.on("before-quit", ...) closes Codex, and waits for it.
await using codex = await ExamplePromises.start()

const { port1, port2 } = new MessageChannel()
await serve(codex, {
  postMessage: (message) => port1.postMessage(message),
  on: (event: "message" | "close", listener: (event: { readonly data: ToMain }) => void) =>
    void port1.on(event, (data: ToMain) => listener({ data })),
  start: () => port1.start()
})

// The window.
const send = (message: ToMain) => port2.postMessage(message)
const inputs = ["Hello.", "A hopeless question.", "Count slowly to 1000."]
const next = (id: number) => {
  const input = inputs[id]
  if (input === undefined) return port2.close()
  send({ type: "run", id, input })
}

let answer = ""
next(0)
for await (const messages of on(port2, "message")) {
  const [message]: ReadonlyArray<ToWindow> = messages
  if (message === undefined) break
  if (message.type === "text") {
    answer += message.text
    if (message.id === 2) send({ type: "stop", id: message.id })
    continue
  }
  console.log(message.type === "failed" ? `failed: ${message.message}` : `${message.status}: ${answer.trim()}`)
  answer = ""
  next(message.id + 1)
  if (message.id === inputs.length - 1) break
}
