/**
 * Whatever text a script has: if the parser of commands is certain of it, real shells run nothing but those commands, with exactly
 * those words, and write no file. One script runs for 50 of `CODEX_FUZZ`.
 */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { commandsOf, splitWords } from "../../src/base/shell.ts"

/** Scripts that run in each shell. `npm run fuzz` runs more. */
const runs = Math.ceil(Number(process.env["CODEX_FUZZ"] ?? 1000) / 50)

const pieces = [
  ..." \t\n\r'\"\\;&|$`*?[]{}()<>~!#=^%@+,:-_/.é\u00a0\u2028\u0000",
  ..."abababab",
  "a b",
  " && ",
  " || ",
  " | ",
  "; ",
  "'",
  "\"",
  " 'a b' ",
  " \"b a\" ",
  "$(a)",
  "a=b",
  "$'\\x61'",
  "if",
  "time ",
  "\\\n"
]

/** Numbers that look random, and are the same every time. */
const generator = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}

const scripts = (() => {
  const next = generator(7)
  const found = new Set<string>()
  while (found.size < runs) {
    const parts = Array.from({ length: 1 + Math.floor(next() * 9) }, () => pieces[Math.floor(next() * pieces.length)]!)
    const script = `${next() < 0.7 ? "a " : ""}${parts.join("")}`
    // Only programs that report what they get, so that a mistake of the parser does no harm here.
    if (commandsOf(script)?.every(([program]) => program === "a" || program === "b") === true) found.add(script)
  }
  return Array.from(found)
})()

describe("a script that is certain", () => {
  for (const shell of ["/bin/sh", "/bin/bash"].filter((shell) => existsSync(shell))) {
    it(`runs as it was read, in ${shell}`, () => {
      const root = mkdtempSync(join(tmpdir(), "effect-codex-shell-"))
      onTestFinished(() => rmSync(root, { recursive: true }))
      const [bin, cwd, log] = [join(root, "bin"), join(root, "cwd"), join(root, "log")]
      mkdirSync(bin)
      mkdirSync(cwd)
      for (const name of ["a", "b"]) {
        writeFileSync(
          join(bin, name),
          `#!/bin/sh\nprintf '%s\\0' "${name}" "$@" >> "${log}"\nprintf '\\001' >> "${log}"\n`
        )
        chmodSync(join(bin, name), 0o755)
      }
      for (const script of scripts) {
        writeFileSync(log, "")
        const { error } = spawnSync(shell, ["-c", script], { cwd, env: { PATH: bin }, input: "" })
        assert.isUndefined(error)
        const ran = readFileSync(log, "utf8").split("\u0001").filter((each) => each !== "").map((each) =>
          each.split("\0").slice(0, -1)
        )
        // Programs on both sides of a pipe run in any order, and write at once.
        if (!script.includes("|")) {
          const expected = commandsOf(script)!.map((each) => [...each])
          assert.deepStrictEqual(ran, expected, JSON.stringify(script))
        } else {
          const words = new Set(commandsOf(script)!.flat())
          for (const word of ran.flat()) assert.isTrue(words.has(word), JSON.stringify(script))
        }
        assert.deepStrictEqual(readdirSync(cwd), [], JSON.stringify(script))
      }
    }, 120_000)
  }
})

describe("words that are joined", () => {
  it("are split again", () => {
    const next = generator(11)
    for (let count = 0; count < 1000; count++) {
      const words = Array.from(
        { length: 1 + Math.floor(next() * 4) },
        () => Array.from({ length: Math.floor(next() * 6) }, () => pieces[Math.floor(next() * pieces.length)]!).join("")
      )
      const single = words.map((word) => `'${word.replaceAll("'", `'"'"'`)}'`).join(" ")
      assert.deepStrictEqual(splitWords(single), words)
      const double = words.map((word) => `"${word.replace(/[$`"\\]/g, "\\$&")}"`).join(" ")
      assert.deepStrictEqual(splitWords(double), words)
    }
  })
})
