/** What a `ChildProcessSpawner` must do, whatever it runs on. */
import { assert, describe, layer as provided, type Vitest } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import type * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"

export interface Options {
  /** Whether any signal reaches any command. Otherwise only those without a standard input. */
  readonly signals: boolean
  /** Whether another command sees the processes of a command. */
  readonly sharedProcesses: boolean
}

const text = (stream: Stream.Stream<Uint8Array, PlatformError.PlatformError>) =>
  Stream.mkString(Stream.decodeText(stream))

const bytes = (value: string) => new TextEncoder().encode(value)

const sh = (script: string, options?: ChildProcess.CommandOptions) => ChildProcess.make("sh", ["-c", script], options)

/** What a command prints and exits with. */
const run = Effect.fnUntraced(function*(command: ChildProcess.Command) {
  const handle = yield* command
  const [stdout, stderr] = yield* Effect.all([text(handle.stdout), text(handle.stderr)], { concurrency: 2 })
  return { stdout, stderr, exitCode: yield* handle.exitCode }
}, Effect.scoped)

const tag = <A, R>(effect: Effect.Effect<A, PlatformError.PlatformError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

/** Waits until a command has printed its first bytes. */
const firstBytes = (handle: ChildProcessSpawner.ChildProcessHandle) => Stream.runHead(handle.stdout)

/** Waits until a condition on the machine holds. */
const eventually = <R>(condition: Effect.Effect<boolean, PlatformError.PlatformError, R>) =>
  Effect.gen(function*() {
    while (!(yield* condition)) yield* Effect.sleep(20)
  }).pipe(Effect.timeout("30 seconds"))

/** The services that the tests need. */
type Services = ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path

/** The tests, to be run where the services are provided. */
export const spawnerTests = (options: Options) => (it: Vitest.MethodsNonLive<Services>): void => {
  describe("commands", () => {
    it.effect("print, and exit", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* run(ChildProcess.make("printf", ["%s", "hello"])), {
          stdout: "hello",
          stderr: "",
          exitCode: ChildProcessSpawner.ExitCode(0)
        })
        const { exitCode, stderr, stdout } = yield* run(sh("echo out; echo err >&2; exit 7"))
        assert.deepStrictEqual([stdout, stderr, Number(exitCode)], ["out\n", "err\n", 7])
      }))

    it.effect("get their arguments as they are", () =>
      Effect.gen(function*() {
        const words = [
          "a b",
          "it's",
          `"q"`,
          "$HOME",
          "`id`",
          "*",
          "",
          "two\nlines",
          "-n",
          "\\",
          "\u00fc\u{1f600}",
          ";",
          "&&"
        ]
        const { stdout } = yield* run(ChildProcess.make("printf", ["%s|", ...words]))
        assert.strictEqual(stdout, words.map((word) => `${word}|`).join(""))
        const value = "one two"
        const templated = yield* run(ChildProcess.make`printf %s/ ${value} ${["x", "y z"]} ${7}`)
        assert.strictEqual(templated.stdout, "one two/x/y z/7/")
      }))

    it.effect("run in a shell, or in none", () =>
      Effect.gen(function*() {
        const env = { WORD: "w" }
        const shell = yield* run(ChildProcess.make("echo $WORD | tr w v", [], { shell: true, env, extendEnv: true }))
        assert.strictEqual(shell.stdout, "v\n")
        const named = yield* run(ChildProcess.make("echo $0 $WORD", [], { shell: "/bin/sh", env, extendEnv: true }))
        assert.strictEqual(named.stdout, "/bin/sh w\n")
        assert.strictEqual((yield* run(ChildProcess.make("printf", ["%s", "$WORD"]))).stdout, "$WORD")
        assert.strictEqual(yield* tag(run(ChildProcess.make("echo", ["x"], { shell: true }))), "BadArgument")
      }))

    it.effect("run in a directory", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
        assert.strictEqual((yield* run(ChildProcess.make("pwd", [], { cwd: directory }))).stdout, `${directory}\n`)
        assert.strictEqual(yield* tag(run(ChildProcess.make("pwd", [], { cwd: `${directory}/none` }))), "NotFound")
      }))

    it.effect("get an environment: the given one, or the given one beside the inherited", () =>
      Effect.gen(function*() {
        const alone = yield* run(ChildProcess.make("/usr/bin/env", [], { env: { A: "1", B: Redacted.make("2") } }))
        const names = alone.stdout.split("\n").filter((line) => !/^(CODEX_|$)/.test(line)).sort()
        assert.deepStrictEqual(names, ["A=1", "B=2"])
        const script = `echo "$A \${PATH:+path} \${HOME:+home}"`
        const beside = yield* run(sh(script, { env: { A: "1", HOME: undefined }, extendEnv: true }))
        assert.strictEqual(beside.stdout, "1 path \n")
        assert.strictEqual((yield* run(sh(`echo \${PATH:+path}`))).stdout, "path\n")
        const set = ChildProcess.setEnv(sh(`echo $A $B`, { env: { A: "1" }, extendEnv: true }), { B: "x y" })
        assert.strictEqual((yield* run(set)).stdout, "1 x y\n")
      }))

    it.effect("fail to start with a reason", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectoryScoped()
        yield* fs.writeFileString(`${directory}/plain`, "#!/bin/sh\n", { mode: 0o644 })
        assert.strictEqual(yield* tag(run(ChildProcess.make("no-such-program-here", ["-x"]))), "NotFound")
        assert.strictEqual(yield* tag(run(ChildProcess.make(`${directory}/none`))), "NotFound")
        assert.strictEqual(yield* tag(run(ChildProcess.make(`${directory}/plain`))), "PermissionDenied")
        assert.strictEqual(yield* tag(run(ChildProcess.make(directory))), "PermissionDenied")
        assert.strictEqual(yield* tag(run(ChildProcess.make("echo", ["a\0b"]))), "BadArgument")
        const secret = yield* Effect.flip(run(ChildProcess.make("no-such-program-here", [Redacted.make("hunter2")])))
        assert.notInclude(String(secret), "hunter2")
        const nul = yield* Effect.flip(run(sh("true", { env: { A: Redacted.make("hunter2\0") } })))
        assert.notInclude(String(nul), "hunter2")
      }))

    it.effect("are found in the PATH that they get", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectoryScoped()
        yield* fs.writeFileString(`${directory}/our-tool`, `#!/bin/sh\necho "ours $1"\n`, { mode: 0o755 })
        const env = { PATH: `${directory}:/usr/bin:/bin` }
        assert.strictEqual((yield* run(ChildProcess.make("our-tool", ["1"], { env }))).stdout, "ours 1\n")
        assert.strictEqual(yield* tag(run(ChildProcess.make("our-tool", ["1"]))), "NotFound")
      }))

    it.effect("have a process id", () =>
      Effect.gen(function*() {
        const handle = yield* sh("echo $$")
        assert.strictEqual((yield* text(handle.stdout)).trim(), String(handle.pid))
      }))
  })

  describe("output", () => {
    it.effect("comes as it is printed, in both streams", () =>
      Effect.gen(function*() {
        const handle = yield* sh("echo one; read line; echo two; echo three >&2")
        const pieces: Array<string> = []
        yield* handle.stdout.pipe(
          Stream.decodeText,
          Stream.runForEach((piece) =>
            Effect.gen(function*() {
              pieces.push(piece)
              if (pieces.length === 1) yield* Stream.run(Stream.make(bytes("go\n")), handle.stdin)
            })
          )
        )
        assert.deepStrictEqual(pieces, ["one\n", "two\n"])
        assert.strictEqual(yield* text(handle.stderr), "three\n")
      }))

    it.effect("is merged in `all`", () =>
      Effect.gen(function*() {
        const handle = yield* sh("for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done")
        const lines = (yield* text(handle.all)).trim().split("\n").sort()
        assert.deepStrictEqual(lines, [1, 2, 3, 4, 5].flatMap((i) => [`err${i}`, `out${i}`]).sort())
      }))

    it.effect("is binary", () =>
      Effect.gen(function*() {
        const handle = yield* sh(`printf '\\377\\000\\200\\n\\r'`)
        const chunks = yield* Stream.runCollect(handle.stdout)
        assert.deepStrictEqual(Array.from(Buffer.concat(chunks)), [255, 0, 128, 10, 13])
      }))

    it.effect("may be large, and nobody has to read the other stream", () =>
      Effect.gen(function*() {
        const { string } = yield* ChildProcessSpawner.ChildProcessSpawner
        const output = yield* string(sh("head -c 5000000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero >&2"))
        assert.strictEqual(output.length, 5_000_000)
      }))

    it.effect("can be ignored", () =>
      Effect.gen(function*() {
        const { exitCode, stderr, stdout } = yield* run(
          sh("echo a; echo b >&2; exit 3", { stdout: "ignore", stderr: "ignore" })
        )
        assert.deepStrictEqual([stdout, stderr, Number(exitCode)], ["", "", 3])
      }))

    it.effect("goes through a sink", () =>
      Effect.gen(function*() {
        const counted = Sink.map(
          Sink.reduce(() => 0, (count: number, chunk: Uint8Array) => count + chunk.length),
          (count) => bytes(`${count} bytes`)
        )
        const handle = yield* sh("printf abc", { stdout: counted })
        assert.strictEqual(yield* text(handle.stdout), "3 bytes")
      }))
  })

  describe("input", () => {
    it.effect("comes from a stream, and ends with it", () =>
      Effect.gen(function*() {
        const { stdout } = yield* run(ChildProcess.make("cat", [], { stdin: Stream.make(bytes("a"), bytes("b")) }))
        assert.strictEqual(stdout, "ab")
      }))

    it.effect("may be large", () =>
      Effect.gen(function*() {
        const piece = new Uint8Array(700_000).fill(120)
        const { stdout } = yield* run(ChildProcess.make("wc", ["-c"], { stdin: Stream.make(piece, piece, piece) }))
        assert.strictEqual(Number(stdout), 2_100_000)
      }))

    it.effect("comes through the handle", () =>
      Effect.gen(function*() {
        const handle = yield* ChildProcess.make("sort")
        yield* Stream.run(Stream.make(bytes("b\na\n")), handle.stdin)
        assert.strictEqual(yield* text(handle.stdout), "a\nb\n")
      }))

    it.effect("stays open if told so", () =>
      Effect.gen(function*() {
        const handle = yield* sh("read a; read b; echo $a $b", { stdin: { stream: "pipe", endOnDone: false } })
        yield* Stream.run(Stream.make(bytes("1\n")), handle.stdin)
        yield* Stream.run(Stream.make(bytes("2\n")), handle.stdin)
        assert.strictEqual(yield* text(handle.stdout), "1 2\n")
      }))

    it.effect("is empty if ignored", () =>
      Effect.gen(function*() {
        const { stdout } = yield* run(sh("cat; echo end", { stdin: "ignore" }))
        assert.strictEqual(stdout, "end\n")
      }))

    it.effect("fails the exit code if its source fails", () =>
      Effect.gen(function*() {
        const failure = PlatformError.badArgument({ module: "test", method: "source" })
        const stdin = Stream.concat(Stream.make(bytes("a")), Stream.fail(failure))
        const handle = yield* ChildProcess.make("cat", [], { stdin })
        assert.strictEqual(yield* Effect.flip(handle.exitCode), failure)
      }))
  })

  describe("pipelines", () => {
    it.effect("pass the output on", () =>
      Effect.gen(function*() {
        const pipeline = ChildProcess.make("printf", ["c\\na\\nb\\n"]).pipe(
          ChildProcess.pipeTo(ChildProcess.make("sort")),
          ChildProcess.pipeTo(ChildProcess.make("tr", ["abc", "xyz"]))
        )
        assert.strictEqual((yield* run(pipeline)).stdout, "x\ny\nz\n")
      }))

    it.effect("pass on the stream that is named", () =>
      Effect.gen(function*() {
        const source = sh("echo out; echo err >&2")
        const to = (from: ChildProcess.PipeFromOption) =>
          run(source.pipe(ChildProcess.pipeTo(ChildProcess.make("sort"), { from })))
        assert.strictEqual((yield* to("stdout")).stdout, "out\n")
        assert.strictEqual((yield* to("stderr")).stdout, "err\n")
        assert.strictEqual((yield* to("all")).stdout, "err\nout\n")
      }))

    it.effect("end as a whole", () =>
      Effect.gen(function*() {
        const handle = yield* ChildProcess.make("sleep", ["60"]).pipe(ChildProcess.pipeTo(ChildProcess.make("cat")))
        yield* handle.kill()
        assert.isFalse(yield* handle.isRunning)
      }))
  })

  describe("additional descriptors", () => {
    it.effect("are read and written", () =>
      Effect.gen(function*() {
        const handle = yield* sh("cat <&4 >&3; echo done", {
          additionalFds: {
            fd3: { type: "output" },
            fd4: { type: "input", stream: Stream.make(bytes("through")) }
          }
        })
        assert.strictEqual(yield* text(handle.getOutputFd(3)), "through")
        assert.strictEqual(yield* text(handle.stdout), "done\n")
        assert.strictEqual(yield* text(handle.getOutputFd(7)), "")
      }))

    it.effect("take what the handle writes", () =>
      Effect.gen(function*() {
        const handle = yield* sh("cat <&3", { additionalFds: { fd3: { type: "input" } } })
        yield* Stream.run(Stream.make(bytes("one "), bytes("two")), handle.getInputFd(3))
        assert.strictEqual(yield* text(handle.stdout), "one two")
      }))

    it.effect("carry a pipeline", () =>
      Effect.gen(function*() {
        const pipeline = sh("echo x >&3", { additionalFds: { fd3: { type: "output" } } }).pipe(
          ChildProcess.pipeTo(sh("cat <&5"), { from: "fd3", to: "fd5" })
        )
        assert.strictEqual((yield* run(pipeline)).stdout, "x\n")
      }))
  })

  describe("ends", () => {
    const ignored = options.signals ? {} : { stdin: "ignore" } as const

    it.effect("by a signal of ours fail the exit code", () =>
      Effect.gen(function*() {
        const handle = yield* sh("echo up; exec sleep 60", ignored)
        yield* firstBytes(handle)
        assert.isTrue(yield* handle.isRunning)
        yield* handle.kill()
        assert.isFalse(yield* handle.isRunning)
        assert.strictEqual(yield* tag(handle.exitCode), "Unknown")
      }))

    it.effect("by KILL, whatever the command does with its input", () =>
      Effect.gen(function*() {
        const handle = yield* sh("trap '' TERM INT; echo up; while :; do sleep 0.05; done")
        yield* firstBytes(handle)
        yield* handle.kill({ killSignal: "SIGKILL" })
        assert.strictEqual(yield* tag(handle.exitCode), "Unknown")
      }))

    it.effect("with the code of a command that handles the signal", () =>
      Effect.gen(function*() {
        const handle = yield* sh("trap 'exit 5' USR1; echo up; while :; do sleep 0.05; done", ignored)
        yield* firstBytes(handle)
        yield* handle.kill({ killSignal: "SIGUSR1" })
        assert.strictEqual(Number(yield* handle.exitCode), 5)
      }))

    it.effect("by force, if a command stays", () =>
      Effect.gen(function*() {
        const handle = yield* sh("trap '' TERM; echo up; while :; do sleep 0.05; done", ignored)
        yield* firstBytes(handle)
        yield* handle.kill({ forceKillAfter: "150 millis" })
        assert.isFalse(yield* handle.isRunning)
        assert.strictEqual(yield* tag(handle.exitCode), "Unknown")
      }))

    it.effect("with the scope", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const handle = yield* Scope.provide(scope)(sh("echo up; exec sleep 60", ignored))
        yield* firstBytes(handle)
        yield* Scope.close(scope, Exit.void)
        assert.isFalse(yield* handle.isRunning)
      }))

    it.effect("with an interruption", () =>
      Effect.gen(function*() {
        const started = yield* Deferred.make<ChildProcessSpawner.ChildProcessHandle>()
        const fiber = yield* Effect.forkChild(Effect.scoped(Effect.gen(function*() {
          const handle = yield* sh("echo up; exec sleep 60", ignored)
          yield* firstBytes(handle)
          yield* Deferred.succeed(started, handle)
          return yield* Effect.never
        })))
        const handle = yield* Deferred.await(started)
        yield* Fiber.interrupt(fiber)
        assert.isFalse(yield* handle.isRunning)
      }))

    it.effect("not with the scope, if it is unreferenced", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const handle = yield* Scope.provide(scope)(sh("read line; exit 4"))
        const reref = yield* handle.unref
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(yield* handle.isRunning)
        yield* reref
        yield* Stream.run(Stream.make(bytes("x\n")), handle.stdin)
        assert.strictEqual(Number(yield* handle.exitCode), 4)
      }))

    it.effect("with the scope, if it is referenced again", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const handle = yield* Scope.provide(scope)(sh("echo up; exec sleep 60", ignored))
        yield* firstBytes(handle)
        yield* yield* handle.unref
        yield* Scope.close(scope, Exit.void)
        assert.isFalse(yield* handle.isRunning)
      }))

    if (options.sharedProcesses) {
      it.effect("with all children, those that ignore the signal too", () =>
        Effect.gen(function*() {
          const { exitCode } = yield* ChildProcessSpawner.ChildProcessSpawner
          const handle = yield* sh(
            "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.05; done' & sleep 60 & echo $!; wait"
          )
          let printed = ""
          yield* handle.stdout.pipe(
            Stream.decodeText,
            Stream.tap((piece) => Effect.sync(() => printed += piece)),
            Stream.takeUntil(() => printed.split("\n").length === 3),
            Stream.runDrain
          )
          yield* handle.kill({ forceKillAfter: "100 millis" })
          // A zombie waits for its parent, but runs no more.
          const runs = (pid: string) =>
            Effect.map(
              exitCode(sh(`case $(ps -o stat= -p ${pid}) in Z*|'') exit 1;; esac`)),
              (code) => code === 0
            )
          for (const pid of printed.trim().split("\n")) {
            yield* eventually(Effect.map(runs(pid), (runs) => !runs))
          }
        }))
    }

    it.effect("leave many at once in order", () =>
      Effect.gen(function*() {
        const { string } = yield* ChildProcessSpawner.ChildProcessSpawner
        const outputs = yield* Effect.forEach(
          Array.from({ length: 40 }, (_, index) => index),
          (index) => string(sh(`echo ${index}`)),
          { concurrency: 20 }
        )
        assert.deepStrictEqual(outputs, outputs.map((_, index) => `${index}\n`))
      }))
  })
}

/** The tests on a layer. */
export const spawnerSuite = <E>(name: string, layer: Layer.Layer<Services, E>, options: Options) =>
  provided(layer, { timeout: 60_000, excludeTestServices: true })(name, spawnerTests(options))
