/**
 * MCP servers of a thread: wait for their start, see their tools and resources, and call one.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, McpConfig } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const everything = fileURLToPath(import.meta.resolve("@modelcontextprotocol/server-everything/dist/index.js"))

const program = Effect.gen(function*() {
  const { mcp, threadStart } = yield* Codex.Codex
  const thread = yield* threadStart({
    config: McpConfig.config({
      everything: { command: "node", args: [everything, "stdio"] },
      missing: { command: "/no/such/program" }
    })
  })

  // The first value has the servers that are known so far, and each later one has all of them again.
  yield* mcp.startup(thread.id).pipe(
    Stream.takeUntil((servers) => servers.length === 2 && servers.every(({ status }) => status !== "starting")),
    Stream.runForEach((servers) =>
      Console.log(servers.map(({ name, status }) => `${name} ${status}`).sort().join(", "))
    )
  )

  const [status] = yield* mcp.status({ threadId: thread.id, server: "everything" })
  yield* Console.log(`tools     ${Object.keys(status?.tools ?? {}).slice(0, 3).join(", ")}, ...`)
  yield* Console.log(`resources ${status?.resources.length}`)

  const { content } = yield* mcp.callTool({
    threadId: thread.id,
    server: "everything",
    tool: "echo",
    arguments: { message: "hello" }
  })
  yield* Console.log("echo     ", content)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
