/** The reader of the captures in `test/fixtures`. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Methods from "../../src/Methods.ts"

const directory = join(import.meta.dirname, "..", "fixtures")

/** The captured versions. */
export const versions: ReadonlyArray<string> = readdirSync(directory).filter((file) => file.endsWith(".jsonl"))
  .map((file) => file.slice(0, -".jsonl".length)).sort()

export const newest: string = versions.at(-1)!

export interface Received {
  readonly kind: "response" | "notification" | "request"
  /** The method. For a response, the method of its request. */
  readonly method: string
  /** The params, or the result of a response. */
  readonly payload: unknown
}

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
}

/** Reads the messages of the server, without error responses. */
export const received = (version: string): ReadonlyArray<Received> => {
  const sent = new Map<number | string, string>()
  return readFileSync(join(directory, `${version}.jsonl`), "utf8").trim().split("\n").flatMap(
    (line): ReadonlyArray<Received> => {
      const entry: { readonly sent?: Message; readonly received?: Message } = JSON.parse(line)
      if (entry.sent?.id !== undefined && entry.sent.method !== undefined) sent.set(entry.sent.id, entry.sent.method)
      const { id, method, params, result } = entry.received ?? {}
      if (method !== undefined) {
        return [{ kind: id === undefined ? "notification" : "request", method, payload: params }]
      }
      return result === undefined ? [] : [{ kind: "response", method: sent.get(id!)!, payload: result }]
    }
  )
}

/** Returns the decoder of a message, from the method tables. */
export const decoderOf = ({ kind, method }: Received): Methods.Decoder<unknown> | undefined => {
  switch (kind) {
    case "response":
      return Methods.clientRequests.get(method)?.response
    case "notification":
      return Methods.serverNotifications.get(method)
    case "request":
      return Methods.serverRequests.get(method)
  }
}
