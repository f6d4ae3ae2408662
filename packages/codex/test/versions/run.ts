/** Runs the core tests on older versions of the server: `npm run test:versions [-- VERSION...]`. */
import { install, root, run, supported } from "./binaries.ts"

const versions = process.argv.length > 2 ? process.argv.slice(2) : supported

const failed = versions.filter((version) => {
  process.stdout.write(`\ncodex ${version}\n`)
  // Earlier servers have no language model.
  const packages = Number(version.split(".")[1]) < 150 ? ["codex"] : ["codex", "ai"]
  const args = ["run", "--config", "vitest.workspace.ts"].concat(
    packages.flatMap((name) => ["--project", name, `packages/${name}/test/versions`])
  )
  return !run("vitest", args, root, { CODEX_PATH: install(version) })
})

process.stdout.write(failed.length === 0 ? "\nAll versions pass.\n" : `\nFailed: ${failed.join(", ")}\n`)
process.exitCode = failed.length === 0 ? 0 : 1
