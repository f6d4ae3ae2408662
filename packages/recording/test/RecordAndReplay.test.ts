import { Recorder, Replay } from "@effect-codex/recording"
import * as Recording from "@effect-codex/recording/Recording"
import { CodexHome, FakeAppServer, Gate, Item, Reply, ScriptedModel } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import type * as ClientOptions from "effect-codex/ClientOptions"
import * as Codex from "effect-codex/Codex"
import * as CodexError from "effect-codex/CodexError"
import * as Router from "effect-codex/Router"
import type * as TurnResult from "effect-codex/TurnResult"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import * as TemporaryFile from "./TemporaryFile.ts"

const secret = "correct-horse-battery"

const live = (script?: ScriptedModel.Script, home?: Parameters<typeof CodexHome.layer>[0]) =>
  CodexHome.layer(home).pipe(Layer.provideMerge(ScriptedModel.layer(script)))

/** Runs a program on the real binary, recorded, and then on the recording. */
const twice = <A, E>(
  program: Effect.Effect<A, E, Codex.Codex>,
  options: { readonly client?: Codex.LayerOptions; readonly replay?: Replay.Options } = {}
) =>
  Effect.gen(function*() {
    const file = yield* TemporaryFile.make("run.jsonl")
    const home = yield* CodexHome.CodexHome
    const config = {
      cwd: home.workspace,
      ...options.client,
      env: { ...home.env, SOME_SECRET: Redacted.make(secret), ...options.client?.env }
    }
    const recorded = yield* program.pipe(Effect.provide(Recorder.layerCodex(file, config)))
    const replayed = yield* Effect.gen(function*() {
      const result = yield* program
      yield* Replay.Replay.use((replay) => replay.done)
      return result
    }).pipe(Effect.provide(Replay.layerCodex(file, options.client, options.replay)))
    return { file, home, recorded, replayed }
  })

/** The part of a result that does not depend on the machine. */
const essence = (result: TurnResult.TurnResult) => ({
  ...result,
  items: result.items.map((item) => item.type === "commandExecution" ? { ...item, cwd: "", command: "" } : item)
})

const sayHello = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  return yield* thread.run("Say hello.")
})

/** Records a program on the fake, as `drive` has it behave. */
const onFake = <A, E>(
  program: Effect.Effect<A, E, Codex.Codex>,
  drive: (server: FakeAppServer.Service) => Effect.Effect<unknown, FakeAppServer.RpcError | CodexError.CodexError> =
    () => Effect.void,
  options: { readonly client?: ClientOptions.ClientOptions; readonly fake?: FakeAppServer.Options } = {}
) =>
  Effect.gen(function*() {
    const file = yield* TemporaryFile.make("run.jsonl")
    const result = yield* Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      const [result] = yield* Effect.all([program, drive(server)], { concurrency: "unbounded" })
      return result
    }).pipe(
      Effect.provide(
        Codex.layerTransport(options.client).pipe(
          Layer.provide(Recorder.layer(file)),
          Layer.provideMerge(FakeAppServer.layer(options.fake))
        )
      )
    )
    return { file, result }
  })

/** A recording of {@link sayHello}. */
const hello = Effect.map(onFake(sayHello), ({ file }) => file)

/** A turn that is steered when it has begun to speak; `gate` is at that place. */
const steered = (gate: Effect.Effect<Gate.Gate>) =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const thread = yield* codex.threadStart()
    const steer = yield* gate
    const turn = yield* thread.turn("Count.")
    const seen = yield* Deferred.make<void>()
    const events = yield* turn.stream.pipe(
      Stream.tap((event) =>
        event.method === "item/agentMessage/delta" ? Deferred.succeed(seen, undefined) : Effect.void
      ),
      Stream.runCollect,
      Effect.forkChild
    )
    yield* Deferred.await(seen)
    yield* turn.steer("Faster.")
    yield* steer.open
    return (yield* Fiber.join(events)).map((event) => event.raw)
  })
