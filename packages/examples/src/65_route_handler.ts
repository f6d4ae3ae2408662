/**
 * A route handler of Next.js: a function from a Request to a Response that streams. It also fits Remix, Hono, `Bun.serve` and
 * `Deno.serve`.
 *
 * In Next.js, this is the file `app/api/chat/route.ts`, with `export const runtime = "nodejs"`, because Codex is a process.
 */
import { type Codex, CodexError, type Thread } from "effect-codex/promises"
import * as ExamplePromises from "./shared/ExamplePromises.ts"

// One server for all requests. `globalThis` keeps it when the development server loads this module again.
const shared: typeof globalThis & { codex?: Promise<Codex> } = globalThis
const start = async () => {
  try {
    return await (shared.codex ??= ExamplePromises.start())
  } catch (error) {
    delete shared.codex
    throw error
  }
}

/** Answers as lines of JSON. The status is sent before the turn can fail, so the last line tells: `done` or `failed`. */
async function* lines(thread: Thread, message: string, signal: AbortSignal) {
  try {
    const turn = await thread.turn(message, { signal })
    for await (const text of turn.text) yield { type: "text", text }
    yield { type: "done", status: (await turn.result).status }
  } catch (error) {
    if (signal.aborted) return
    const message = error instanceof Error ? error.message : String(error)
    yield { type: "failed", message, retry: CodexError.isRetryable(error) }
  }
}

const streamOf = (values: AsyncGenerator<unknown>, gone: AbortController) =>
  new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await values.next()
      if (done === true) return controller.close()
      controller.enqueue(new TextEncoder().encode(`${JSON.stringify(value)}\n`))
    },
    // The client has gone: interrupt its turn.
    cancel: () => gone.abort()
  })

export const POST = async (request: Request): Promise<Response> => {
  const body: unknown = await request.json().catch(() => undefined)
  const message = typeof body === "object" && body !== null && "message" in body ? body.message : undefined
  if (typeof message !== "string" || message.trim() === "") return new Response("message is missing", { status: 400 })
  const codex = await start()
  const thread = await codex.threadStart({ sandbox: "readOnly", ephemeral: true, limits: { duration: "5 minutes" } })
  const gone = new AbortController()
  const signal = AbortSignal.any([request.signal, gone.signal])
  return new Response(streamOf(lines(thread, message, signal), gone), {
    headers: { "content-type": "application/x-ndjson" }
  })
}

// A client, which calls the handler as Next.js does.
const ask = (body: unknown) =>
  POST(new Request("http://localhost/api/chat", { method: "POST", body: JSON.stringify(body) }))

for (const body of [{ message: "Hello." }, { message: "A hopeless question." }, {}]) {
  const response = await ask(body)
  console.log(response.status, await response.text())
}

const reader = (await ask({ message: "Count slowly to 1000." })).body?.getReader()
console.log("first line:", new TextDecoder().decode((await reader?.read())?.value).trim())
await reader?.cancel()
const codex = await start()
await codex.close()
console.log("closed")
