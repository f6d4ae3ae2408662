/** Server binaries of several versions. Each is installed from npm, once, below node_modules/.cache. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"

export const root = join(import.meta.dirname, "../../../..")

/** The versions with a capture of their wire. */
export const supported: ReadonlyArray<string> = readdirSync(join(root, "packages/protocol/test/fixtures"))
  .filter((file) => file.endsWith(".jsonl")).map((file) => file.slice(0, -".jsonl".length)).sort()

const cache = join(root, "node_modules", ".cache", "effect-codex", "versions")
const platform = `${process.platform}-${process.arch}`

/** Runs a command. Returns whether it succeeded. */
export const run = (command: string, args: ReadonlyArray<string>, cwd: string, env: NodeJS.ProcessEnv = {}): boolean =>
  spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: "inherit",
    shell: process.platform === "win32"
  }).status === 0

/** Returns the native binary of an installed version. Its path depends on the version. */
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

/** Installs a version if it is missing. Returns the path of its binary. */
export const install = (version: string): string => {
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
