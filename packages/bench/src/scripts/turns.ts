/**
 * A script that runs sequential turns on the real binary, like a program that was just started.
 *
 * `node turns.ts plain|effect-codex|openai <binary> <workspace> <turns>`
 */
import type { Turns } from "../EndToEnd.ts"
import type { Message } from "../PlainClient.ts"

const [client, binary, workspace, count] = process.argv.slice(2) as [string, string, string, string]

/** Starts the client and a thread. Returns functions that run a turn and close the client. */
type Start = () => Promise<{ readonly run: () => Promise<unknown>; readonly close: () => Promise<void> }>

const plain: Start = async () => {
  const { PlainClient } = await import("../PlainClient.ts")
  const client = new PlainClient([binary, "app-server"], "ignore")
  await client.initialize()
  const { thread } = await client.request<{ readonly thread: { readonly id: string } }>("thread/start", {
    cwd: workspace
  })
  return {
    run: () =>
      new Promise<Message>((resolve) => {
        client.onNotification = (message) => {
          if (message.method === "turn/completed") resolve(message)
        }
        void client.request("turn/start", { threadId: thread.id, input: [{ type: "text", text: "hello" }] })
      }),
    close: () => client.close()
  }
}

const effectCodex: Start = async () => {
  const Effect = await import("effect/Effect")
  const ManagedRuntime = await import("effect/ManagedRuntime")
  const Codex = await import("effect-codex/Codex")
  const runtime = ManagedRuntime.make(Codex.layer({ codexPath: binary, cwd: workspace }))
  const thread = await runtime.runPromise(Effect.flatMap(Codex.Codex, (codex) => codex.threadStart()))
  return { run: () => runtime.runPromise(thread.run("hello")), close: () => runtime.dispose() }
}

const openai: Start = async () => {
  const { Codex } = await import("@openai/codex-sdk")
  const codex = new Codex({ codexPathOverride: binary })
  const thread = codex.startThread({ workingDirectory: workspace, skipGitRepoCheck: true, sandboxMode: "read-only" })
  return { run: () => thread.run("hello"), close: () => Promise.resolve() }
}

const begin = performance.now()
const { close, run } = await (client === "plain" ? plain : client === "openai" ? openai : effectCodex)()
const times = [performance.now()]
for (let turn = 0; turn < Number(count); turn++) {
  await run()
  times.push(performance.now())
}
await close()
const turns: Turns = {
  start: times[0]! - begin,
  turns: times.slice(1).map((time, index) => time - times[index]!),
  total: performance.now() - begin
}
process.stdout.write(JSON.stringify(turns))
