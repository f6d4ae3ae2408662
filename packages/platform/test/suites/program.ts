/** One program that knows nothing of where it runs: it walks, reads, writes, watches, and runs git and other commands. */
import * as ByteSize from "effect/ByteSize"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"

/** Finds the files below a directory, with their sizes. */
const walk = (directory: string): Effect.Effect<
  ReadonlyArray<readonly [path: string, size: bigint]>,
  PlatformError,
  FileSystem.FileSystem | Path.Path
> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const found: Array<readonly [string, bigint]> = []
    for (const name of (yield* fs.readDirectory(directory)).sort()) {
      const full = path.join(directory, name)
      const info = yield* fs.stat(full)
      if (info.type === "Directory") found.push(...yield* walk(full))
      else found.push([full, ByteSize.toBigInt(info.size)])
    }
    return found
  })

/** Runs all of it below a directory and returns what it saw. */
export const program = Effect.fnUntraced(function*(root: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { exitCode, lines, string } = yield* ChildProcessSpawner
  const seen: Array<string> = []
  const say = (...words: ReadonlyArray<unknown>) => {
    seen.push(words.join(" ").replaceAll(root, "ROOT"))
  }
  const project = path.join(root, "project")
  const at = (...names: ReadonlyArray<string>) => path.join(project, ...names)

  // Files
  yield* fs.makeDirectory(at("src", "deep"), { recursive: true })
  for (const name of ["a.ts", "b.ts", "deep/c.ts"]) {
    yield* fs.writeFileString(at("src", name), `// ${name}\n`.repeat(20))
  }
  yield* fs.symlink("a.ts", at("src", "link.ts"))
  say("relative", path.relative(root, at("src")), path.basename(at("src", "a.ts"), ".ts"))
  for (const [file, size] of yield* walk(project)) say("file", file, size)
  yield* fs.writeFileString(at("src", "a.ts"), "export {}\n", { flag: "a" })
  say("tail", (yield* fs.readFileString(at("src", "link.ts"))).split("\n").slice(-3).join("|"))
  say("glob", (yield* fs.glob("**/*.ts", { root: project })).sort().join(" "))
  yield* fs.copy(at("src"), at("copy"))
  yield* fs.rename(at("copy", "deep"), at("copy", "shallow"))
  say("copied", (yield* fs.readDirectory(at("copy"), { recursive: true })).sort().join(" "))
  say("missing", (yield* Effect.flip(fs.readFile(at("none")))).reason._tag)

  // A watch
  const created = yield* Deferred.make<string>()
  const ready = yield* Deferred.make<void>()
  yield* fs.watch(at("src"), { onReady: () => Deferred.doneUnsafe(ready, Effect.void) }).pipe(
    Stream.filter((event) => event._tag === "Create"),
    Stream.runForEach((event) => Deferred.succeed(created, event.path)),
    Effect.forkScoped
  )
  yield* Deferred.await(ready)
  yield* fs.writeFileString(at("src", "watched.ts"), "")
  say("watched", yield* Deferred.await(created))

  // git
  const git = (...args: ReadonlyArray<string>) =>
    ChildProcess.make("git", ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main", ...args], {
      cwd: project
    })
  say("init", yield* exitCode(git("init", "--quiet")))
  yield* exitCode(git("add", "."))
  say("commit", yield* exitCode(git("commit", "--quiet", "-m", "All of it")))
  say("files", (yield* lines(git("ls-files"))).join(" "))
  yield* fs.writeFileString(at("src", "b.ts"), "changed\n")
  say("status", (yield* lines(git("status", "--short"))).join(","))
  say("bad", yield* exitCode(git("no-such-command")))

  // Commands
  const sum = yield* string(
    ChildProcess.make("cat", [at("src", "a.ts")]).pipe(
      ChildProcess.pipeTo(ChildProcess.make("wc", ["-c"]))
    )
  )
  say("sum", sum.trim())
  const handle = yield* ChildProcess.make("sh", ["-c", "head -c 20000000 /dev/zero | tr '\\0' x"])
  const total = yield* Stream.runFold(handle.stdout, () => 0, (sum, chunk) => sum + chunk.length)
  say("bytes", total, yield* handle.exitCode)
  say("nobody", (yield* Effect.flip(string(ChildProcess.make("no-such-program-here")))).reason._tag)

  yield* fs.remove(project, { recursive: true })
  say("left", (yield* fs.readDirectory(root)).join(" "))
  return seen
}, Effect.scoped)
