import { CodexHome, Reply, ScriptedModel } from "@effect-codex/testing"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Runtime } from "../../codex/test/runtimes/command.ts"
import { examples, type Options, type Outcome, run, runAll, runtime, start } from "./program.ts"

const offline = "[offline: a scripted model answers; --live asks your own Codex account]"
const hello = "Hello from a script. You said:"

/** The output of each example: these texts, in this order, with others in between. */
const prints: Readonly<
  Record<string, ReadonlyArray<string | RegExp> | (Options & { readonly lines: ReadonlyArray<string | RegExp> })>
> = {
  "01_quickstart": {
    args: ["Are", "you there?"],
    lines: [
      offline,
      /^server {2}effect-codex \d+\.\d+\.\d+$/m,
      /^thread {2}[0-9a-f-]{36}$/m,
      /^turn {4}[0-9a-f-]{36}$/m,
      `${hello} Are you there?`,
      `answer  ${hello} Are you there?`,
      "items   userMessage, reasoning, agentMessage",
      /^usage {3}\d+ in, 12 out$/m
    ]
  },
  "02_turn_result": [
    /^status +completed$/m,
    /^duration +\d+ ms$/m,
    /^answer +The result: hello$/m,
    "the agent (commentary): I will run that.",
    /the command .* exited with 0: hello/,
    "the agent (final_answer): The result: hello",
    "outputTokens: 12",
    /^stored +1 turn in .*\.jsonl$/m
  ],
  "03_stream_events": [
    "turn/started",
    "item/started commandExecution",
    "item/agentMessage/delta \"The \"",
    "turn/completed completed",
    "the first three: turn/started, item/started, item/completed",
    "the second turn: interrupted"
  ],
  "04_models_and_metadata": [/^version +\d+\.\d+\.\d+$/m, /^account +none$/m, /^\* .*: low medium high/m, "(hidden)"],
  "05_resume_thread": [`first:  ${hello} Remember the word heron.`, "second: You said: Remember the word heron."],
  "06_thread_lifecycle": [
    /^listed +\[ 'A greeting' \]$/m,
    /^turns +\[ 1, 2 \]$/m,
    /^compacted/m,
    /^archived +1$/m,
    /^resumed +You said: Say hello\.$/m,
    /^deleted +CodexRpcError$/m
  ],
  "07_image_url": ["I was shown image/png"],
  "08_local_image": ["I was shown image/png"],
  "09_promises": [`${hello} Say hello in one sentence.`, `${hello} And now in French.`, "aborted"],
  "10_errors_and_retry": [
    "no rollout found",
    "TurnFailedError, again: true\nTurnFailedError, again: true\n",
    `${hello} A flaky question.`,
    "TurnFailedError, again: false",
    "failed with ContextWindowExceeded after 1 items",
    "refused, and nothing was sent: input: the text is empty."
  ],
  "11_chat": {
    input: "Hello\nWhat did I say?\n",
    lines: [`> ${hello} Hello`, /\[completed, \d+ tokens, \d+ in all\]/, "> You said: Hello", "> "]
  },
  "12_options": [
    "my-agent/",
    "{\"purpose\":\"What is this directory for?\",\"sure\":true}",
    "The result: From: Ada. Lunch at noon?"
  ],
  "13_choose_model": [/ with effort \w+, of \d+ models$/m, `${hello} Say hello in one sentence.`],
  "14_steer_and_interrupt": [
    `agent: ${hello} In French, please.`,
    "the second turn: interrupted",
    "too late: NoActiveTurn"
  ],
  "15_login": [
    /^account: +null$/m,
    /^open: +https:.*redirect_uri=/m,
    "not logged in: Login server error: Login was not completed",
    /^account: +null$/m,
    /^ready: +true$/m
  ],
  "16_goal": [
    /^agent: +A first step is done\.$/m,
    /^agent: +The goal is reached\.$/m,
    /^turn: +completed$/m,
    /^goal: +complete \(Find out what the files here are for\.\)$/m
  ],
  "17_approvals": [
    /^accept: .*echo hello/m,
    "echo hello: completed",
    /^decline: .*rm -r build/m,
    "rm -r build: declined"
  ],
  "18_race": [/^the winner: +quick$/m, /^its answer: +Hello/m, /^the other: +interrupted$/m],
  "19_timeout": ["first:  no answer in time", `second: ${hello} Then say hello.`],
  "20_swap_the_layer": [
    "in the test:    [ 'approved', 'needs a person' ]",
    "- backups",
    offline,
    "in production:  needs a person"
  ],
  "21_parallel_threads": [
    `herons: ${hello} One fact about herons.`,
    `water lilies: ${hello} One fact about water lilies.`
  ],
  "23_files": [
    "entries  [ 'copy.txt', 'hello.txt' ]",
    "content  Hello.",
    /^metadata \{\s+isFile: true,\s+modified: true,?\s+\}$/m,
    "removed  The server refused fs/readFile"
  ],
  "24_commands": [
    "echo exited with 0 \"hello\\n\"",
    "stdout one",
    "stdout two",
    "stdout three",
    "sh exited with 4",
    "sleep ended with 137"
  ],
  "25_review": ["review: ", "Look for mistakes", "status: completed"],
  "26_workspace": ["'26_workspace.ts'", "skills: [", "0 errors", "model: 'gpt-5.5'"],
  "27_typed_answer": ["low at line 1: Review this directory."],
  "28_tools": [
    /^asked for: lamp$/m,
    "The result: {\"pieces\":7}",
    /^asked for: chair$/m,
    "The tool stock failed: {\"_tag\":\"NoSuchArticle\",\"article\":\"chair\"}"
  ],
  "29_record_and_replay": [
    offline,
    `recorded: ${hello} Say hello in one sentence.`,
    `replayed: ${hello} Say hello in one sentence.`,
    "the program sent turn/start with other parameters",
    /^ +recorded: "Say hello in one sentence\."$/m,
    /^ +sent: +"Say goodbye\."$/m,
    /^\d+ messages to look at: .*greeting\.html$/m
  ],
  "30_typed_retry": ["not yet: Expected a valid Date at [\"date\"]", "released in 2026", "1 fixes"],
  "31_tools_with_services": [
    "found: [ 'Ada Lovelace' ]",
    "The result: [\"Ada Lovelace\"]",
    "a picture of Ada",
    "The result:"
  ],
  "34_language_model_chat": {
    input: "Hello\nWhat did I say?\n",
    lines: [`> ${hello} Hello`, /\[stop, \d+ tokens in\]/, "> You said: Hello", "> "]
  },
  "35_tool_loop": [
    /^looked up: lamp$/m,
    "agent:     The result: {\"pieces\":4}",
    "agent:     The result: {\"type\":\"execution-denied\",\"reason\":\"This article is a secret.\"}"
  ],
  "36_generate_object": ["city:     Rome", "founded:  1", "finish:   stop"],
  "37_web_socket": ["server  effect-codex", "state   Connected", "text    Hello "],
  "38_unix_socket": ["first   has started a turn, and leaves", `second  reads the answer: ${hello}`],
  "32_tracing": {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
    lines: [
      `${hello} Say hello in one sentence.`,
      /^span {3}codex\.request \d+ ms.* rpc\.method=thread\/start/m,
      /^span {3}codex\.turn \d+ ms.* gen_ai\.request\.model=gpt-5\.5 .*codex\.turn\.status=completed/m,
      /^metric codex\.turns 1 /m
    ]
  },
  "33_sub_agents": [
    /^sub-agent \S+, sandbox readOnly$/m,
    /^a sub-agent may not run .*touch proof/m,
    "My helper is done.",
    /^the turn {6}\d+ tokens$/m,
    /^its helpers {3}\d+ tokens$/m,
    "still running 0"
  ],
  "52_evaluation": [
    offline,
    /^variant +runs +failed +passed +score +mean +median +min +max$/m,
    /^gpt-5\.5 +3 +0 +100 % +short +1\.00 +1\.00 +1\.00 +1\.00$/m,
    /^gpt-5\.4 +3 +0 +100 % +simple +1\.00/m,
    /^all +6 +0 +100 % +simple/m
  ],
  "53_lasting_home": [
    /^turn [1-9]\d* of [\w-]+: Are you still there\?$/m,
    /^turn (?:[2-9]|\d{2,}) of [\w-]+: Are you still there\?$/m
  ],
  "39_survive_a_kill": {
    // It starts itself.
    lines: [
      "first   starts its turn",
      "first   follows it",
      "first   is killed",
      "second  finds its turn",
      "second  has the answer: The result: done"
    ]
  },
  "42_mcp_servers": ["everything ready, missing failed", "resources 7", "Echo: hello"],
  "43_skills_and_hooks": [
    "skills: [",
    "hook:   userPromptSubmit completed",
    `agent:  ${hello} Say hello.`
  ],
  "44_approval_rules": [
    "echo hello: completed",
    "echo hello; rm -r build: declined",
    /^a person is asked: .*echo \$HOME/m,
    "echo $HOME: declined",
    /^a person is asked: .*echo secret/m
  ],
  "45_usage_limits": ["log in with ChatGPT to see your limits"],
  "40_services_on_the_server": [
    "files    notes/a.txt notes/b.txt",
    "lines    first, second",
    "counted  7",
    "refused  PermissionDenied",
    "process  working",
    "running  false",
    "terminal 24 80"
  ],
  "41_watch_a_thread": {
    // The shared server.
    permissions: ["--allow-all"],
    lines: [
      "watcher  1 turn so far",
      "watcher  turn/started",
      "watcher  item/completed agentMessage",
      "watcher  turn/completed"
    ]
  },
  "46_search": ["\"search\": 46_search.ts", /^thread [0-9a-f-]{36}: .*needle/m],
  // The queue changes beside the turns.
  "47_queue": [`${hello} Say goodbye.`, `${hello} Say hello.`, "0 left"],
  "48_checkpoint": [
    "after the turn: changed",
    "refused, for notes.txt",
    "restored: mine",
    "saved in: changed",
    "turns: 1"
  ],
  "49_background_terminals": ["running: sleep 1000", "still running", "settled"],
  "55_live_timeline": [
    /^watch: http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/$/m,
    `${hello} `,
    "the page answered with 200",
    "without the key in its URL, the server answered with 403"
  ],
  "60_chat_server": [
    /^200 event: chat$/m,
    "event: text\ndata: \"Hello \"",
    "event: done\ndata: {\"status\":\"completed\",\"tokens\":",
    "200 event: chat",
    "event: text\ndata: \"You \"",
    "event: done",
    /^event: failed\ndata: \{"message":"The turn failed.*ran out of room.*"retry":false\}$/m,
    "404 no such chat",
    "health 200"
  ],
  "61_review_bot": {
    input: "+++ b/src/main.ts\n@@ -1 +1 @@\n-const a = 1\n+const a = 2\n",
    lines: ["::notice file=+++ b/src/main.ts,line=1::+++ b/src/main.ts", "1 findings."]
  },
  "62_approval_page": [
    /^accept: .*echo hello.*You asked for it\.$/m,
    "echo hello: completed",
    /^decline: .*rm -r build/m,
    "rm -r build: declined"
  ],
  "63_worktrees": ["readme: README.md", "license: LICENSE", "nothing: nothing has changed", "main: unchanged"],
  "64_budget": [
    /^step 1: \d+ tokens, [1-9]\d* left$/m,
    /^stopped after \d+ tokens of \d+, 0 left$/m,
    "The budget is used up."
  ],
  "65_route_handler": [
    "200 {\"type\":\"text\",\"text\":\"Hello \"}",
    "{\"type\":\"done\",\"status\":\"completed\"}",
    /^200 \{"type":"failed",.*ran out of room.*"retry":false\}$/m,
    "400 message is missing",
    "first line: {\"type\":\"text\",\"text\":\"1 \"}",
    "closed"
  ],
  "66_electron": [`completed: ${hello} Hello.`, /^failed: .*ran out of room/m, /^interrupted: 1/m],
  "70_hosted_threads": ["answers equal", "text    streamed", "turns   2", "state   idle"],
  "71_durable_workflow": ["waiting for an approval", "ticket fixed", "again  fixed"],
  "73_fleet_metrics": [
    /^codex_cluster_runs\{outcome="completed"\} \d+$/m,
    /^codex_cluster_threads \d+$/m
  ]
}

/** Node prints a value with other quotes than Bun and Deno. */
const plain = (text: string) => text.replaceAll("\"", "'")

const assertPrints = (stdout: string, lines: ReadonlyArray<string | RegExp>) => {
  let rest = plain(stdout)
  for (const expected of lines) {
    const line = typeof expected === "string" ? plain(expected) : new RegExp(plain(expected.source), expected.flags)
    const [at, length] = typeof line === "string" ? [rest.indexOf(line), line.length] : [rest.search(line), 1]
    assert.isAtLeast(at, 0, `${line} is missing in what follows of\n${stdout}`)
    rest = rest.slice(at + length)
  }
}

const names = readdirSync(examples).filter((name) => name.endsWith(".ts")).map((name) => name.slice(0, -".ts".length))
  .sort()

it("each example has a test and an entry in the index", () => {
  assert.deepStrictEqual([...Object.keys(prints), "22_sse_server", "51_browser_proxy", "72_fleet"].sort(), names)
  const index = readFileSync(join(examples, "../README.md"), "utf8")
  assert.deepStrictEqual([...index.matchAll(/\]\(src\/(\w+)\.ts\)/g)].map(([, name]) => name), names)
})

