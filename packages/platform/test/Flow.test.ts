/** Flow control, and terminals. */
import { CodexChildProcessSpawner, CodexServices } from "@effect-codex/platform"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import * as layers from "./layers.ts"

const sh = (script: string, options?: ChildProcess.CommandOptions) => ChildProcess.make("sh", ["-c", script], options)

const services = (options: CodexServices.Options) =>
  Effect.provide(CodexServices.layer(options).pipe(Layer.provideMerge(layers.stdio)))

/** The state of a process: `T` if it is stopped. */
const stateOf = (pid: number) =>
  Effect.flatMap(ChildProcessSpawner, ({ string }) => string(sh(`ps -o stat= -p ${pid}`)))

const untilStopped = (pid: number, wanted: boolean) =>
  Effect.gen(function*() {
    while ((yield* stateOf(pid)).startsWith("T") !== wanted) yield* Effect.sleep(20)
  })

const type = (text: string) => Stream.make(new TextEncoder().encode(text))

describe("unread output", () => {
  it.live("stops a command, which goes on when it is read, and loses nothing", () =>
    Effect.gen(function*() {
      const { string } = yield* ChildProcessSpawner
      const script =
        "i=0; while [ $i -lt 40000 ]; do echo \"line $i of a program that prints a lot\"; i=$((i + 1)); done"
      const [expected] = (yield* string(sh(`${script.replace("echo", "printf '%s\\n'")} | sha256sum`))).split(" ")
      const handle = yield* sh(
        `exec perl -e '$| = 1; print "line $_ of a program that prints a lot\\n" for 0 .. 39999'`
      )
      yield* untilStopped(handle.pid, true)
      const hash = createHash("sha256")
      yield* Stream.runForEach(handle.stdout, (chunk) => Effect.sync(() => hash.update(chunk)))
      assert.strictEqual(Number(yield* handle.exitCode), 0)
      assert.strictEqual(hash.digest("hex"), expected)
    }).pipe(Effect.scoped, services({ sandbox: "none", highWater: 64 * 1024 })))

  it.live("of a command that never ends does not keep it from being ended", () =>
    Effect.gen(function*() {
      const handle = yield* ChildProcess.make("yes")
      yield* untilStopped(handle.pid, true)
      yield* handle.kill()
      assert.isFalse(yield* handle.isRunning)
      yield* Effect.scoped(Effect.flatMap(ChildProcess.make("yes"), ({ pid }) => untilStopped(pid, true)))
    }).pipe(Effect.scoped, services({ sandbox: "none", highWater: 64 * 1024 })))

  it.live("in a sandbox stops a command without a standard input", () =>
    Effect.gen(function*() {
      const handle = yield* sh("head -c 20000000 /dev/zero", { stdin: "ignore" })
      let total = 0
      yield* Stream.runForEachArray(handle.stdout, (chunks) =>
        Effect.suspend(() => {
          for (const chunk of chunks) total += chunk.length
          return Effect.sleep(1)
        }))
      assert.strictEqual(total, 20_000_000)
      assert.strictEqual(Number(yield* handle.exitCode), 0)
    }).pipe(Effect.scoped, services({ sandbox: layers.readOnly, highWater: 256 * 1024 })))

  it.live("in a sandbox ends a command that cannot be stopped, with BadResource", () =>
    Effect.gen(function*() {
      const handle = yield* ChildProcess.make("yes")
      while (yield* handle.isRunning) yield* Effect.sleep(10)
      const { reason }: PlatformError = yield* Effect.flip(Stream.runDrain(handle.stdout))
      assert.strictEqual(reason._tag, "BadResource")
      assert.match(reason.message, /more than 1000000 bytes of output were unread/)
    }).pipe(Effect.scoped, services({ sandbox: layers.readOnly, maxUnread: 1_000_000 })))
})

describe("a terminal", () => {
  const terminal = Effect.provideService(CodexChildProcessSpawner.Pty, { rows: 12, cols: 34 })

  for (const [name, sandbox] of [["", "none"], [" in a sandbox", layers.readOnly]] as const) {
    it.live(`has a size, takes another, and what is typed${name}`, () =>
      Effect.gen(function*() {
        const handle = yield* sh("stty -echo; stty size; read line; stty size; echo \"got $line\"; exit 3", {
          stdin: { stream: "pipe", endOnDone: false }
        })
        const lines = yield* handle.stdout.pipe(
          Stream.decodeText,
          Stream.splitLines,
          Stream.tap((line) =>
            line === "12 34"
              ? Effect.andThen(
                CodexChildProcessSpawner.resize(handle, { rows: 40, cols: 99 }),
                Stream.run(type("a word\n"), handle.stdin)
              )
              : Effect.void
          ),
          Stream.runCollect
        )
        assert.deepStrictEqual(lines, ["12 34", "40 99", "got a word"])
        assert.strictEqual(Number(yield* handle.exitCode), 3)
      }).pipe(terminal, Effect.scoped, services({ sandbox })))
  }

  it.live("sends the signals of a terminal, outside a sandbox", () =>
    Effect.gen(function*() {
      const script = "trap 'echo winch' WINCH; trap 'exit 5' INT; stty -echo; echo up; while :; do sleep 0.05; done"
      const handle = yield* sh(script, { stdin: { stream: "pipe", endOnDone: false } })
      yield* handle.stdout.pipe(
        Stream.decodeText,
        Stream.splitLines,
        Stream.runForEach((line) =>
          line === "up"
            ? CodexChildProcessSpawner.resize(handle, { rows: 40, cols: 99 })
            // ^C
            : Stream.run(type("\u0003"), handle.stdin)
        )
      )
      assert.strictEqual(Number(yield* handle.exitCode), 5)
    }).pipe(terminal, Effect.scoped, services({ sandbox: "none" })))
})
