/** Common parts of the tests. */
import type { HostedError } from "@effect-codex/cluster/HostedThreadError"
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import type * as ThreadHost from "@effect-codex/cluster/ThreadHost"
import type * as ThreadIndex from "@effect-codex/cluster/ThreadIndex"
import { Gate, type ModelRequest, Reply, ScriptedModel } from "@effect-codex/testing"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { readdirSync, readFileSync } from "node:fs"
import { ThreadEntity } from "../src/internal/model/entity.ts"

/** The services of a test. */
export const setup = Effect.gen(function*() {
  return { model: yield* ScriptedModel.ScriptedModel, threads: yield* HostedThreads.HostedThreads }
})

/** Returns the requests of the model whose last text of the user is this one. */
export const askedFor = (text: string) =>
  ScriptedModel.ScriptedModel.use((model) =>
    Effect.map(model.requests, (requests) => requests.filter((request) => request.lastUserText === text))
  )

/** Returns how often a text stands in the messages of the user of a request. */
export const count = (request: ModelRequest.ModelRequest | undefined, text: string): number =>
  JSON.stringify(request?.body.input ?? []).split(JSON.stringify(text)).length - 1

/** Returns the reason for which a thread is unavailable, or the tag of any other error. */
export const reasonOf = (error: HostedError): string =>
  error._tag === "ThreadUnavailableError" ? error.reason : error._tag

/** Checks that the cursors of events ascend. */
export const assertInOrder = (events: ReadonlyArray<HostedThreads.HostedEvent>): void => {
  const cursors = events.map(({ cursor }) => cursor.epoch * 1e6 + cursor.seq)
  assert.deepStrictEqual(cursors, [...new Set(cursors)].sort((one, other) => one - other))
}

/** Options of a host whose approvals are those of its clients. */
export const asking: ThreadHost.HostOptions = {
  serverRequests: "clients",
  thread: () => ({ approvalPolicy: "on-request", sandbox: "readOnly" })
}

/**
 * Sends every request to a new thread of a host with the options {@link asking}, and checks the answers: run, events, steer, interrupt,
 * answer, read and where.
 */
export const everyRequest = (thread: HostedThreads.HostedThread) =>
  Effect.gen(function*() {
    const model = yield* ScriptedModel.ScriptedModel
    const gate = yield* Gate.make
    const steered = yield* Gate.make
    const text = `hello ${thread.name}`

    const events = yield* Stream.runCollect(thread.stream(text))
    assert.strictEqual(events.at(-1)?.method, "$turnEnded")
    assert.strictEqual(
      events.map((event) => event.method === "item/agentMessage/delta" ? event.params.delta : "").join(""),
      text
    )

    yield* model.enqueue(
      Reply.message({ deltas: ["one ", gate, "two"] }),
      Reply.message({ deltas: ["one ", steered, "two"] })
    )
    const turn = yield* thread.turn("to be interrupted")
    yield* gate.arrived
    yield* turn.steer("more")
    yield* steered.arrived
    yield* thread.interrupt()
    assert.strictEqual((yield* turn.run).status, "interrupted")
    for (const refused of [thread.steer("more"), thread.interrupt()]) {
      const error = yield* Effect.flip(refused)
      assert.strictEqual(reasonOf(error), "NotRunning")
    }

    yield* model.enqueue(
      Reply.functionCall({
        name: "exec_command",
        arguments: { cmd: "echo approved", sandbox_permissions: "require_escalated", justification: "I have to" }
      }),
      Reply.text("done")
    )
    const approved = yield* thread.turn("to be approved", { turnKey: "approved" })
    const [asked] = yield* approved.stream.pipe(
      Stream.filter((event) => event.method === "$asked"),
      Stream.take(1),
      Stream.runCollect
    )
    assert.strictEqual(asked?.request.method, "item/commandExecution/requestApproval")
    assert.deepInclude(yield* thread.where, { state: "running", turnKey: "approved" })
    const requestId = asked?.requestId ?? ""
    assert.isTrue(yield* thread.answer(requestId, { decision: "accept" }))
    const { finalResponse, items } = yield* approved.run
    assert.strictEqual(finalResponse, "done")
    const command = items.find((item) => item.type === "commandExecution")
    assert.deepInclude(command, { status: "completed", aggregatedOutput: "approved\n" })
    assert.isFalse(yield* thread.answer(requestId, { decision: "accept" }))

    const { turns } = yield* thread.read({ includeTurns: true })
    assert.deepStrictEqual(turns?.map(({ status }) => status), ["completed", "interrupted", "completed"])
    assert.deepInclude(yield* thread.where, { state: "idle", epoch: 1 })
    assert.strictEqual((yield* Effect.flip(thread.run([])))._tag, "InvalidInputError")
  })

