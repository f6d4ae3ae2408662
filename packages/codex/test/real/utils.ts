/** Helpers of the tests on the real binary. */
import { CodexHome, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Codex, type Notification, Router, type TurnResult } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { readdirSync, readFileSync } from "node:fs"

/** All that `TestCodex.layer` gives. */
export const setup = Effect.gen(function*() {
  return {
    codex: yield* Codex.Codex,
    model: yield* ScriptedModel.ScriptedModel,
    home: yield* CodexHome.CodexHome,
    router: yield* Router.Router
  }
})

/** Codex on a model that says nothing by itself. */
export const scriptedLayer = TestCodex.layer()

/** Codex on a model that waits for ever when it is told to wait, and else repeats what it is told. */
export const patientLayer = TestCodex.layer({
  script: { respond: ({ lastUserText }) => lastUserText === "wait" ? Reply.hang : Reply.text(lastUserText ?? "") }
})

/** Runs a test on a server of its own: see {@link scriptedLayer}. */
export const scripted = Effect.provide(scriptedLayer)

/** Runs a test on a server of its own, whose model repeats what it is told. */
export const echoing = Effect.provide(TestCodex.layer({ script: TestCodex.echo }))

/** Runs a test on a server of its own: see {@link patientLayer}. */
export const patient = Effect.provide(patientLayer)

/** A group of tests that run one after the other on one server. Each of them is {@link fresh}, or provides a server of its own. */
export const shared = <R, E>(codex: Layer.Layer<R, E>) => layer(codex, { excludeTestServices: true })

/** Runs a test on the server of its group, as if nothing had been asked of its model. */
export const fresh = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  ScriptedModel.ScriptedModel.use(({ clear, pending }) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* pending, 0, "the test before has left replies")
      yield* clear
      return yield* test
    })
  )

/** Runs with a process of its own in the home that there is; ends when the process has. */
export const withCodex = <A, E, R>(
  use: (codex: Codex.Codex["Service"]) => Effect.Effect<A, E, R>,
  config?: Codex.LayerOptions
) =>
  CodexHome.CodexHome.use((home) =>
    Codex.Codex.use(use).pipe(
      Effect.provide(Codex.layer({ cwd: home.workspace, handshakeTimeout: "30 seconds", ...config, env: home.env }))
    )
  )

/** Nothing is left of any turn, request or subscriber. */
export const idle = { pending: 0, turns: 0, followers: 0, subscribers: 0, subagents: 0, roots: 0 } satisfies Partial<
  Router.Stats
>

/** The pieces of the agent's messages among events. */
export const deltas = (events: ReadonlyArray<Notification.Notification>): ReadonlyArray<string> =>
  events.flatMap((event) => event.method === "item/agentMessage/delta" ? [event.params.delta] : [])

/** The texts of the agent's messages in a result, or among the turns of a thread. */
export const agentTexts = ({ items }: Pick<TurnResult.TurnResult, "items">): ReadonlyArray<string> =>
  items.flatMap((item) => item.type === "agentMessage" ? [item.text] : [])

/** The processes that have this CODEX_HOME in their environment: the app-server, and whatever it has left behind. */
export const processesOf = (codexHome: string): Effect.Effect<ReadonlyArray<number>> =>
  Effect.sync(() =>
    readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)).map(Number).filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`CODEX_HOME=${codexHome}`)
      } catch {
        // It has ended meanwhile, or is not ours.
        return false
      }
    })
  )

/** A child of this process; what the server forks is not. */
const isServer = (pid: number): boolean => {
  try {
    const [, parent] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ")
    return Number(parent) === process.pid
  } catch {
    // It has ended meanwhile.
    return false
  }
}

/** The app-servers with this CODEX_HOME. */
export const serversOf = (codexHome: string): Effect.Effect<ReadonlyArray<number>> =>
  Effect.map(processesOf(codexHome), (pids) => pids.filter(isServer))

/** The app-server's own process: the one that runs the codex binary. */
export const serverOf = (codexHome: string): Effect.Effect<number> =>
  Effect.map(serversOf(codexHome), (servers) => {
    if (servers.length !== 1) throw new Error(`expected one app-server, found ${servers.length}`)
    return servers[0]!
  })

/** Kills the server, which is started again, and waits until its loss is known. */
export const restartServer = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const { codexHome } = yield* CodexHome.CodexHome
  const pid = yield* serverOf(codexHome)
  const lost = yield* codex.connection.pipe(
    Stream.filter(({ _tag }) => _tag === "Lost"),
    Stream.runHead,
    Effect.forkChild({ startImmediately: true })
  )
  yield* Effect.sync(() => process.kill(pid, "SIGKILL"))
  yield* Fiber.join(lost)
})
