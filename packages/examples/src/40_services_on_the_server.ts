/**
 * A program that knows only Effect's `FileSystem` and `ChildProcessSpawner`, on the machine of the app-server and in a sandbox there.
 * With `NodeServices.layer` instead, the same program works on this machine.
 */
import { CodexChildProcessSpawner, CodexServices } from "@effect-codex/platform"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const { lines, string } = yield* ChildProcessSpawner

  yield* fs.makeDirectory("notes", { recursive: true })
  yield* fs.writeFileString("notes/a.txt", "first\n")
  yield* fs.writeFileString("notes/b.txt", "second\n")
  yield* Console.log("files   ", (yield* fs.glob("notes/*.txt")).join(" "))

  yield* Console.log("lines   ", (yield* lines(ChildProcess.make("cat", ["notes/a.txt", "notes/b.txt"]))).join(", "))
  const counted = ChildProcess.make("cat", ["notes/b.txt"]).pipe(ChildProcess.pipeTo(ChildProcess.make("wc", ["-c"])))
  yield* Console.log("counted ", (yield* string(counted)).trim())

  // The sandbox lets the program write in one directory.
  const refused = yield* Effect.flip(fs.writeFileString("/etc/example", "no"))
  yield* Console.log("refused ", refused.reason._tag)

  // Scopes end processes; a signal reaches the whole group.
  const handle = yield* ChildProcess.make("sh", ["-c", "echo working; exec sleep 60"], { stdin: "ignore" })
  yield* Console.log("process ", yield* handle.stdout.pipe(Stream.decodeText, Stream.take(1), Stream.mkString))
  yield* handle.kill()
  yield* Console.log("running ", yield* handle.isRunning)

  // A terminal, which Effect's contract does not have.
  const terminal = yield* string(ChildProcess.make("stty", ["size"])).pipe(
    Effect.provideService(CodexChildProcessSpawner.Pty, { rows: 24, cols: 80 })
  )
  yield* Console.log("terminal", terminal.trim())
}).pipe(Effect.scoped)

/** The services, in a sandbox that may write in the server's working directory. */
const services = Layer.unwrap(Effect.gen(function*() {
  const { client } = yield* Codex.Codex
  const { stdout } = yield* client.request("command/exec", { command: ["pwd"] })
  return CodexServices.layer({
    sandbox: {
      type: "workspaceWrite",
      writableRoots: [stdout.trim()],
      networkAccess: false,
      excludeSlashTmp: true,
      excludeTmpdirEnvVar: true
    }
  })
}))

program.pipe(Effect.provide(services.pipe(Layer.provide(ExampleCodex.layer()))), NodeRuntime.runMain)