/** Checks that a request is refused because of its name or its key. */
const refuses = (field: "thread" | "turnKey") => <A, E, R>(request: Effect.Effect<A, E, R>) =>
  Effect.map(
    Effect.flip(request),
    (error) =>
      assert.strictEqual(
        Predicate.hasProperty(error, "message") ? error.message : error,
        `${field}: it must have 1 to 255 characters, no character of code 0, and no half of a surrogate pair.`
      )
  )

/** Sends every request to threads and with keys that no database can hold: none of them may be tried for ever. */
export const refusesNames = (threads: HostedThreads.HostedThreads["Service"], names: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const thread = refuses("thread")
    const turnKey = refuses("turnKey")
    for (const name of names) {
      const bad = threads.thread(name)
      yield* thread(bad.run("named"))
      yield* thread(bad.turn("named"))
      yield* thread(Stream.runDrain(bad.stream("named")))
      yield* thread(bad.steer("named"))
      yield* thread(bad.interrupt({ turnKey: "k" }))
      yield* thread(bad.read())
      yield* thread(Stream.runDrain(bad.notifications()))
      yield* thread(bad.answer("1.1", {}))
      yield* thread(bad.where)
      const good = threads.thread("keyed")
      yield* turnKey(good.run("named", { turnKey: name }))
      yield* turnKey(good.steer("named", { turnKey: name }))
      yield* turnKey(good.interrupt({ turnKey: name }))
    }
    assert.strictEqual((yield* askedFor("named")).length, 0)
  })

/** Does the same with a client that checks nothing. The cluster cannot store runs and interrupts of all these names. */
export const hostRefusesNames = (names: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const thread = refuses("thread")
    const turnKey = refuses("turnKey")
    const client = yield* ThreadEntity.client
    const good = client("keyed")
    for (const name of names) {
      const bad = client(name)
      yield* thread(bad.Steer({ thread: name, turnKey: null, input: "named" }))
      yield* thread(bad.Read({ thread: name, includeTurns: false }))
      yield* thread(Stream.runDrain(bad.Events({ thread: name, from: null, turnKey: null })))
      yield* thread(bad.Answer({ thread: name, requestId: "1.1", answer: {} }))
      yield* thread(bad.Where({ thread: name }))
      yield* turnKey(good.Steer({ thread: "keyed", turnKey: name, input: "named" }))
      yield* turnKey(Stream.runDrain(good.Events({ thread: "keyed", from: null, turnKey: name })))
    }
    const run = { thread: "", turnKey: "k", input: "named", options: {}, onCutOff: "fail" } as const
    yield* thread(client("").Run(run))
    yield* thread(client("").Interrupt({ thread: "", turnKey: "k" }))
    assert.strictEqual((yield* askedFor("named")).length, 0)
  })

/** Forgets a thread: its epochs go on, and an owner of before cannot change what follows. */
export const forgets = (index: ThreadIndex.ThreadIndex["Service"], name: string) =>
  Effect.gen(function*() {
    const { epoch } = yield* index.open(name, "one")
    assert.isTrue(yield* index.record(name, epoch, { threadId: "t", progress: "begun" }))
    yield* index.want(name, "k")
    yield* index.retire([{ name, turnKey: "k" }])
    yield* index.forget(name)
    assert.deepStrictEqual(yield* index.get(name), { name, threadId: null, epoch, owner: null, progress: "new" })
    assert.deepStrictEqual(yield* index.wanted(name), [])
    assert.isFalse(yield* index.isRetired(name, "k"))
    assert.deepInclude(yield* index.open(name, "two"), { threadId: null, epoch: epoch + 1, progress: "new" })
    assert.isFalse(yield* index.record(name, epoch, { threadId: "u" }))
    yield* index.release(name, epoch)
    assert.deepInclude(yield* index.get(name), { threadId: null, owner: "two" })
    yield* index.forget("never opened")
    assert.isUndefined(yield* index.get("never opened"))
  })

/** Returns the processes of the app-servers that have a variable in their environment. */
export const serversWith = (variable: string): ReadonlyArray<number> =>
  readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).map(Number).filter(
    (pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(variable)
          && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("app-server")
      } catch {
        // It has ended, or belongs to somebody else.
        return false
      }
    }
  )

/** Kills processes, as the kernel does. */
export const kill = (pids: ReadonlyArray<number>): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // It has ended.
    }
  }
}

/** Kills the app-servers with this CODEX_HOME. */
export const killServers = (codexHome: string): void => kill(serversWith(`CODEX_HOME=${codexHome}`))
