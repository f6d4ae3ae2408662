/** The shared server: on the real binary, with real processes. */
import { CodexHome, Gate, Reply, ScriptedModel } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { ProcessOptions } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { dirname, join, relative } from "node:path"
import { deltas, processesOf } from "../real/utils.ts"
import { client, commandOf, gone, home, kill, program, server, servers, stop, until } from "./utils.ts"

/** The text of every file of the shared server in a home. */
const filesOf = (codexHome: string): string => {
  const directory = join(codexHome, "effect-codex")
  return readdirSync(directory).filter((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.isFile())
    .map(
      (name) => name + readFileSync(join(directory, name), "utf8")
    ).join("\n")
}

/** The model stops in the middle of its answer to a program that says "slowly". */
const gate = Effect.runSync(Gate.make)

const script: ScriptedModel.Script = {
  respond: ({ lastUserText: text = "" }) =>
    text === "slowly" ? Reply.message({ deltas: ["before ", gate, "after"] }) : Reply.text(text)
}

/** A program in place of the binary. */
const binary = (lines: ReadonlyArray<string>) =>
  CodexHome.CodexHome.useSync(({ workspace }) => {
    const path = join(workspace, `script-${lines.join().length}`)
    writeFileSync(path, ["#!/bin/sh", ...lines].join("\n"), { mode: 0o700 })
    return path
  })

const token = (value: string) => ({ env: { EXAMPLE_TOKEN: Redacted.make(value) } })

/** The message with which a directory of sockets is refused. */
const refused = (socketDirectory: string) =>
  Effect.map(Effect.flip(Effect.scoped(client({ socketDirectory }))), (error) => {
    assert(error._tag === "CodexConnectError" && error.reason._tag === "BadDirectory")
    return error.message
  })

layer(home(script), { excludeTestServices: true })("the shared server", (it) => {
  it.effect("is shared by programs, and survives them; another one continues their turns", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      const first = yield* program("start", "slowly", "my-message")
      const threadId = yield* first.line
      const turnId = yield* first.line
      yield* gate.arrived
      const pid = yield* server(codexHome)
      const codex = yield* client()
      yield* first.kill
      assert.strictEqual(yield* server(codexHome), pid)
      const thread = yield* codex.threadResume(threadId)
      assert.isUndefined(yield* thread.findTurn("another message"))
      const turn = yield* thread.findTurn("my-message")
      assert.strictEqual(turn?.id, turnId)
      const events = yield* Effect.forkChild(Stream.runCollect(turn!.stream), { startImmediately: true })
      // Later turns wait for it.
      assert.strictEqual((yield* Effect.flip(thread.run("busy", { whenBusy: "fail" })))._tag, "ThreadBusyError")
      const later = yield* Effect.forkChild(thread.run("later"), { startImmediately: true })
      yield* gate.open
      assert.strictEqual((yield* turn!.run).finalResponse, "before after")
      const seen = yield* Fiber.join(events)
      assert.strictEqual(deltas(seen).join(""), "before after")
      assert.deepStrictEqual([seen[0]?.method, seen.at(-1)?.method], ["turn/started", "turn/completed"])
      assert.strictEqual((yield* Fiber.join(later)).finalResponse, "later")
      // An ended turn is found, too.
      const ended = yield* thread.findTurn("my-message")
      assert.strictEqual((yield* ended!.run).finalResponse, "before after")

      assert.deepStrictEqual(yield* stop(), { _tag: "Stopped", pid })
      assert.deepStrictEqual(yield* servers(codexHome), [])
      assert.deepStrictEqual(yield* stop(), { _tag: "NotRunning" })
    }).pipe(Effect.scoped))

  it.effect("is one for ten clients that come at the same moment; a thread begins in the directory of its program", () =>
    Effect.gen(function*() {
      const { codexHome, workspace } = yield* CodexHome.CodexHome
      const clients = yield* Effect.forEach(Array(10), () => client(), { concurrency: "unbounded" })
      yield* server(codexHome)
      assert.strictEqual((yield* clients[0]!.threadStart()).cwd, workspace)
      assert.include(
        (yield* Effect.flip(clients[0]!.threadStart({ cwd: "relative" }))).message,
        "pass an absolute path"
      )
    }).pipe(Effect.scoped))

  it.effect("that is stopped ends its running turn first; whoever comes meanwhile gets the next server", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      const model = yield* ScriptedModel.ScriptedModel
      // It must hear of the end of its turn from this server.
      const codex = yield* client({ reconnect: false })
      const pid = yield* server(codexHome)
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: ["to ", gate, "the end"] }))
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("go")
      yield* gate.arrived
      // Two at once: two signals would cut the turn.
      const stopping = yield* Effect.forkChild(Effect.all([stop(), stop()], { concurrency: 2 }))
      const announced = join(codexHome, "effect-codex")
      yield* until(
        Effect.sync(() =>
          readdirSync(announced).some((name) =>
            name.endsWith(".json") && readFileSync(join(announced, name), "utf8").includes("stopper")
          )
        )
      )
      const busy = yield* Effect.flip(Effect.scoped(client({ handshakeTimeout: "1 second" })))
      assert.include(busy.message, `(process ${pid}) is being stopped`)
      // There was no signal yet: after it, the server starts no threads.
      yield* codex.threadStart()
      const next = yield* Effect.forkChild(client(), { startImmediately: true })
      yield* gate.open
      assert.strictEqual((yield* turn.run).finalResponse, "to the end")
      assert.deepStrictEqual(yield* Fiber.join(stopping), [{ _tag: "Stopped", pid }, { _tag: "Stopped", pid }])
      yield* Fiber.join(next)
      assert.notStrictEqual(yield* server(codexHome), pid)
    }).pipe(Effect.scoped))

  it.effect("drains if its turns take longer than the stop, however often it is stopped", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      const model = yield* ScriptedModel.ScriptedModel
      const codex = yield* client()
      const pid = yield* server(codexHome)
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: ["to ", gate, "the end"] }))
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("go")
      yield* gate.arrived
      for (const _ of ["once", "twice"]) {
        assert.deepStrictEqual(yield* stop({ timeout: "50 millis" }), { _tag: "Draining", pid })
      }
      const next = yield* Effect.forkChild(client(), { startImmediately: true })
      yield* gate.open
      yield* Fiber.join(next)
      assert.strictEqual((yield* turn.run).finalResponse, "to the end")
      assert.notStrictEqual(yield* server(codexHome), pid)
    }).pipe(Effect.scoped))

  it.effect("that is killed is started again by the client that has lost it", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      const model = yield* ScriptedModel.ScriptedModel
      const codex = yield* client()
      const pid = yield* server(codexHome)
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: ["never ", gate, "ends"] }))
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("go")
      yield* gate.arrived
      kill(pid)
      assert.strictEqual((yield* turn.run).status, "interrupted")
      assert.strictEqual((yield* thread.run("again")).finalResponse, "again")
      assert.notStrictEqual(yield* server(codexHome), pid)
    }).pipe(Effect.scoped))

  it.effect("that was stopped is not started again by those who had it", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      const codex = yield* client()
      const states = yield* codex.connection.pipe(
        Stream.takeUntil((state) => state._tag === "Reconnecting" && state.attempt === 2),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* stop()
      const last = (yield* Fiber.join(states)).at(-1)
      assert(last?._tag === "Reconnecting")
      assert.include(last.error.message, "was stopped with stopShared")
      assert.deepStrictEqual(yield* servers(codexHome), [])
      // They join the next one.
      yield* client()
      yield* codex.threadStart()
    }).pipe(Effect.scoped))

  it.effect("replaces the socket and the lock of processes that were killed", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      yield* Effect.scoped(client())
      const pid = yield* server(codexHome)
      kill(pid)
      yield* gone(pid)
      const directory = join(codexHome, "effect-codex")
      const lock = readdirSync(directory).find((name) => name.includes(".lock."))!
      writeFileSync(join(directory, lock), JSON.stringify({ pid: process.pid, start: "at another time" }))
      yield* client()
      assert.notStrictEqual(yield* server(codexHome), pid)
    }).pipe(Effect.scoped))

  it.effect("that has lost its socket is replaced", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      yield* Effect.scoped(client())
      const pid = yield* server(codexHome)
      const directory = join(codexHome, "effect-codex")
      rmSync(join(directory, readdirSync(directory).find((name) => name.endsWith(".sock"))!))
      yield* client({ handshakeTimeout: "1 second" })
      yield* gone(pid)
      assert.notStrictEqual(yield* server(codexHome), pid)
    }).pipe(Effect.scoped))

  it.effect("has a short socket, however long the path of its home is", () =>
    Effect.gen(function*() {
      const { codexHome, workspace } = yield* CodexHome.CodexHome
      const long = join(workspace, "long".repeat(30))
      cpSync(join(codexHome, "config.toml"), join(long, "config.toml"), { recursive: true })
      const codex = yield* client({ codexHome: long })
      const pid = yield* server(long)
      const [, socket = ""] = /unix:\/\/(\S+)/.exec(commandOf(pid)) ?? []
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          kill(pid)
          rmSync(dirname(socket), { recursive: true })
        })
      )
      assert.strictEqual(codex.metadata.codexHome, long)
      assert.strictEqual((yield* stop({ codexHome: long }))._tag, "Stopped")
    }).pipe(Effect.scoped))

  it.effect("is another one for other options, and keeps their secrets out of its files", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      yield* Effect.forEach(yield* servers(codexHome), (pid) => Effect.andThen(Effect.sync(() => kill(pid)), gone(pid)))
      const secret = "a-secret-of-mine"
      yield* client(token(secret))
      yield* client(token(secret))
      yield* server(codexHome)
      yield* client(token("another-secret"))
      yield* client({ config: { model: "another" } })
      assert.lengthOf(yield* servers(codexHome), 3)
      assert.notInclude(filesOf(codexHome), secret)
      // Only the given options stop their server.
      assert.strictEqual((yield* stop(token(secret)))._tag, "Stopped")
      assert.lengthOf(yield* servers(codexHome), 2)
    }).pipe(Effect.scoped))

  it.effect("is refused a directory that is not private, or whose path is too long", () =>
    Effect.gen(function*() {
      const { codexHome, workspace } = yield* CodexHome.CodexHome
      const missing = yield* Effect.flip(Effect.scoped(client({ cwd: "missing" })))
      assert.include(missing.message, "`cwd` does not exist")
      const open = join(workspace, "open")
      mkdirSync(open)
      chmodSync(open, 0o750)
      assert.include(yield* refused(open), "chmod 700")
      symlinkSync(codexHome, join(workspace, "link"))
      assert.include(yield* refused(join(workspace, "link")), "it is not a directory")
      let foreign = "/"
      if (process.getuid?.() === 0) {
        foreign = join(workspace, "foreign")
        mkdirSync(foreign, { mode: 0o700 })
        chownSync(foreign, 12345, 12345)
      }
      assert.include(yield* refused(foreign), "belongs to another user")
      const long = yield* refused(join(workspace, "x".repeat(100)))
      assert.include(long, "set `socketDirectory` to a shorter path")
    }))

  it.effect("that does not start is reported with its last lines, without secrets", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      const secret = "a-secret-of-mine"
      const codexPath = yield* binary([
        "[ $1 = --version ] && exec echo 1.2.3",
        "echo no room for $EXAMPLE_TOKEN >&2",
        "exit 3"
      ])
      const options = { codexPath, env: { EXAMPLE_TOKEN: Redacted.make(secret) } }
      const error = yield* Effect.flip(Effect.scoped(client(options)))
      assert(error._tag === "CodexConnectError" && error.reason._tag === "Exited")
      assert.deepInclude(error.reason, { exitCode: 3, stderr: "no room for <redacted>" })
      assert.notInclude(filesOf(codexHome), secret)
      assert.deepStrictEqual(yield* stop(options), { _tag: "NotRunning" })
    }))

  it.effect("that never listens is reported in time, and ended", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      const codexPath = yield* binary(["[ $1 = --version ] && exec echo 1.2.4", "echo hanging >&2", "exec sleep 60"])
      const error = yield* Effect.flip(Effect.scoped(client({ codexPath, handshakeTimeout: "1 second" })))
      assert(error._tag === "CodexConnectError" && error.reason._tag === "HandshakeTimeout")
      assert.strictEqual(error.reason.stderr, "hanging")
      yield* until(
        Effect.map(processesOf(codexHome), (pids) => !pids.some((pid) => commandOf(pid).startsWith("sleep")))
      )
    }))

  it.effect("of another version is another server, and has to be of that version", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      const { program } = yield* ProcessOptions.command()
      yield* Effect.scoped(client())
      const before = yield* servers(codexHome)
      const codexPath = yield* binary(["[ $1 = --version ] && exec echo codex-cli 1.2.5", `exec ${program} "$@"`])
      const error = yield* Effect.flip(Effect.scoped(client({ codexPath })))
      assert(error._tag === "CodexConnectError" && error.reason._tag === "HandshakeRefused")
      assert.include(error.message, "instead of 1.2.5")
      assert.lengthOf(yield* servers(codexHome), before.length + 1)
      assert.strictEqual((yield* stop({ codexPath }))._tag, "Stopped")
      assert.include(
        (yield* Effect.flip(Effect.scoped(client({ codexPath: yield* binary(["exit 1"]) })))).message,
        "--version"
      )
    }))

  it.effect("of a relative codexHome is that of the absolute one", () =>
    Effect.gen(function*() {
      const { codexHome } = yield* CodexHome.CodexHome
      yield* Effect.scoped(client())
      const before = yield* servers(codexHome)
      yield* client({ codexHome: relative(process.cwd(), codexHome) })
      assert.deepStrictEqual(yield* servers(codexHome), before)
    }).pipe(Effect.scoped))
})
