import * as Recording from "@effect-codex/recording/Recording"
import * as Timeline from "@effect-codex/recording/Timeline"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { dirname, join } from "node:path"
import * as TemporaryFile from "../TemporaryFile.ts"
import { lines } from "./large.ts"

const text = `${Recording.headerLine({ server: "x/1", startedAt: "2026-11-21T12:00:00.000Z" })}\n`

/** A recording in a directory of its own, and the names of files beside it. */
const recorded = Effect.gen(function*() {
  const file = yield* TemporaryFile.make("run.jsonl")
  Fs.writeFileSync(file, text)
  return { file, recording: yield* Recording.read(file), beside: (name: string) => join(dirname(file), name) }
})

const isPage = (file: string): boolean => Fs.readFileSync(file, "utf8").startsWith("<!doctype html>")

describe("writing a timeline", () => {
  it.effect("never replaces the recording, by whatever name", () =>
    Effect.gen(function*() {
      const { beside, file, recording } = yield* recorded
      Fs.symlinkSync(file, beside("symbolic.html"))
      Fs.symlinkSync(beside("symbolic.html"), beside("twice.html"))
      Fs.linkSync(file, beside("hard.html"))
      Fs.symlinkSync(dirname(file), beside("directory"))
      const names = [file, ...["symbolic.html", "twice.html", "hard.html", "./directory/run.jsonl"].map(beside)]
      for (const name of names) {
        const error = yield* Effect.flip(Timeline.write(recording, name))
        assert.include(error.message, "the page would replace the recording", name)
        assert.strictEqual(Fs.readFileSync(file, "utf8"), text)
      }
    }).pipe(Effect.scoped))

  it.effect("writes the same page piece by piece, also of a file whose end was cut off", () =>
    Effect.gen(function*() {
      const { beside, file } = yield* recorded
      const all = `${Array.from(lines(3000, 4, 100)).join("\n")}\n`
      for (const text of [all, all.slice(0, -1), all.slice(0, -40)]) {
        Fs.writeFileSync(file, text)
        yield* Timeline.writeFile(file, beside("page.html"))
        assert.isTrue(Fs.readFileSync(beside("page.html"), "utf8") === Timeline.html(yield* Recording.read(file)))
      }
      for (
        const [text, message] of [["", "the file is empty"], ["hello", "not a recording"], [
          `${all}x\n${all}`,
          "line 3002"
        ]] as const
      ) {
        Fs.writeFileSync(file, text)
        const error = yield* Effect.flip(Timeline.writeFile(file, beside("other.html")))
        assert.include(error.message, message)
        assert.isFalse(Fs.existsSync(beside("other.html")))
      }
    }).pipe(Effect.scoped))

  it.effect("replaces an older page as a whole", () =>
    Effect.gen(function*() {
      const { beside, recording } = yield* recorded
      Fs.writeFileSync(beside("page.html"), "older", { mode: 0o600 })
      Fs.linkSync(beside("page.html"), beside("kept.html"))
      Fs.symlinkSync(beside("page.html"), beside("link.html"))
      yield* Timeline.write(recording, beside("link.html"))
      assert.isTrue(isPage(beside("page.html")))
      assert.isTrue(Fs.lstatSync(beside("link.html")).isSymbolicLink())
      assert.strictEqual(Fs.readFileSync(beside("kept.html"), "utf8"), "older")
      if (process.platform !== "win32") assert.strictEqual(Fs.statSync(beside("page.html")).mode & 0o777, 0o600)
    }).pipe(Effect.scoped))

  it.effect("makes directories, and leaves nothing else behind", () =>
    Effect.gen(function*() {
      const { beside, recording } = yield* recorded
      yield* Timeline.write(recording, beside("deep/er/page.html"))
      assert.deepStrictEqual(Fs.readdirSync(beside("deep/er")), ["page.html"])
      const error = yield* Effect.flip(Timeline.write(recording, beside("deep/er")))
      assert.include(error.message, "the page can't be written (EISDIR")
      Fs.writeFileSync(beside("file"), "")
      const inFile = yield* Effect.flip(Timeline.write(recording, beside("file/page.html")))
      assert.include(inFile.message, "the page can't be written")
      assert.deepStrictEqual(Fs.readdirSync(dirname(beside("x"))).sort(), ["deep", "file", "run.jsonl"])
    }).pipe(Effect.scoped))
})
