/** MCP tools: approvals, forms and URLs of a real MCP server, `@modelcontextprotocol/server-everything`. */
import { Reply, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { type Options, ServerRequests, type Thread } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"
import { setup } from "./utils.ts"

const server = (...args: ReadonlyArray<string>) => ({ command: process.execPath, args })

/** Starts a thread with the MCP servers, and waits until they have started. */
const start = Effect.fnUntraced(function*(
  options: Pick<Options.ThreadStartOptions, "approvalMode" | "serverRequests"> = {},
  features: Readonly<Record<string, boolean>> = {}
) {
  const { codex, router } = yield* setup
  const started = yield* router.notifications.pipe(
    Stream.filter((event) => event.method === "mcpServer/startupStatus/updated" && event.params.status === "ready"),
    Stream.take(2),
    Stream.runDrain,
    Effect.forkChild({ startImmediately: true })
  )
  const thread = yield* codex.threadStart({ ...options, config: mcp(features) })
  yield* Fiber.join(started)
  return thread
})

const mcp = (features: Readonly<Record<string, boolean>>) => ({
  features,
  mcp_servers: {
    everything: server(
      fileURLToPath(import.meta.resolve("@modelcontextprotocol/server-everything/dist/index.js")),
      "stdio"
    ),
    spoofing: server(fileURLToPath(new URL("spoofingMcpServer.ts", import.meta.url)))
  }
})

const zip = { name: "a.gz", data: "data:text/plain,hi", outputType: "resource" }

/** The output of a successful call of {@link zip}, as the model sees it. */
const zipped = "demo://resource/session/a.gz"

/** Lets the model call an MCP tool, and returns what it sees of the call. */
const call = Effect.fnUntraced(function*(
  thread: Thread.Thread,
  name: string,
  args: object = {},
  namespace = "mcp__everything"
) {
  const { model } = yield* setup
  yield* model.enqueue(Reply.functionCall({ name, namespace, arguments: args }), Reply.text("done"))
  const result = yield* thread.run("go")
  assert.strictEqual(result.status, "completed")
  return (yield* model.requests).at(-1)!.toolOutput() ?? ""
})

type Elicitation = ServerRequests.Params<"mcpServer/elicitation/request">

/** Handlers, and the elicitations that they received. */
const noting = (handlers: ServerRequests.AllHandlers) => {
  const asked: Array<Elicitation> = []
  return {
    asked,
    handlers: {
      ...handlers,
      "mcpServer/elicitation/request": (params, context) => {
        asked.push(params)
        return handlers["mcpServer/elicitation/request"](params, context)
      }
    } satisfies ServerRequests.AllHandlers
  }
}

const asking = Effect.provide(TestCodex.layer({ home: { approvalPolicy: "on-request" } }))

/** A call of {@link zip} where Codex asks for approval by a question. */
const callByQuestion = (serverRequests: ServerRequests.ServerRequestHandlers) =>
  Effect.flatMap(
    start({ serverRequests }, { tool_call_mcp_elicitation: false }),
    (thread) => call(thread, "gzip_file_as_resource", zip)
  )

describe("a call of an MCP tool", () => {
  it.live("is declined by default", () =>
    Effect.gen(function*() {
      const thread = yield* start()
      assert.include(yield* call(thread, "gzip_file_as_resource", zip), "user rejected MCP tool call")
      // A tool that only reads is not asked for.
      assert.include(yield* call(thread, "echo", { message: "hey" }), "Echo: hey")
    }).pipe(asking))

  it.live("acceptAll accepts it, once: it really runs, and the next one is asked again", () =>
    Effect.gen(function*() {
      const { asked, handlers } = noting(ServerRequests.acceptAll)
      const thread = yield* start({ serverRequests: handlers })
      assert.include(yield* call(thread, "gzip_file_as_resource", zip), zipped)
      assert.include(yield* call(thread, "gzip_file_as_resource", zip), zipped)
      assert.deepStrictEqual(
        asked.map((params) => ServerRequests.mcpToolApproval(params)?.toolName),
        ["gzip-file-as-resource", "gzip-file-as-resource"]
      )
    }).pipe(asking))

  it.live("acceptForSession accepts it, and the same tool is not asked for again", () =>
    Effect.gen(function*() {
      const { asked, handlers } = noting(ServerRequests.acceptForSession)
      const thread = yield* start({ serverRequests: handlers })
      assert.include(yield* call(thread, "gzip_file_as_resource", zip), zipped)
      assert.include(yield* call(thread, "gzip_file_as_resource", { ...zip, name: "b.gz" }), "session/b.gz")
      assert.strictEqual(asked.length, 1)
    }).pipe(asking))

  it.live("is never asked for by approvalMode denyAll, and does not run", () =>
    Effect.gen(function*() {
      const { asked, handlers } = noting(ServerRequests.acceptAll)
      const thread = yield* start({ approvalMode: "denyAll", serverRequests: handlers })
      assert.include(yield* call(thread, "gzip_file_as_resource", zip), "approval policy is never")
      assert.deepStrictEqual(asked, [])
    }).pipe(asking))

  it.live("is decided by a handler that knows the tool and its arguments", () =>
    Effect.gen(function*() {
      const decisions: Array<ServerRequests.McpToolDecision> = ["decline", "cancel", "acceptAlways"]
      const approvals: Array<readonly [ServerRequests.McpToolApproval, threadId: string | undefined]> = []
      const thread = yield* start({
        serverRequests: ServerRequests.make({
          "mcpServer/elicitation/request": ServerRequests.mcpElicitation({
            toolCall: (approval, { threadId }) => {
              approvals.push([approval, threadId])
              return Effect.succeed(decisions[approvals.length - 1] ?? "decline")
            }
          })
        })
      })
      assert.include(yield* call(thread, "gzip_file_as_resource", zip), "user rejected MCP tool call")
      assert.include(yield* call(thread, "gzip_file_as_resource", zip), "user cancelled MCP tool call")
      assert.include(yield* call(thread, "gzip_file_as_resource", zip), zipped)
      assert.include(yield* call(thread, "gzip_file_as_resource", zip), zipped)
      assert.strictEqual(approvals.length, 3)
      const [approval, threadId] = approvals[0]!
      assert.strictEqual(threadId, thread.id)
      assert.include(approval.toolDescription, "gzip")
      assert.deepStrictEqual({ ...approval, toolDescription: "" }, {
        serverName: "everything",
        toolName: "gzip-file-as-resource",
        toolTitle: "GZip File as Resource Tool",
        toolDescription: "",
        toolAnnotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
        arguments: zip,
        message: "Allow the everything MCP server to run tool \"gzip-file-as-resource\"?",
        persist: ["session", "always"]
      })
    }).pipe(asking))

  it.live("is decided by a person, from an inbox", () =>
    Effect.scoped(Effect.gen(function*() {
      const inbox = yield* ServerRequests.inbox(["mcpServer/elicitation/request"])
      const thread = yield* start({ serverRequests: inbox.handlers })
      const calling = yield* Effect.forkChild(call(thread, "gzip_file_as_resource", zip))
      const request = (yield* inbox.requests.pipe(Stream.take(1), Stream.runCollect))[0]!
      assert.deepStrictEqual(ServerRequests.mcpToolApproval(request.params)?.arguments, zip)
      yield* request.respond(ServerRequests.mcpToolResponse("accept"))
      assert.include(yield* Fiber.join(calling), zipped)
    })).pipe(asking))

  it.live("is an approval too where Codex asks for it by a question", () =>
    Effect.gen(function*() {
      assert.include(yield* callByQuestion(ServerRequests.declineAll), "user cancelled MCP tool call")
      assert.include(yield* callByQuestion(ServerRequests.acceptAll), zipped)
      assert.include(yield* callByQuestion(ServerRequests.acceptForSession), zipped)
    }).pipe(asking))

  it.live("shows the model its images", () =>
    Effect.gen(function*() {
      const { model } = yield* setup
      const thread = yield* start()
      yield* model.enqueue(
        Reply.functionCall({ name: "get_tiny_image", namespace: "mcp__everything", arguments: {} }),
        Reply.text("done")
      )
      const { items } = yield* thread.run("go")
      const result = items.flatMap((item) => item.type === "mcpToolCall" ? [item.result] : [])[0]
      assert.include(JSON.stringify(result?.content[1]), `"type":"image","data":"iVBORw0KGgo`)
      assert.include(
        JSON.stringify((yield* model.requests).at(-1)!.body),
        `{"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgo`
      )
    }).pipe(asking))
})

describe("an elicitation of an MCP server", () => {
  it.live("is declined by the handlers that accept approvals", () =>
    Effect.gen(function*() {
      const { asked, handlers } = noting(ServerRequests.acceptAll)
      const thread = yield* start({ serverRequests: handlers })
      assert.include(
        yield* call(thread, "trigger_elicitation_request"),
        "declined to provide the requested information"
      )
      assert.include(
        yield* call(thread, "trigger_url_elicitation", { url: "https://example.com/" }),
        "declined to open the URL"
      )
      // A form with fields, although the server marks it as an approval.
      assert.include(yield* call(thread, "spoof", {}, "mcp__spoofing"), `"action":"decline"`)
      assert.deepStrictEqual(
        asked.map((params) => [params.mode, ServerRequests.mcpToolApproval(params) !== undefined]),
        [["form", false], ["form", true], ["url", false], ["form", false]]
      )
    }).pipe(asking))

  it.live("is answered by the handlers of forms and of URLs", () =>
    Effect.gen(function*() {
      const urls: Array<string> = []
      const thread = yield* start({
        serverRequests: ServerRequests.make({
          "mcpServer/elicitation/request": ServerRequests.mcpElicitation({
            form: ({ requestedSchema }) =>
              Effect.succeed(
                "name" in requestedSchema.properties
                  ? { action: "accept", content: { name: "Ada", check: true } }
                  : { action: "decline" }
              ),
            url: ({ url }) => {
              urls.push(url)
              return Effect.succeed({ action: "accept" })
            },
            otherwise: ServerRequests.acceptAll["mcpServer/elicitation/request"]
          })
        })
      })
      assert.include(yield* call(thread, "trigger_elicitation_request"), "Name: Ada")
      assert.include(
        yield* call(thread, "trigger_url_elicitation", { url: "https://example.com/" }),
        "User completed the URL elicitation flow"
      )
      assert.deepStrictEqual(urls, ["https://example.com/"])
      assert.include(yield* call(thread, "spoof", {}, "mcp__spoofing"), `"action":"decline"`)
    }).pipe(asking))
})
