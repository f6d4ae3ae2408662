/**
 * The benchmark of `@effect-codex/platform`, `npm run bench:platform`: the same operations by Node on this machine, on the machine
 * of an app-server, and in a sandbox there. Each figure is the median of three rounds, unless `--quick` asks for one.
 */
import { CodexChildProcessSpawner, CodexServices } from "@effect-codex/platform"
import { CodexHome, TestCodex } from "@effect-codex/testing"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import * as server from "../../codex/test/sockets/server.ts"
import { median } from "./Measure.ts"

const isQuick = process.argv.includes("--quick")
const rounds = isQuick ? 1 : 3
const files = isQuick ? 1_000 : 10_000

const sh = (script: string, options?: ChildProcess.CommandOptions) => ChildProcess.make("sh", ["-c", script], options)

/** The milliseconds that an effect takes, divided by `parts`. */
const millis = <A, E, R>(effect: Effect.Effect<A, E, R>, parts = 1) =>
  Effect.gen(function*() {
    const before = performance.now()
    yield* effect
    return (performance.now() - before) / parts
  })

/** Measures the figures of one set of services; each has a name and a number. */
const measure = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const spawner = yield* ChildProcessSpawner
  const root = yield* fs.makeTempDirectoryScoped()
  const at = (...names: ReadonlyArray<string>) => path.join(root, ...names)
  const figures: Array<readonly [name: string, value: number]> = []
  const figure = <E, R>(name: string, effect: Effect.Effect<number, E, R>) =>
    Effect.map(effect, (value) => figures.push([name, value]))

  const big = new Uint8Array(100_000_000).fill(7)
  yield* figure("write a file of 100 MB", millis(fs.writeFile(at("big"), big)))
  yield* figure("read it", millis(fs.readFile(at("big"))))
  yield* figure("stream it, 1 MiB at a time", millis(Stream.runDrain(fs.stream(at("big"), { chunkSize: 1024 * 1024 }))))
  yield* fs.remove(at("big"))

  yield* fs.makeDirectory(at("small"))
  const names = Array.from({ length: files }, (_, index) => at("small", `file-${index}`))
  const content = "x".repeat(200)
  const each = <E>(run: (name: string) => Effect.Effect<unknown, E>, concurrency: number) =>
    millis(Effect.forEach(names, run, { concurrency, discard: true }), files)
  yield* figure("write a small file", each((name) => fs.writeFileString(name, content), 1))
  yield* figure("write a small file, 16 at once", each((name) => fs.writeFileString(name, content), 16))
  yield* figure("read a small file", each((name) => fs.readFileString(name), 1))
  yield* figure("read a small file, 16 at once", each((name) => fs.readFileString(name), 16))
  yield* figure("stat a small file", each((name) => fs.stat(name), 1))
  yield* figure(`list ${files.toLocaleString("en")} files`, millis(fs.readDirectory(at("small"))))

  // The last of 1,000 files that are created as fast as they can be.
  yield* fs.makeDirectory(at("watched"))
  const ready = yield* Deferred.make<void>()
  const last = yield* Deferred.make<number>()
  const seen = new Set<string>()
  const watch = yield* fs.watch(at("watched"), { onReady: () => Deferred.doneUnsafe(ready, Effect.void) }).pipe(
    Stream.runForEach((event) =>
      Effect.suspend(() => {
        seen.add(event.path)
        return seen.size === 1_000 ? Deferred.succeed(last, performance.now()) : Effect.void
      })
    ),
    Effect.forkScoped
  )
  yield* Deferred.await(ready)
  yield* spawner.exitCode(sh(`cd ${at("watched")} && i=0; while [ $i -lt 1000 ]; do : >f$i; i=$((i + 1)); done`))
  const created = performance.now()
  yield* figure("see the last of 1,000 new files", Effect.map(Deferred.await(last), (at) => Math.max(0, at - created)))
  void watch

  yield* figure("run true", millis(Effect.replicateEffect(spawner.exitCode(ChildProcess.make("true")), 20), 20))
  yield* figure("20 MB of output", millis(spawner.string(sh("head -c 20000000 /dev/zero | tr '\\0' x"))))
  yield* figure(
    "kill a process with two children",
    Effect.scoped(Effect.gen(function*() {
      const handle = yield* sh("sleep 60 & sleep 60 & echo up; wait", { stdin: "ignore" })
      yield* Stream.runHead(handle.stdout)
      return yield* millis(handle.kill())
    }))
  )
  return figures
}).pipe(Effect.scoped)

