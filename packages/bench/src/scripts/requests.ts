/**
 * Measures the round trip of a request in this process: one by one, and many in flight.
 *
 * `node requests.ts plain|effect-codex <requests>`
 */
import type { RoundTrips } from "../RoundTrip.ts"
import { inFlight } from "../RoundTrip.ts"
import { path } from "../Script.ts"

const server = [process.execPath, path("appServer")] as const

/** Times `loop`, which makes that many requests one after the other, alone and many at once. */
const measure = async (
  count: number,
  loop: (count: number) => Promise<unknown>,
  loops: (count: number) => Promise<unknown>
): Promise<RoundTrips> => {
  const time = async (work: () => Promise<unknown>) => {
    const start = performance.now()
    await work()
    return (performance.now() - start) / count * 1000
  }
  await loop(count)
  await loops(count)
  return { alone: await time(() => loop(count)), together: await time(() => loops(count)) }
}

const plain = async (count: number): Promise<RoundTrips> => {
  const { PlainClient } = await import("../PlainClient.ts")
  const client = new PlainClient(server)
  await client.initialize()
  const loop = async (count: number) => {
    for (let done = 0; done < count; done++) await client.request("thread/loaded/list", {})
  }
  const result = await measure(
    count,
    loop,
    (count) => Promise.all(Array.from({ length: inFlight }, () => loop(count / inFlight)))
  )
  await client.close()
  return result
}

const effectCodex = async (count: number): Promise<RoundTrips> => {
  const Effect = await import("effect/Effect")
  const ManagedRuntime = await import("effect/ManagedRuntime")
  const CodexClient = await import("effect-codex/CodexClient")
  const runtime = ManagedRuntime.make(CodexClient.layer({ args: server }))
  const client = await runtime.runPromise(CodexClient.CodexClient)
  const loop = Effect.fnUntraced(function*(count: number) {
    for (let done = 0; done < count; done++) yield* client.request("thread/loaded/list", {})
  })
  const result = await measure(
    count,
    (count) => runtime.runPromise(loop(count)),
    (count) =>
      runtime.runPromise(
        Effect.all(Array.from({ length: inFlight }, () => loop(count / inFlight)), { concurrency: "unbounded" })
      )
  )
  await runtime.dispose()
  return result
}

const [client, count] = process.argv.slice(2)
const result = await (client === "plain" ? plain : effectCodex)(Number(count))
process.stdout.write(JSON.stringify(result))
