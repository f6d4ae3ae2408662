import { assert, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { root } from "../src/problem.ts"
import { directoryOf } from "./fixture.ts"

/** Runs one test file and returns the last line and the exit code. */
const run = async (test: string) => {
  const directory = directoryOf({
    "package.json": "{ \"type\": \"module\" }",
    "a.test.ts": `import { it } from ${JSON.stringify(join(root, "node_modules/vitest/dist/index.js"))}\n${test}`,
    "vitest.config.ts": `import { ClosingLine } from ${JSON.stringify(join(root, "packages/checks/src/ClosingLine.ts"))}
export default { test: { reporters: ["default", new ClosingLine()] } }`
  })
  const vitest = join(root, "node_modules/vitest/vitest.mjs")
  const child = promisify(execFile)(process.execPath, [vitest, "run"], { cwd: directory })
  const { stdout } = await child.catch((error: { readonly stdout: string }) => error)
  return { line: stdout.trimEnd().split("\n").at(-1), exitCode: child.child.exitCode }
}

it("counts what passed, failed and was skipped", async () => {
  assert.deepStrictEqual(
    await run("it('a', () => {})\nit('b', () => { throw new Error('no') })\nit.skip('c', () => {})"),
    { line: "1 passed, 1 failed, 1 skipped", exitCode: 1 }
  )
})

it("a file that can't be loaded counts as failed", async () => {
  assert.deepStrictEqual(await run("throw new Error('no')"), { line: "0 passed, 1 failed", exitCode: 1 })
})

it("an error outside of a test is a failure", async () => {
  const test = "it('a', () => new Promise((done) => setTimeout(() => { done(); throw new Error('late') })))"
  assert.deepStrictEqual(await run(test), { line: "1 passed, 1 failed", exitCode: 1 })
})