/** A terminal, from its start to the line that it prints after a change of its size. Node has none. */
const terminal = millis(Effect.gen(function*() {
  const handle = yield* sh("stty size; read line; stty size", { stdin: { stream: "pipe", endOnDone: false } })
  yield* handle.stdout.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runForEach((line) =>
      line === "24 80"
        ? Effect.andThen(
          CodexChildProcessSpawner.resize(handle, { rows: 40, cols: 99 }),
          Stream.run(Stream.make(new TextEncoder().encode("\n")), handle.stdin)
        )
        : Effect.void
    )
  )
})).pipe(Effect.provideService(CodexChildProcessSpawner.Pty, { rows: 24, cols: 80 }), Effect.scoped)

const withTerminal = Effect.gen(function*() {
  return [...yield* measure, ["a terminal that is resized", yield* terminal] as const]
})

type Figures = ReadonlyArray<readonly [name: string, value: number]>

/** A connection of this kind: to a process, or to a server that listens on a socket. */
const connections = {
  stdio: TestCodex.layer(),
  ws: overSocket("ws"),
  unix: overSocket("unix")
}

function overSocket(kind: "ws" | "unix") {
  return Layer.unwrap(
    server.ListeningServer.useSync(({ address }) =>
      kind === "ws" ? Codex.layerWebSocket({ url: address }) : Codex.layerUnixSocket({ path: address })
    )
  ).pipe(Layer.provideMerge(server.layer(kind)))
}

/** The figures over a connection, without a sandbox or in one. */
const over = (kind: keyof typeof connections, isSandboxed = false): Effect.Effect<Figures, unknown> =>
  Effect.provide(
    withTerminal,
    Layer.unwrap(CodexHome.CodexHome.useSync(({ workspace }) =>
      CodexServices.layer({
        sandbox: isSandboxed
          ? {
            type: "workspaceWrite",
            writableRoots: [workspace],
            networkAccess: false,
            excludeSlashTmp: false,
            excludeTmpdirEnvVar: false
          }
          : "none"
      })
    )).pipe(Layer.provide(connections[kind]))
  )

const columns: ReadonlyArray<readonly [name: string, run: Effect.Effect<Figures, unknown>]> = [
  ["Node", Effect.provide(measure, NodeServices.layer)],
  ["stdio", over("stdio")],
  ["WebSocket", over("ws")],
  ["Unix socket", over("unix")],
  ["stdio, sandboxed", over("stdio", true)],
  ["WebSocket, sandboxed", over("ws", true)]
]

const shown = (value: number | undefined): string =>
  value === undefined ? "" : value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(2)

Effect.gen(function*() {
  const results = new Map<string, Map<string, Array<number>>>()
  for (let round = 0; round < rounds; round++) {
    for (const [column, run] of columns) {
      for (const [name, value] of yield* run) {
        const row = results.get(name) ?? new Map<string, Array<number>>()
        results.set(name, row)
        row.set(column, [...row.get(column) ?? [], value])
      }
    }
  }
  yield* Console.log(`| milliseconds | ${columns.map(([name]) => name).join(" | ")} |`)
  yield* Console.log(`| --- | ${columns.map(() => "---").join(" | ")} |`)
  for (const [name, row] of results) {
    const cells = columns.map(([column]) => row.get(column)).map((values) => shown(values && median(values)))
    yield* Console.log(`| ${name} | ${cells.join(" | ")} |`)
  }
}).pipe(NodeRuntime.runMain)
