/** Common parts of the tests. */
import type { HostedError } from "@effect-codex/cluster/HostedThreadError"
import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import type * as ThreadHost from "@effect-codex/cluster/ThreadHost"
import { Gate, type ModelRequest, Reply, ScriptedModel } from "@effect-codex/testing"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readdirSync, readFileSync } from "node:fs"

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