const assertOutcome = ({ exitCode, stderr, stdout }: Outcome, lines: ReadonlyArray<string | RegExp>) => {
  // `NodeRuntime.runMain` logs the cause of a failure to standard output.
  assert.deepStrictEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" }, stdout)
  assertPrints(stdout, lines)
}

const fileOf = (name: string) => join(examples, `${name}.ts`)

/** Examples that a runtime can't run: the page of the timeline is compiled from its sources here, which needs Node or Deno. */
const without: Partial<Record<Runtime, ReadonlyArray<string>>> = { bun: ["29_record_and_replay", "55_live_timeline"] }

const tested = Object.entries(prints).filter(([name]) => without[runtime]?.includes(name) !== true)

/** The examples that need no arguments, input or environment. */
const simple = tested.flatMap(([name, lines]) => "lines" in lines ? [] : [{ name, lines }])

class Outcomes extends Context.Service<Outcomes, ReadonlyMap<string, Outcome>>()("test/Outcomes") {
  static readonly layer = Layer.effect(
    Outcomes,
    Effect.map(
      Effect.forEach(
        [0, 1],
        (half) => runAll(simple.filter((_, index) => index % 2 === half).map(({ name }) => fileOf(name))),
        { concurrency: 2 }
      ),
      (halves) => new Map(halves.flatMap((half) => [...half]))
    )
  ).pipe(Layer.provide(NodeServices.layer))
}