/** Asks each of these twice, on a thread of its own. */
const askEach = (names: ReadonlyArray<string>, concurrency: "unbounded" | 1) =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const answers = yield* Effect.forEach(names, (name) =>
      Effect.gen(function*() {
        const thread = yield* codex.threadStart()
        const first = yield* thread.run(name)
        const second = yield* thread.run(`${name} again`)
        assert.deepStrictEqual([first.threadId, second.threadId], [thread.id, thread.id])
        return [name, first.finalResponse, second.finalResponse]
      }), { concurrency })
    return answers.sort()
  })
describe("a run that was recorded", () => {
  it.live("returns the same result again, without a binary", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      yield* model.enqueue(Reply.make([
        Item.reasoning({ text: "A greeting." }),
        Item.message({ deltas: ["Hel", "lo, ", "world"], phase: "final_answer" })
      ]))
      const { recorded, replayed } = yield* twice(sayHello)
      assert.strictEqual(recorded.finalResponse, "Hello, world")
      assert.deepStrictEqual(replayed, recorded)
      assert.strictEqual((yield* model.requests).length, 1)
    }).pipe(Effect.scoped, Effect.provide(live())))

  it.live("streams the same events, and steers", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      const scripted = Effect.gen(function*() {
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }), Reply.text("three"))
        return gate
      })
      const { recorded, replayed } = yield* twice(steered(scripted))
      assert.deepStrictEqual(replayed, recorded)
      assert.include(recorded.map((event) => event["method"]), "turn/completed")
    }).pipe(Effect.scoped, Effect.provide(live())))

  it.live("runs concurrent threads in any order", () =>
    Effect.gen(function*() {
      const file = yield* TemporaryFile.make("run.jsonl")
      const home = yield* CodexHome.CodexHome
      const config = { env: home.env, cwd: home.workspace }
      const recorded = yield* askEach(["a", "b", "c", "d"], "unbounded").pipe(
        Effect.provide(Recorder.layerCodex(file, config))
      )
      assert.deepStrictEqual(recorded[1], ["b", "echo of b", "echo of b again"])
      // Backwards, and one after the other: threads that were started alike are told apart by what they are asked.
      for (const [names, concurrency] of [["abcd", "unbounded"], ["dcba", "unbounded"], ["bdca", 1]] as const) {
        const replayed = yield* Effect.gen(function*() {
          const answers = yield* askEach([...names], concurrency)
          yield* Replay.Replay.use((replay) => replay.done)
          return answers
        }).pipe(Effect.provide(Replay.layerCodex(file, config)))
        assert.deepStrictEqual(replayed, recorded)
      }
    }).pipe(
      Effect.scoped,
      Effect.provide(live({ respond: (request) => Reply.text(`echo of ${request.lastUserText}`) }))
    ))

  it.live("repeats approvals and tool calls", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      yield* model.enqueue(
        Reply.functionCall({
          name: "exec_command",
          arguments: {
            cmd: "echo $SOME_SECRET > made",
            sandbox_permissions: "require_escalated",
            justification: "May I?"
          }
        }),
        Reply.functionCall({ name: "lookup", arguments: { key: "answer" } }),
        Reply.text("It is 42.")
      )
      const asked: Array<unknown> = []
      const { recorded, replayed } = yield* twice(
        Effect.gen(function*() {
          const codex = yield* Codex.Codex
          const thread = yield* codex.threadStart({
            approvalPolicy: "on-request",
            dynamicTools: [{
              type: "function",
              name: "lookup",
              description: "Looks up a key",
              inputSchema: { type: "object", properties: { key: { type: "string" } } }
            }]
          })
          return yield* thread.run("Do it.")
        }),
        {
          client: {
            serverRequests: {
              "item/commandExecution/requestApproval": ({ reason }) => {
                asked.push(reason)
                return Effect.succeed({ decision: "accept" })
              },
              "item/tool/call": ({ arguments: args }) => {
                asked.push(args)
                return Effect.succeed({ success: true, contentItems: [{ type: "inputText", text: "42" }] })
              }
            }
          }
        }
      )
      assert.deepStrictEqual(asked, ["May I?", { key: "answer" }, "May I?", { key: "answer" }])
      assert.strictEqual(replayed.finalResponse, "It is 42.")
      assert.deepStrictEqual(essence(replayed), essence(recorded))
    }).pipe(Effect.scoped, Effect.provide(live())))

  it.live("fails as it failed", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      yield* model.enqueue(Reply.failed({ code: "insufficient_quota", message: "No money left." }))
      const { recorded, replayed } = yield* twice(Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const refused = yield* Effect.flip(codex.threadResume("01a1fdc8-8203-7071-8652-14c88757e38f"))
        return [refused, yield* Effect.flip(sayHello)] as const
      }))
      assert.strictEqual(recorded[0]._tag, "CodexRpcError")
      assert.strictEqual(recorded[1]._tag, "TurnFailedError")
      assert.deepStrictEqual(replayed.map(String), recorded.map(String))
    }).pipe(Effect.scoped, Effect.provide(live())))
})

