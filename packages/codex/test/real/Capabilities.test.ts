/** Usage limits, skills, hooks and MCP servers: real servers, on one app-server. */
import { Reply, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Input, McpConfig } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as AccountServer from "./accountServer.ts"
import * as McpOauthServer from "./mcpOauthServer.ts"
import { idle, setup } from "./utils.ts"

const everything: McpConfig.Server = {
  command: process.execPath,
  args: [fileURLToPath(import.meta.resolve("@modelcontextprotocol/server-everything/dist/index.js")), "stdio"]
}

const hook = (command: string) => [{ hooks: [{ type: "command", command }] }]

const live = Layer.unwrap(Effect.gen(function*() {
  const account = yield* AccountServer.AccountServer
  const vault = yield* McpOauthServer.McpOauthServer
  return TestCodex.layer({
    client: {
      env: { CODEX_APP_SERVER_LOGIN_ISSUER: account.url, CODEX_APP_SERVER_CHATGPT_BASE_URL: account.url }
    },
    home: {
      config: {
        chatgpt_base_url: account.url,
        mcp_oauth_credentials_store: "file",
        hooks: { UserPromptSubmit: hook("echo remember the milk") },
        ...McpConfig.config({ vault: { url: vault.url } })
      }
    }
  })
})).pipe(Layer.provide([AccountServer.layer, McpOauthServer.layer]))

/** Waits for a value of a stream, which is run from now on; the values until then are in the result. */
const until = <A, E>(stream: Stream.Stream<A, E>, isLast: (value: A) => boolean) =>
  Effect.gen(function*() {
    const started = yield* Deferred.make<void>()
    const fiber = yield* stream.pipe(
      Stream.tap(() => Deferred.succeed(started, undefined)),
      Stream.takeUntil(isLast),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )
    return { fiber, started: Deferred.await(started) }
  })

