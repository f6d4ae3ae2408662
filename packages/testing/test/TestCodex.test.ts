import { Replay } from "@effect-codex/recording"
import { CodexHome, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { startTestCodex } from "@effect-codex/testing/promises"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexClient, CodexError } from "effect-codex"
import * as Promises from "effect-codex/promises"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

class Allowed extends Context.Service<Allowed, Ref.Ref<ReadonlyArray<string>>>()("test/Allowed") {}

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-codex-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

const askWithPromises = async (codex: Promises.Codex) => (await (await codex.threadStart()).run("hello")).finalResponse

const rejection = (start: () => Promise<unknown>) =>
  Effect.flip(Effect.tryPromise({ try: start, catch: (error) => String(error) }))

describe("TestCodex", () => {
  it.live("runs the real binary on a scripted model, in an isolated home", () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const model = yield* ScriptedModel.ScriptedModel
      const home = yield* CodexHome.CodexHome
      yield* model.enqueue(Reply.text("hello"))
      const thread = yield* codex.threadStart()
      assert.strictEqual((yield* thread.run("Say hello.")).finalResponse, "hello")
      assert.strictEqual((yield* thread.read()).cwd, home.workspace)
      assert.strictEqual(codex.metadata.codexHome, home.codexHome)
    }).pipe(Effect.provide(TestCodex.layer())))

  it.live("fails a turn without a reply with a text that says so, and that no retry can help", () =>
    Effect.gen(function*() {
      const thread = yield* (yield* Codex.Codex).threadStart()
      const error = yield* Effect.flip(thread.run("Say hello."))
      assert.include(error.message, "The scripted model has no reply left for request 0")
      assert.isFalse(CodexError.isRetryable(error))
    }).pipe(Effect.provide(TestCodex.layer())))

  it.live("ends the process before it removes the home", () =>
    Effect.gen(function*() {
      const { client, codexHome } = yield* Effect.gen(function*() {
        const { codexHome } = yield* CodexHome.CodexHome
        yield* (yield* Codex.Codex).threadStart().pipe(Effect.flatMap((thread) => thread.run("hello")))
        assert.isTrue(existsSync(codexHome))
        return { codexHome, client: yield* CodexClient.CodexClient }
      }).pipe(Effect.provide(TestCodex.layer({ script: TestCodex.echo })))
      assert.isFalse(existsSync(codexHome))
      assert.strictEqual((yield* client.closed).reason._tag, "Closed")
    }))

  it.live("records the traffic, for a replay", () =>
    Effect.gen(function*() {
      const record = join(yield* temporary, "run.jsonl")
      const ask = Effect.gen(function*() {
        const thread = yield* (yield* Codex.Codex).threadStart()
        return (yield* thread.run("hello")).finalResponse
      })
      assert.strictEqual(yield* ask.pipe(Effect.provide(TestCodex.layer({ script: TestCodex.echo, record }))), "hello")
      assert.strictEqual(yield* ask.pipe(Effect.provide(Replay.layerCodex(record))), "hello")
    }).pipe(Effect.scoped))

  it.live("records the traffic of the Promise API, for a replay", () =>
    Effect.gen(function*() {
      const record = join(yield* temporary, "run.jsonl")
      const recorded = async () => {
        await using test = await startTestCodex({
          script: TestCodex.echo,
          record,
          client: { serverRequests: "declineAll" }
        })
        return await askWithPromises(test.codex)
      }
      const replayed = async () => {
        await using codex = await Promises.Codex.start({ layer: (options) => Replay.layerCodex(record, options) })
        return await askWithPromises(codex)
      }
      assert.strictEqual(yield* Effect.promise(recorded), "hello")
      assert.strictEqual(yield* Effect.promise(replayed), "hello")
      // A Layer that fails, and a name that is no option.
      const layer = (options: Codex.LayerOptions) => Replay.layerCodex(`${record}.none`, options)
      assert.match(yield* rejection(() => Promises.Codex.start({ layer })), /RecordingError/)
      const misspelled = { script: TestCodex.echo, recrod: record }
      assert.match(yield* rejection(() => startTestCodex(misspelled)), /recrod is not an option; did you mean record\?/)
    }).pipe(Effect.scoped))

  it.live("keeps its threads between runs, in a directory of the caller", () =>
    Effect.gen(function*() {
      const directory = join(yield* temporary, "new", "home")
      const lasting = Effect.provide(TestCodex.layer({ script: TestCodex.echo, home: { directory } }))
      const id = yield* Effect.gen(function*() {
        const thread = yield* (yield* Codex.Codex).threadStart()
        yield* thread.run("first")
        writeFileSync(join((yield* CodexHome.CodexHome).workspace, "note"), "kept")
        return thread.id
      }).pipe(lasting)
      assert.strictEqual(statSync(directory).mode & 0o777, 0o700)
      yield* Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const thread = yield* codex.threadResume(id)
        assert.strictEqual((yield* thread.run("second")).finalResponse, "second")
        const [request] = yield* (yield* ScriptedModel.ScriptedModel).requests
        assert.deepStrictEqual(request?.userTexts.slice(-2), ["first", "second"])
        assert.isTrue(existsSync(join((yield* CodexHome.CodexHome).workspace, "note")))
      }).pipe(lasting)
    }).pipe(Effect.scoped))

  it.live("passes options to the home and the client, and requires the services of their handlers", () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const model = yield* ScriptedModel.ScriptedModel
      const thread = yield* codex.threadStart()
      yield* model.enqueue(
        Reply.functionCall({
          name: "exec_command",
          arguments: { cmd: "echo $FROM_TEST", sandbox_permissions: "require_escalated", justification: "I have to" }
        })
      )
      const result = yield* thread.run("go")
      assert.match(result.finalResponse!, /^go$/)
      assert.deepStrictEqual(yield* Ref.get(yield* Allowed), ["I have to"])
      assert.include((yield* model.awaitRequest(1)).toolOutput(), "from the test")
      assert.match(codex.metadata.userAgent, /^tester\//)
    }).pipe(Effect.provide(
      TestCodex.layer({
        script: TestCodex.echo,
        home: { approvalPolicy: "on-request" },
        client: {
          clientInfo: { name: "tester", version: "1.0.0" },
          env: { FROM_TEST: "from the test" },
          serverRequests: {
            "item/commandExecution/requestApproval": ({ reason }) =>
              Allowed.use(Ref.update((reasons) => [...reasons, String(reason)])).pipe(
                Effect.as({ decision: "accept" })
              )
          }
        }
      }).pipe(Layer.provideMerge(Layer.effect(Allowed, Ref.make<ReadonlyArray<string>>([]))))
    )))
})