/** Writes what is no message, and then one. */
const babble = (server: FakeAppServer.Service) =>
  Effect.gen(function*() {
    yield* server.awaitRequest("thread/start")
    yield* server.write("this is not JSON\n")
    yield* server.notify("configWarning", { summary: "Mind the gap.", details: null })
  })
/** A question to the user. */
const question = (id: string, isSecret: boolean) => ({
  id,
  header: id,
  question: `What is your ${id}?`,
  isOther: false,
  isSecret,
  options: null
})
/** Answers two questions. */
const answering = (pin: string, name: string): ClientOptions.ClientOptions => ({
  serverRequests: {
    "item/tool/requestUserInput": () =>
      Effect.succeed({ answers: { pin: { answers: [pin] }, name: { answers: [name] } } })
  }
})
describe("a run on a server in memory that was recorded", () => {
  it.live("repeats the loss of its server, and the restart", () =>
    Effect.gen(function*() {
      const client: ClientOptions.ClientOptions = { restart: Schedule.recurs(3) }
      const crash = new CodexError.CodexConnectionError({
        reason: { _tag: "Exited", exitCode: 3, signal: null, stderr: "no more memory" }
      })
      const program = Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const thread = yield* codex.threadStart()
        const first = yield* thread.run("one")
        const lost = yield* Effect.flip(thread.run("two"))
        const second = yield* thread.run("three")
        return [first.finalResponse, String(lost), second.finalResponse]
      })
      const { file, result } = yield* onFake(
        program,
        (server) => Effect.andThen(server.awaitRequest("turn/start", 1), server.crash(crash)),
        { client, fake: { reply: (text) => text === "two" ? [Gate.makeUnsafe()] : `echo of ${text}` } }
      )
      assert.deepStrictEqual([result[0], result[2]], ["echo of one", "echo of three"])
      assert.include(result[1], "no more memory")
      const replayed = yield* program.pipe(Effect.provide(Replay.layerCodex(file, client)))
      assert.deepStrictEqual(replayed, result)
    }).pipe(Effect.scoped))

  it.live("repeats lines that are not messages", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const warned = yield* codex.notifications.pipe(
          Stream.filter((event) => event.method === "configWarning"),
          Stream.runHead,
          Effect.forkChild({ startImmediately: true })
        )
        yield* codex.threadStart()
        yield* Fiber.join(warned)
        return (yield* Router.Router).stats().badLines
      })
      const file = yield* TemporaryFile.make("run.jsonl")
      const badLines = yield* Effect.gen(function*() {
        const server = yield* FakeAppServer.FakeAppServer
        return (yield* Effect.all([program, babble(server)], { concurrency: 2 }))[0]
      }).pipe(
        Effect.provide(
          Codex.layerTransport().pipe(Layer.provide(Recorder.layer(file)), Layer.provideMerge(FakeAppServer.layer()))
        )
      )
      assert.strictEqual(badLines, 1)
      assert.strictEqual(yield* program.pipe(Effect.provide(Replay.layerCodex(file))), 1)
    }).pipe(Effect.scoped))

  it.live("masks answers to secret questions, and compares other answers", () =>
    Effect.gen(function*() {
      const { file } = yield* onFake(
        sayHello,
        (server) =>
          Effect.gen(function*() {
            yield* server.awaitRequest("turn/start")
            yield* server.ask("item/tool/requestUserInput", {
              threadId: "thread-1",
              turnId: "turn-1",
              itemId: "item-1",
              questions: [question("pin", true), question("name", false)],
              autoResolutionMs: null
            })
          }),
        { client: answering("1234", "Ada") }
      )
      assert.notInclude(readFileSync(file, "utf8"), "1234")
      assert.include(readFileSync(file, "utf8"), "Ada")
      const error = yield* Effect.gen(function*() {
        const codex = yield* Codex.Codex
        yield* Effect.exit(sayHello)
        return yield* codex.client.closed
      }).pipe(Effect.provide(Replay.layerCodex(file, answering("5678", "Bob"))))
      assert.deepStrictEqual(Replay.mismatch(error)?.differences, [
        { path: "answers.name.answers[0]", recorded: "Ada", asked: "Bob" }
      ])
    }).pipe(Effect.scoped))

  it.effect("can repeat the recorded delays", () =>
    Effect.gen(function*() {
      const recording = yield* Effect.fromResult(Recording.parse(
        "made up",
        [
          Recording.headerLine({ server: "effect-codex/0.169.0", startedAt: "2026-11-21T12:00:00.000Z" }),
          ...[
            [0, "sent", { id: 1, method: "model/list", params: {} }],
            [1000, "received", { id: 1, result: { data: ["a"] } }],
            [1500, "received", { method: "warning", params: { threadId: "t" } }],
            [61_500, "received", { method: "warning", params: { threadId: "t" } }]
          ].map(([at, direction, message]) => JSON.stringify({ at, connection: 1, [String(direction)]: message }))
        ].join("\n")
      ))
      const { transport } = Replay.make(recording, { speed: 2 })
      const connection = yield* transport.connect
      const seen: Array<string> = []
      const accept = (messages: ReadonlyArray<string>) => void seen.push(...messages)
      yield* Effect.forkScoped(connection.receive(accept))
      yield* connection.send(`{"id":77,"method":"model/list"}`)
      yield* TestClock.adjust("499 millis")
      assert.lengthOf(seen, 1)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(JSON.parse(seen[1]!), { id: 77, result: { data: ["a"] } })
      yield* TestClock.adjust("29 seconds")
      assert.lengthOf(seen, 2)
      yield* TestClock.adjust("1 seconds")
      assert.lengthOf(seen, 3)
    }))
})

