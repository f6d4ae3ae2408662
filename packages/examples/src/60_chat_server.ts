/**
 * A chat server: the answers are server-sent events, and every chat is a thread. A client that disconnects interrupts its turn.
 *
 * The response has begun, with status 200, before a turn can fail: so its last event says how the turn ended, `done` or `failed`.
 *
 *     curl -N "http://127.0.0.1:3000/?message=hello"
 */
import { CodexError, type Thread } from "effect-codex/promises"
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import * as ExamplePromises from "./shared/ExamplePromises.ts"

await using codex = await ExamplePromises.start()

/** The chats of this server. A client can't continue any other thread of this machine. */
const chats = new Map<string, Thread>()

const start = async () => {
  const thread = await codex.threadStart({ sandbox: "readOnly", ephemeral: true, limits: { duration: "5 minutes" } })
  chats.set(thread.id, thread)
  return thread
}

const answer = async (thread: Thread, message: string, response: ServerResponse) => {
  const gone = new AbortController()
  const { signal } = gone
  response.on("close", () => gone.abort())
  const send = async (event: string, data: unknown) => {
    // A client that reads slowly slows down the loop, and not the turn.
    if (!response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) await once(response, "drain", { signal })
  }
  try {
    await send("chat", { id: thread.id })
    const turn = await thread.turn(message, { signal })
    for await (const text of turn.text) await send("text", text)
    const { status, usage } = await turn.result
    await send("done", { status, tokens: usage?.turn.totalTokens })
  } catch (error) {
    if (signal.aborted) return
    const message = error instanceof Error ? error.message : String(error)
    await send("failed", { message, retry: CodexError.isRetryable(error) })
  } finally {
    response.end()
  }
}

const handle = async (query: URLSearchParams, response: ServerResponse): Promise<unknown> => {
  const [chat, message] = [query.get("chat"), query.get("message")]
  if (message === null) return response.writeHead(400).end("message is missing")
  const thread = chat === null ? await start() : chats.get(chat)
  if (thread === undefined) return response.writeHead(404).end("no such chat")
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" })
  return answer(thread, message, response)
}

/** Whether Codex answers, and somebody is logged in. It costs no tokens. */
const health = async (response: ServerResponse): Promise<unknown> =>
  response.writeHead(await codex.isLoggedIn().catch(() => false) ? 200 : 503).end()

const server = createServer(({ url = "/" }, response) => {
  const { pathname, searchParams } = new URL(url, "http://localhost")
  const answered = pathname === "/health" ? health(response) : handle(searchParams, response)
  answered.catch((error: unknown) => {
    console.error(error)
    if (!response.headersSent) response.writeHead(503)
    response.end()
  })
})
server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1")
await once(server, "listening")
const { port } = server.address() as AddressInfo
console.log(`Listening on http://127.0.0.1:${port}`)

// With PORT, the server runs on. Without it, here is a client.
if (process.env["PORT"] === undefined) {
  const ask = async (query: Record<string, string>) => {
    const response = await fetch(`http://127.0.0.1:${port}/?${new URLSearchParams(query)}`)
    const text = await response.text()
    console.log(response.status, text.trimEnd())
    return /"id":"([^"]+)"/.exec(text)?.[1] ?? ""
  }
  const chat = await ask({ message: "Hello." })
  await ask({ message: "What did I say?", chat })
  await ask({ message: "A hopeless question.", chat })
  await ask({ message: "Hello.", chat: "another" })
  console.log("health", (await fetch(`http://127.0.0.1:${port}/health`)).status)
  // A client may keep its connections, as Deno's does.
  server.closeAllConnections()
} else {
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")])
}
// Running answers finish, each within its limit. Then Codex ends.
server.close()
await once(server, "close")
