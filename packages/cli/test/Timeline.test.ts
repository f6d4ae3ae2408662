import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { directory, main, run } from "./process.ts"

/** A recording of the real binary. */
const recorded = fileURLToPath(new URL("../../recording/test/recordings/format-1.jsonl", import.meta.url))

const write = (file: string) => Effect.sync(() => Fs.copyFileSync(recorded, file))

describe("effect-codex timeline", () => {
  it.live("writes the page beside the recording, and opens it", () =>
    Effect.gen(function*() {
      const home = yield* directory
      const recording = join(home, "run.jsonl")
      const opened = join(home, "opened")
      yield* write(recording)
      // The programs that open files on a desktop.
      for (const name of ["xdg-open", "open"]) {
        Fs.writeFileSync(join(home, name), `#!/bin/sh\necho "$1" > "${opened}.part"\nmv "${opened}.part" "${opened}"\n`)
        Fs.chmodSync(join(home, name), 0o755)
      }
      const watcher = Fs.watch(home)
      const isOpened = Effect.promise(async () => {
        while (!Fs.existsSync(opened)) await once(watcher, "change")
      })
      const { code, stdout } = yield* run(["timeline", recording], {
        PATH: `${home}${delimiter}${process.env["PATH"]}`
      })
      const page = join(home, "run.html")
      assert.deepStrictEqual([code, stdout], [0, `${page}\n`])
      assert.include(Fs.readFileSync(page, "utf8"), "<title>run.jsonl · Codex timeline</title>")
      yield* isOpened
      watcher.close()
      assert.strictEqual(Fs.readFileSync(opened, "utf8"), `${page}\n`)
    }).pipe(Effect.scoped))

  it.live("writes the page elsewhere and does not open it, on request", () =>
    Effect.gen(function*() {
      const home = yield* directory
      yield* write(join(home, "run.jsonl"))
      const page = join(home, "deep", "page.html")
      const { code, stdout } = yield* run(["timeline", join(home, "run.jsonl"), "--out", page, "--no-open"], {
        PATH: ""
      })
      assert.deepStrictEqual([code, stdout], [0, `${page}\n`])
      assert.isTrue(Fs.existsSync(page))
    }).pipe(Effect.scoped))

  it.live("explains what to do without a browser", () =>
    Effect.gen(function*() {
      const home = yield* directory
      yield* write(join(home, "run.jsonl"))
      const { code, stdout } = yield* run(["timeline", join(home, "run.jsonl")], { PATH: home })
      assert.strictEqual(code, 0)
      assert.include(stdout, "open it in a browser")
    }).pipe(Effect.scoped))

  it.live("reports a problem with a file in one line", () =>
    Effect.gen(function*() {
      const home = yield* directory
      const none = join(home, "none.jsonl")
      const recording = join(home, "run.html")
      yield* write(recording)
      const attempts: ReadonlyArray<readonly [args: ReadonlyArray<string>, message: string]> = [
        [[none], `${none}: there is no such file; record it first.\n`],
        [[home], `${home}: the file can't be read (EISDIR: illegal operation on a directory, read).\n`],
        [
          [recording, "--out", home],
          `${home}: the page can't be written (EISDIR: illegal operation on a directory, open '${home}').\n`
        ],
        // The page of a recording goes beside it, with this extension.
        [[recording], `${recording}: the page would replace the recording; write it to another file.\n`]
      ]
      for (const [args, message] of attempts) {
        const { code, stderr } = yield* run(["timeline", ...args, "--no-open"])
        assert.deepStrictEqual([code, stderr], [1, message])
      }
      assert.strictEqual(Fs.readFileSync(recording, "utf8"), Fs.readFileSync(recorded, "utf8"))
    }).pipe(Effect.scoped))

  it.live("never replaces the recording, not even through a link", () =>
    Effect.gen(function*() {
      const home = yield* directory
      const recording = join(home, "run.jsonl")
      yield* write(recording)
      Fs.symlinkSync(recording, join(home, "symbolic.html"))
      Fs.linkSync(recording, join(home, "hard.html"))
      for (const link of [join(home, "symbolic.html"), join(home, "hard.html")]) {
        const { code, stderr } = yield* run(["timeline", recording, "--out", link, "--no-open"])
        assert.deepStrictEqual(
          [code, stderr],
          [1, `${link}: the page would replace the recording; write it to another file.\n`]
        )
        assert.strictEqual(Fs.readFileSync(recording, "utf8"), Fs.readFileSync(recorded, "utf8"))
      }
    }).pipe(Effect.scoped))
})