const replay = <A, E>(
  file: string,
  program: Effect.Effect<A, E, Codex.Codex | Replay.Replay>,
  options?: Replay.Options
) => program.pipe(Effect.provide(Replay.layerCodex(file, {}, options)))

const run = (input: string) =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    return yield* (yield* codex.threadStart()).run(input)
  })

describe("a program that departs from its recording", () => {
  it.effect("is compared by its own fields and methods, whatever their names", () =>
    Effect.gen(function*() {
      const [plain, odd] = [
        `{"id":1,"method":"constructor","params":{}}`,
        `{"id":1,"method":"constructor","params":{"__proto__":{}}}`
      ]
      const header = Recording.headerLine({ server: "x/1", startedAt: "2026-11-21T12:00:00.000Z" })
      for (const [recorded, sent] of [[plain, plain], [odd, odd], [plain, odd], [odd, plain]] as const) {
        const lines = [header, `{"at":1,"connection":1,"sent":${recorded}}`].join("\n")
        const { transport } = Replay.make(yield* Effect.fromResult(Recording.parse("run.jsonl", lines)))
        const connection = yield* transport.connect
        const error = yield* Effect.match(connection.send(sent), {
          onFailure: Replay.mismatch,
          onSuccess: () => undefined
        })
        assert.deepStrictEqual(
          error?.differences.map(({ path }) => path),
          recorded === sent ? undefined : ["__proto__"]
        )
      }
    }).pipe(Effect.scoped))

  it.live("gets the difference in the error", () =>
    Effect.gen(function*() {
      const file = yield* hello
      const error = yield* Effect.flip(replay(file, run("Say goodbye.")))
      assert.strictEqual(error._tag, "CodexConnectionError")
      assert.isFalse(CodexError.isRetryable(error as CodexError.CodexError))
      const mismatch = Replay.mismatch(error)!
      assert.deepStrictEqual(mismatch.differences, [
        { path: "input[0].text", recorded: "Say hello.", asked: "Say goodbye." }
      ])
      assert.strictEqual(
        error.message,
        [
          `The connection to the Codex app-server was closed: The program departed from the recording ${file} at line ${mismatch.line}: the program sent turn/start with other parameters.`,
          "  input[0].text",
          `    recorded: "Say hello."`,
          `    sent:     "Say goodbye."`,
          "If the change is intended, record again. If the value differs from run to run, list its path in `ignore`."
        ].join("\n")
      )
      const line = JSON.parse(readFileSync(file, "utf8").split("\n")[mismatch.line! - 1]!)
      assert.strictEqual(line.sent.method, "turn/start")

      yield* replay(file, run("Say goodbye."), { ignore: { "turn/start": ["input.*.text"] } })
    }).pipe(Effect.scoped))

  it.live("fails in every later call", () =>
    Effect.gen(function*() {
      const file = yield* hello
      yield* replay(
        file,
        Effect.gen(function*() {
          const codex = yield* Codex.Codex
          const thread = yield* codex.threadStart()
          const watching = yield* Effect.forkChild(Effect.flip(Stream.runDrain(thread.notifications)))
          yield* Effect.yieldNow
          const first = yield* Effect.flip(Stream.runDrain(codex.models()))
          assert.include(first.message, "the program sent model/list, and the recording has no such request")
          const second = yield* Effect.flip(thread.run("Say hello."))
          assert.strictEqual(second.message, first.message)
          assert.strictEqual((yield* Fiber.join(watching)).message, first.message)
        })
      )
    }).pipe(Effect.scoped))

  it.live("learns which messages it did not send", () =>
    Effect.gen(function*() {
      const file = yield* hello
      const error = yield* replay(
        file,
        Effect.gen(function*() {
          yield* (yield* Codex.Codex).threadStart()
          return yield* Effect.flip(Replay.Replay.use((replay) => replay.done))
        })
      )
      assert.include(error.message, "turn/start was recorded, but the program did not send it")
    }).pipe(Effect.scoped))

  it.live("does not wait for ever for a message that needs a request", () =>
    Effect.gen(function*() {
      const turn = Effect.gen(function*() {
        const codex = yield* Codex.Codex
        const thread = yield* codex.threadStart()
        return yield* thread.turn("Wait.")
      })
      const interrupted = Effect.gen(function*() {
        const { interrupt, run } = yield* turn
        yield* interrupt
        return (yield* run).status
      })
      const { file } = yield* onFake(interrupted, () => Effect.void, { fake: { reply: () => [Gate.makeUnsafe()] } })
      const error = yield* Effect.flip(
        replay(file, Effect.flatMap(turn, ({ run }) => run), { patience: "50 millis" })
      )
      assert.include(
        error.message,
        "the program waits for the end of a turn, which the server sent only after turn/interrupt"
      )
    }).pipe(Effect.scoped))
})

