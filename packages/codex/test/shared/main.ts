/**
 * `npm run test:shared`: ten programs start at the same moment and share one server; half of them are killed, then the server, then
 * all of them with the server in its start, and ten others start on what they have left.
 */
import { CodexHome, TestCodex } from "@effect-codex/testing"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { client, gone, home, kill, program, server, servers, stop, until } from "./utils.ts"

const count = Number(process.argv[2] ?? 10)
const rounds = Number(process.argv[3] ?? 3)

const start = Effect.forEach(
  Array.from({ length: count }, (_, index) => `program ${index}`),
  (text) => program("run", text)
)

const round = Effect.gen(function*() {
  const { codexHome } = yield* CodexHome.CodexHome
  const programs = yield* start
  yield* Effect.forEach(programs, ({ line }) => line)
  for (const [index, { line }] of programs.entries()) assert.equal(yield* line, `program ${index}`)
  const pid = yield* server(codexHome)
  yield* Console.log(`${count} programs share process ${pid}`)

  const others = programs.filter((_, index) => index % 2 === 0)
  for (const program of programs) if (!others.includes(program)) yield* program.kill
  for (const { say } of others) yield* say("undisturbed")
  for (const { line } of others) assert.equal(yield* line, "undisturbed")
  assert.equal(yield* server(codexHome), pid)
  yield* Console.log(`${count - others.length} programs were killed, and the others are undisturbed`)

  kill(pid)
  yield* gone(pid)
  for (const { say } of others) yield* say("once more")
  for (const { line } of others) assert.equal(yield* line, "once more")
  const next = yield* server(codexHome)
  assert.notEqual(next, pid)
  yield* Console.log(`the server was killed; the others share process ${next}`)

  // While a program holds the lock.
  kill(next)
  yield* gone(next)
  yield* until(Effect.map(servers(codexHome), (pids) => pids.length > 0))
  for (const program of others) yield* program.kill
  for (const pid of yield* servers(codexHome)) {
    kill(pid)
    yield* gone(pid)
  }
}).pipe(Effect.scoped)

/** The lock of a process that has ended, whose number another one has. */
const staleLock = Effect.gen(function*() {
  const directory = join((yield* CodexHome.CodexHome).codexHome, "effect-codex")
  for (const name of readdirSync(directory).filter((name) => /\.lock\.\d+$/.test(name))) {
    rmSync(join(directory, name))
    writeFileSync(join(directory, name), JSON.stringify({ pid: process.pid, start: "at another time" }))
  }
})

Effect.gen(function*() {
  for (let index = 1; index <= rounds; index++) {
    yield* round
    yield* staleLock
    yield* Console.log(`round ${index}: all were killed, and leave a stale socket and a stale lock`)
  }
  yield* Effect.scoped(client())
  assert.equal((yield* stop())._tag, "Stopped")
}).pipe(Effect.provide(home(TestCodex.echo)), NodeRuntime.runMain)