/** Starts `timeline --follow`, and returns the URL that it prints, and how it ends after a signal. */
const follow = (file: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        spawn(
          process.execPath,
          ["--no-warnings", "--conditions=@effect-codex/source", main, "timeline", file, "--follow", "--no-open"],
          { stdio: ["ignore", "pipe", "pipe"] }
        )
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    (child) => ({
      url: Effect.promise(async () => String(await once(child.stdout, "data")).trim()),
      notice: Effect.promise(async () => String(await once(child.stderr, "data")).trim()),
      stop: Effect.promise(async () => {
        const exit = once(child, "exit")
        child.kill("SIGINT")
        return (await exit)[0]
      })
    })
  )

describe("effect-codex timeline --follow", () => {
  it.live("serves the page of a file that appears and grows, until Ctrl-C", () =>
    Effect.gen(function*() {
      const home = yield* directory
      const recording = join(home, "run.jsonl")
      const { notice, stop, url } = yield* follow(recording)
      const page = yield* url
      assert.match(page, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/$/)
      assert.strictEqual(yield* notice, "run.jsonl does not exist yet. The page waits for it.")
      yield* write(recording)
      const abort = new AbortController()
      const response = yield* Effect.promise(() => fetch(`${page}events`, { signal: abort.signal }))
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      const hasMessage = Effect.promise(async () => {
        let text = ""
        while (!text.includes("turn/completed")) text += (await reader.read()).value ?? assert.fail(text)
      })
      yield* hasMessage
      // Also while a page is connected, the program ends at once.
      const before = performance.now()
      assert.strictEqual(yield* stop, 130)
      assert.isBelow(performance.now() - before, 2000)
      abort.abort()
    }).pipe(Effect.scoped))

  it.live("refuses what it can't follow", () =>
    Effect.gen(function*() {
      const home = yield* directory
      const file = join(home, "run.jsonl")
      Fs.writeFileSync(file, "hello\n")
      const other = yield* run(["timeline", file, "--follow", "--no-open"])
      assert.deepStrictEqual([other.code, other.stdout], [1, ""])
      assert.match(other.stderr, /^.*run\.jsonl, line 1: this is not a recording of effect-codex.*\n$/)
      const out = yield* run(["timeline", file, "--follow", "--out", join(home, "run.html")])
      assert.strictEqual(out.code, 1)
      assert.include(out.stderr, "--out writes a page that does not grow")
    }).pipe(Effect.scoped))
})

describe("effect-codex", () => {
  it.live("refuses unknown commands and missing arguments, and shows the help", () =>
    Effect.gen(function*() {
      for (const args of [["draw"], ["timeline"], ["timeline", "a", "--loud"]]) {
        const { code, stderr, stdout } = yield* run(args)
        assert.strictEqual(code, 1, args.join(" "))
        assert.include(stdout + stderr, "USAGE")
        assert.notInclude(stderr, "    at ")
      }
    }))

  it.live("prints its version and its commands", () =>
    Effect.gen(function*() {
      const version = yield* run(["--version"])
      assert.deepStrictEqual([version.code, /\d+\.\d+\.\d+/.test(version.stdout)], [0, true])
      const help = yield* run(["--help"])
      assert.deepStrictEqual([help.code, help.stdout.includes("timeline")], [0, true])
    }))
})
