/**
 * A script that measures the round trip of a request. Two clients take turns in one process, each with its own server, so that
 * other load on the machine affects both equally.
 *
 * `node requests.ts <turns> <requests in each>`
 */
import * as CodexClient from "effect-codex/CodexClient"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { PlainClient } from "../PlainClient.ts"
import { inFlight, type RoundTrips } from "../RoundTrip.ts"
import { path } from "../Script.ts"

const [turns, requests] = process.argv.slice(2).map(Number) as [number, number]
const server = [process.execPath, path("appServer")] as const
const method = "thread/loaded/list"

const plain = new PlainClient(server)
await plain.initialize()
const plainLoop = async (count: number) => {
  for (let done = 0; done < count; done++) await plain.request(method, {})
}

const runtime = ManagedRuntime.make(CodexClient.layer({ args: server }))
const client = await runtime.runPromise(CodexClient.CodexClient)
const effectLoop = Effect.fnUntraced(function*(count: number) {
  for (let done = 0; done < count; done++) yield* client.request(method, {})
})

const time = async (work: Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await work
  return (performance.now() - start) / requests * 1000
}

const measure = async (): Promise<{ readonly alone: RoundTrips; readonly together: RoundTrips }> => ({
  alone: {
    plain: await time(plainLoop(requests)),
    effectCodex: await time(runtime.runPromise(effectLoop(requests)))
  },
  together: {
    plain: await time(Promise.all(Array.from({ length: inFlight }, () => plainLoop(requests / inFlight)))),
    effectCodex: await time(runtime.runPromise(Effect.all(
      Array.from({ length: inFlight }, () => effectLoop(requests / inFlight)),
      { concurrency: "unbounded", discard: true }
    )))
  }
})

const results: Array<Awaited<ReturnType<typeof measure>>> = []
for (let turn = 0; turn < turns; turn++) results.push(await measure())
await plain.close()
await runtime.dispose()
// The first half of the rounds only warms up the code.
process.stdout.write(JSON.stringify(results.slice(turns / 2)))
