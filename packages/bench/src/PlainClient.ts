/**
 * A client of an app-server as anyone would write it in an afternoon, without a library. It is the baseline of the comparisons.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process"
import type { Readable, Writable } from "node:stream"

/** A message, which the client does not validate. */
export interface Message {
  readonly id?: number
  readonly method: string
  readonly params: Params
  readonly result?: unknown
}

export interface Params {
  readonly threadId: string
  readonly turnId?: string
  readonly turn?: { readonly id: string }
  readonly delta?: string
}

/** Splits chunks into lines and decodes each line separately. It is linear in the length of a line. */
export const splitLines = (onLine: (line: string) => void): (chunk: Buffer) => void => {
  let rest: Array<Buffer> = []
  return (chunk) => {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      if (rest.length === 0) onLine(chunk.toString("utf8", start, end))
      else {
        onLine(Buffer.concat([...rest, chunk.subarray(start, end)]).toString("utf8"))
        rest = []
      }
      start = end + 1
    }
    if (start < chunk.length) rest.push(chunk.subarray(start))
  }
}

export class PlainClient {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  /** Handles every message that is not a response. */
  onNotification: (message: Message) => void = () => {}
  private readonly pending = new Map<number, (result: unknown) => void>()
  private lastId = 0

  constructor([program, ...args]: ReadonlyArray<string>, stderr: "inherit" | "ignore" = "inherit") {
    this.child = spawn(program!, args, { stdio: ["pipe", "pipe", stderr], detached: true })
    this.child.stdout.on("data", splitLines((line) => this.receive(JSON.parse(line) as Message)))
  }

  request<A>(method: string, params: unknown): Promise<A> {
    return new Promise((resolve) => {
      const id = ++this.lastId
      this.pending.set(id, (result) => resolve(result as A))
      this.child.stdin.write(`${JSON.stringify({ id, method, params })}\n`)
    })
  }

  notify(method: string, params?: unknown): void {
    this.child.stdin.write(`${JSON.stringify({ method, params })}\n`)
  }

  async initialize(): Promise<void> {
    await this.request("initialize", {
      clientInfo: { name: "bench", title: null, version: "0.0.0" },
      capabilities: { experimentalApi: true, requestAttestation: false }
    })
    this.notify("initialized")
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.child.once("close", () => resolve())
      this.child.stdin.end()
    })
  }

  private receive(message: Message): void {
    if (message.id === undefined) return this.onNotification(message)
    const settle = this.pending.get(message.id)
    this.pending.delete(message.id)
    settle?.(message.result)
  }
}
