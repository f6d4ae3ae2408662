/**
 * The SDK with Promises: a run, a loop over events, and an abort.
 */
import * as ExamplePromises from "./shared/ExamplePromises.ts"

await using codex = await ExamplePromises.start()

const thread = await codex.threadStart()
const result = await thread.run("Say hello in one sentence.")
console.log(result.finalResponse)

for await (const event of thread.stream("And now in French.")) {
  if (event.method === "item/agentMessage/delta") process.stdout.write(event.params.delta)
}
console.log()

// An AbortSignal also interrupts the turn on the server.
const signal = AbortSignal.timeout(300)
await thread.run("Count slowly to 1000.", { signal }).catch(() => console.log("aborted"))