layer(Outcomes.layer, { timeout: "5 minutes", excludeTestServices: true })("examples", (it) => {
  for (const { lines, name } of simple) {
    it.effect(name, () => Effect.map(Outcomes, (outcomes) => assertOutcome(outcomes.get(fileOf(name))!, lines)))
  }
})

/** The address that a server prints. */
const urlOf = <E>(stdout: Stream.Stream<Uint8Array, E>) =>
  stdout.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.map((line) => /Listening on (\S+)/.exec(line)?.[1]),
    Stream.filter((url) => url !== undefined),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption)
  )

describe.concurrent("examples with options", () => {
  for (const [name, expected] of tested) {
    if (!("lines" in expected)) continue
    const { lines, ...options } = expected
    it.live(name, () =>
      Effect.map(run(fileOf(name), options), (outcome) => assertOutcome(outcome, lines)).pipe(
        Effect.provide(NodeServices.layer)
      ))
  }

  it.live("22_sse_server", () =>
    Effect.gen(function*() {
      const server = yield* start(fileOf("22_sse_server"), { env: { PORT: "0" } })
      const url = yield* urlOf(server.stdout)
      const ask = (search: string) => HttpClient.get(`${url}/ask${search}`)

      const answer = yield* ask("?question=hello")
      assert.strictEqual(answer.headers["content-type"], "text/event-stream")
      assertPrints(yield* answer.text, [
        "event: turn/started\ndata: {",
        "event: item/agentMessage/delta\n",
        "event: turn/completed\n"
      ])
      // The response has begun with 200 by then: its last event says that the turn failed, or did not start.
      const failed = yield* Effect.flatMap(ask("?question=hopeless"), ({ text }) => text)
      assert.match(failed.trimEnd().split("\n\n").at(-1)!, /^event: failed\ndata: \{"message":".*contextWindowExceeded/)
      const blank = yield* Effect.flatMap(ask("?question=%20"), ({ text }) => text)
      assert.match(blank, /^event: failed\ndata: \{"message":".*the text is empty.*"\}\n\n$/)
      assert.strictEqual((yield* ask("")).status, 400)
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, FetchHttpClient.layer])))

  it.live("60_chat_server answers to the end after SIGTERM", () =>
    Effect.gen(function*() {
      const server = yield* start(fileOf("60_chat_server"), { env: { PORT: "0" } })
      const url = yield* urlOf(server.stdout)
      const answer = yield* HttpClient.get(`${url}/?message=count%20to%2040`)
      const text = yield* answer.stream.pipe(
        Stream.decodeText,
        // The first text has come, so the turn runs.
        Stream.tap((text) => text.includes("event: text") ? Effect.ignore(server.kill()) : Effect.void),
        Stream.mkString
      )
      assertPrints(text, ["\"1 \"", "\"40 \"", "event: done\ndata: {\"status\":\"completed\""])
      assert.strictEqual(Number(yield* server.exitCode), 0)
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, FetchHttpClient.layer])))

  const quickstart = fileOf("01_quickstart")
  const home = CodexHome.layer({ model: "gpt-5.5" }).pipe(
    Layer.provideMerge(ScriptedModel.layer({ replies: [Reply.text("As you have configured me.")] })),
    Layer.provideMerge(NodeServices.layer)
  )

  it.live("--stub runs the same program on another provider", () =>
    Effect.gen(function*() {
      const object = yield* run(fileOf("36_generate_object"), { args: ["--stub"] })
      assertPrints(object.stdout, ["city:     Rome", "founded:  1", "finish:   stop"])
      const chat = yield* run(fileOf("34_language_model_chat"), { args: ["--stub"], input: "Hello\n" })
      assertPrints(chat.stdout, ["> A stub. You said: Hello", "[stop, 1 tokens in]"])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("--live uses the user's own Codex configuration", () =>
    Effect.gen(function*() {
      const { env, workspace } = yield* CodexHome.CodexHome
      const { stdout } = yield* run(quickstart, { args: ["--live"], env, cwd: workspace })
      assertPrints(stdout, ["[live: your own Codex account]", "answer  As you have configured me."])
    }).pipe(Effect.provide(home)))

  it.live("--live reports that nobody is logged in, also if npm keeps the option (`npm start --live`)", () =>
    Effect.gen(function*() {
      const { env } = yield* CodexHome.make()
      for (const options of [{ args: ["--live"], env }, { env: { ...env, npm_config_live: "true" } }]) {
        const { exitCode, stderr, stdout } = yield* run(quickstart, options)
        assert.strictEqual(exitCode, 1)
        assert.include(stdout + stderr, "You are not logged in to Codex. Run `npx codex login` first")
      }
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