layer(live, { excludeTestServices: true })("on the real binary", (it) => {
  it.effect("usage limits start with the current ones, follow updates, and end with the login", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const refused = yield* Effect.flip(codex.rateLimits.current)
      assert.strictEqual(refused._tag, "CodexRpcError")
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(codex.rateLimits.changes)))._tag, "CodexRpcError")
      const login = yield* codex.loginChatgptDeviceCode
      assert.isTrue((yield* login.wait).success)

      const { rateLimits } = yield* codex.rateLimits.current
      assert.deepInclude(rateLimits.primary, { usedPercent: 12, resetsAt: 1_900_000_000, windowDurationMins: 300 })
      const changes = yield* until(codex.rateLimits.changes, ({ rateLimits }) => rateLimits.primary?.usedPercent === 55)
      yield* changes.started
      const body = JSON.stringify({ error: { type: "usage_limit_reached", plan_type: "pro" } })
      const headers = { "x-codex-primary-used-percent": "55", "x-codex-primary-window-minutes": "300" }
      yield* model.enqueue(Reply.httpError(429, body, headers))
      const thread = yield* codex.threadStart()
      yield* Effect.exit(thread.run("go"))
      const seen = yield* Fiber.join(changes.fiber)
      assert.strictEqual(seen[0]?.rateLimits.primary?.usedPercent, 12)
      assert.strictEqual(seen.at(-1)?.rateLimits.planType, "pro")
      yield* codex.logout
      assert.strictEqual((yield* Effect.flip(codex.rateLimits.current))._tag, "CodexRpcError")
    }))

  it.effect("skills start with the current ones, and follow their files", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const thread = yield* codex.threadStart()
      const names = (entries: Effect.Success<ReturnType<typeof codex.skills.current>>) =>
        entries.flatMap(({ skills }) => skills.map(({ name }) => name))
      const changes = yield* until(codex.skills.changes(), (entries) => names(entries).includes("greet"))
      yield* changes.started
      const directory = join(home.codexHome, "skills", "greet")
      mkdirSync(directory, { recursive: true })
      const path = join(directory, "SKILL.md")
      writeFileSync(path, "---\nname: greet\ndescription: Greets people.\n---\nAlways say moin.\n")
      const seen = yield* Fiber.join(changes.fiber)
      assert.notInclude(names(seen[0]!), "greet")
      const [entry] = yield* codex.skills.current({ cwds: [home.workspace], forceReload: true })
      assert.strictEqual(entry?.cwd, home.workspace)
      assert.strictEqual(entry?.skills.find(({ name }) => name === "greet")?.path, path)

      yield* model.enqueue(Reply.text("moin"))
      yield* thread.run(["greet me", Input.skill("greet", path)])
      for (const wrong of [join(directory, "NONE.md"), directory]) {
        const error = yield* Effect.flip(thread.run(["greet me", Input.skill("greet", wrong)]))
        assert.deepInclude(error, { _tag: "InvalidInputError", field: "input" })
        assert.include(error.message, wrong)
      }
      const error = yield* Effect.flip(codex.skills.current({ cwd: "/" } as object))
      assert.deepInclude(error, { _tag: "InvalidInputError", field: "cwd" })
    }))

  it.effect("hooks are listed, and their runs are events of the turn and of the client", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const [entry] = yield* codex.hooks.list({ cwds: [home.workspace] })
      assert.deepStrictEqual(entry?.hooks.map((hook) => "eventName" in hook ? hook.eventName : ""), [
        "userPromptSubmit"
      ])
      // Codex runs hooks that a person has trusted, or all of them with this key.
      const thread = yield* codex.threadStart({ config: { bypass_hook_trust: true } })
      assert.lengthOf((yield* codex.hooks.list({ threadId: thread.id }))[0]?.hooks ?? [], 1)
      const runs = yield* codex.hooks.runs.pipe(
        Stream.take(2),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* model.enqueue(Reply.text("ok"))
      const events = yield* Stream.runCollect(thread.stream("go"))
      const ofTurn = events.flatMap((event) =>
        event.method === "hook/started" || event.method === "hook/completed" ? [event] : []
      )
      assert.deepStrictEqual(ofTurn.map(({ params: { run } }) => [run.eventName, run.status]), [
        ["userPromptSubmit", "running"],
        ["userPromptSubmit", "completed"]
      ])
      assert.deepStrictEqual(ofTurn[1]?.params.run.entries, [{ kind: "context", text: "remember the milk" }])
      assert.deepStrictEqual(yield* Fiber.join(runs), ofTurn)
    }))

  it.effect("MCP servers start, log in, list, and are called", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const { mcp } = codex
      const thread = yield* codex.threadStart({
        config: McpConfig.config({ everything, missing: { command: "/nonexistent/server" } })
      })
      const startup = yield* mcp.startup(thread.id).pipe(
        Stream.takeUntil((servers) => servers.length === 3 && servers.every(({ status }) => status !== "starting")),
        Stream.runCollect
      )
      const byName = new Map(startup.at(-1)?.map((server) => [server.name, server]))
      assert.deepStrictEqual(byName.get("everything"), { name: "everything", status: "ready", error: null })
      assert.deepInclude(byName.get("missing"), { status: "failed" })
      assert.include(byName.get("missing")?.error, "No such file")
      assert.include(byName.get("vault")?.error, "not logged in")
      const [again] = yield* mcp.startup(thread.id).pipe(Stream.take(1), Stream.runCollect)
      assert.sameDeepMembers([...again ?? []], [...byName.values()])

      const statuses = yield* mcp.status({ threadId: thread.id, detail: "toolsAndAuthOnly" })
      assert.sameMembers(statuses.map(({ name }) => name), ["everything", "missing", "vault"])
      const place = { threadId: thread.id, server: "everything" }
      assert.property((yield* mcp.status(place))[0]?.tools, "echo")
      const { resources } = yield* mcp.resources(place)
      assert.isAbove(resources.length, 0)
      const contents = yield* mcp.readResource({ ...place, uri: "demo://resource/dynamic/text/1" })
      assert.include(JSON.stringify(contents), "Resource 1")
      assert.deepStrictEqual(yield* mcp.callTool({ ...place, tool: "echo", arguments: { message: "hi" } }), {
        content: [{ type: "text", text: "Echo: hi" }]
      })
      assert.isTrue((yield* mcp.callTool({ ...place, tool: "none" })).isError)
      const noServer = yield* Effect.flip(mcp.resources({ ...place, server: "none" }))
      assert.deepInclude(noServer, { _tag: "InvalidInputError", field: "server" })

      assert.strictEqual((yield* Effect.flip(mcp.login("everything")))._tag, "CodexRpcError")
      const ready = yield* until(
        mcp.startup(thread.id),
        (servers) => servers.some(({ name, status }) => name === "vault" && status === "ready")
      )
      yield* ready.started
      const login = yield* mcp.login("vault", { timeout: "1 minute" })
      yield* Effect.promise(() => fetch(login.authorizationUrl))
      assert.deepInclude(yield* login.wait, { name: "vault", success: true })
      assert.isTrue((yield* login.wait).success)
      yield* Fiber.join(ready.fiber)
      assert.deepStrictEqual(
        (yield* mcp.callTool({ threadId: thread.id, server: "vault", tool: "secret" })).content,
        [{ type: "text", text: "the secret is 42" }]
      )
      yield* mcp.reload
      assert.strictEqual((yield* mcp.status())[0]?.authStatus, "oAuth")
      assert.deepInclude(router.stats(), idle)
    }))
})

layer(Layer.empty)("the configuration of MCP servers", (it) => {
  it.effect("is decoded from a file, and refuses what Codex would ignore", () =>
    Effect.gen(function*() {
      const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(McpConfig.Servers))
      const servers: McpConfig.Servers = {
        files: { command: "npx", args: ["files"], env: { A: "b" }, tools: { x: { approval_mode: "prompt" } } },
        docs: {
          url: "https://example.com/mcp",
          bearer_token_env_var: "TOKEN",
          startup_timeout_sec: 1.5,
          enabled: false
        }
      }
      assert.deepStrictEqual(yield* decode(JSON.stringify(servers)), servers)
      assert.deepStrictEqual(McpConfig.config(servers), { mcp_servers: servers })
      for (
        const server of [
          {},
          { command: "" },
          { command: "npx", arg: [] },
          { command: "npx", url: "https://example.com" },
          { url: "https://example.com", args: [] },
          { url: "https://example.com", bearer_token: "secret" }
        ]
      ) assert.strictEqual((yield* Effect.flip(decode(JSON.stringify({ server }))))._tag, "SchemaError")
    }))
})