describe("a recording", () => {
  it.live("hides secrets and directories, also in pieces of text", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      const home = yield* CodexHome.CodexHome
      const key = "sk-proj-0123456789abcdefghij"
      yield* model.enqueue(Reply.message({
        deltas: [
          "The key is sk-pro",
          "j-012345678",
          "9abcdefghij and ",
          secret.slice(0, 5),
          secret.slice(5),
          " in ",
          home.workspace.slice(0, 9),
          `${home.workspace.slice(9)}/a.txt`,
          ", ask jane",
          "@example.org",
          " about ticket-",
          "17."
        ]
      }))
      const file = yield* TemporaryFile.make("run.jsonl")
      const program = (password: string, directory: string) =>
        Effect.gen(function*() {
          const codex = yield* Codex.Codex
          const thread = yield* codex.threadStart({ developerInstructions: `The password is ${password}.` })
          const turn = yield* thread.turn(`Look into ${directory} for ${key}.`)
          const text = yield* Stream.mkString(turn.text)
          return { text, result: yield* turn.run }
        })
      const config = {
        cwd: home.workspace,
        env: { ...home.env, SOME_SECRET: Redacted.make(secret), OTHER_TOKEN: "another-secret" }
      }
      const replace = [[/ticket-\d+/g, "ticket-0"]] as const
      const recorded = yield* program(secret, home.codexHome).pipe(
        Effect.provide(Recorder.layerCodex(file, config, { replace }))
      )
      // Another machine has another home and another password.
      const elsewhere = { codexHome: "/opt/codex", env: { SOME_SECRET: Redacted.make("hunter2 & co") } }
      const replayed = yield* program("hunter2 & co", "/opt/codex").pipe(
        Effect.provide(Replay.layerCodex(file, elsewhere))
      )
      assert.include(recorded.text, key)
      const expected = "The key is [secret] and [secret] in /workspace/a.txt, ask someone@example.com about ticket-0."
      assert.strictEqual(replayed.text, expected)
      assert.strictEqual(replayed.result.finalResponse, expected)

      const text = readFileSync(file, "utf8")
      for (const hidden of [key, secret, home.workspace, home.codexHome, home.userHome, "jane", "ticket-17"]) {
        assert.notInclude(text, hidden)
      }
      assert.include(text, "Look into /codex-home for [secret].")
      assert.include(text, `"installationId":"[secret]"`)
    }).pipe(Effect.scoped, Effect.provide(live())))

  it.live("belongs to one client: a second recorder of the file is refused, and the first continues", () =>
    Effect.gen(function*() {
      const file = yield* TemporaryFile.make("run.jsonl")
      const recorded = () => {
        const server = Layer.provide(Recorder.layer(file), FakeAppServer.layer())
        return Effect.provide(Codex.layerTransport().pipe(Layer.provide(server)), { local: true })
      }
      yield* Effect.gen(function*() {
        const error = yield* Effect.flip(sayHello.pipe(recorded()))
        assert.strictEqual(error._tag, "RecordingError")
        assert.include(error.message, "give each client a file of its own")
        yield* sayHello
      }).pipe(recorded())
      const before = yield* Recording.read(file)
      // When it has ended, the next one replaces it.
      yield* sayHello.pipe(recorded())
      assert.notStrictEqual((yield* Recording.read(file)).header.startedAt, before.header.startedAt)
      yield* sayHello.pipe(Effect.provide(Replay.layerCodex(file)))
    }).pipe(Effect.scoped))

  it.live("is readable up to the moment at which its program died", () =>
    Effect.gen(function*() {
      const model = yield* ScriptedModel.ScriptedModel
      const home = yield* CodexHome.CodexHome
      const file = yield* TemporaryFile.make("deep/er/run.jsonl")
      yield* model.enqueue(Reply.message({ deltas: ["one ", yield* Gate.make] }))
      yield* TemporaryFile.runAndKill("recordedProgram.ts", [file, home.workspace], home.env)
      const { entries, header } = yield* Recording.read(file)
      assert.match(header.server ?? "", /^effect-codex\/\d+\.\d+/)
      const last = entries.at(-1)
      assert.deepInclude(last?._tag === "Received" ? last.message : {}, { method: "item/agentMessage/delta" })

      // Every moment of it is a file that can be read.
      const text = readFileSync(file, "utf8")
      for (const size of [text.length - 1, text.length - 20, text.indexOf("\n") + 1, text.indexOf("\n") + 10]) {
        assert.strictEqual(Recording.parse(file, text.slice(0, size))._tag, "Success")
      }

      const error = yield* Effect.flip(sayHello.pipe(
        Effect.provide(Replay.layerCodex(file, {}, { patience: "50 millis" }))
      ))
      assert.include(error.message, "the recording ends here, and the program waits for the end of a turn")
    }).pipe(Effect.scoped, Effect.provide(live())))
})
