/**
 * Runs the core tests on older versions of the server: `npm run test:versions [-- VERSION...]`.
 *
 * Each binary is installed from npm, once, below node_modules/.cache.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../../../..")

/** Those of which there is a capture. */
const supported = readdirSync(join(root, "packages/protocol/test/fixtures"))
  .filter((file) => file.endsWith(".jsonl")).map((file) => file.slice(0, -".jsonl".length)).sort()

const versions = process.argv.length > 2 ? process.argv.slice(2) : supported
const cache = join(root, "node_modules", ".cache", "effect-codex", "versions")
const platform = `${process.platform}-${process.arch}`

const run = (command: string, args: ReadonlyArray<string>, cwd: string, env: NodeJS.ProcessEnv = {}): boolean =>
  spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: "inherit",
    shell: process.platform === "win32"
  }).status === 0

/** The native binary of a version, in the layout that it has. */
const binaryOf = (directory: string): string | undefined => {
  const name = process.platform === "win32" ? "codex.exe" : "codex"
  const vendor = join(directory, "node_modules", "codex", "vendor")
  const targets = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", "x86_64-apple-darwin"].concat(
    ["aarch64-apple-darwin", "x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc"]
  )
  return targets
    .flatMap((target) => [join(vendor, target, "bin", name), join(vendor, target, "codex", name)])
    .find((path) => existsSync(path))
}

const install = (version: string): string => {
  const directory = join(cache, version)
  mkdirSync(directory, { recursive: true })
  if (binaryOf(directory) === undefined) {
    const spec = `codex@npm:@openai/codex@${version}-${platform}`
    run("npm", ["install", "--no-save", "--no-package-lock", "--prefix", directory, spec], directory)
  }
  const binary = binaryOf(directory)
  if (binary === undefined) throw new Error(`@openai/codex@${version} has no binary for ${platform}`)
  return binary
}

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
