/**
 * Checks that start no server: Node, the binary, its home and the login.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { homedir } from "node:os"
import * as Path from "node:path"
import { failed, ok, type Outcome, warning } from "./Check.ts"
import { codex } from "./codex.ts"
import { command, Situation } from "./Situation.ts"

/** The oldest Node that the packages run on, as in their package.json. */
export const oldestNode = "22.19.0"

/** The oldest codex that the SDK is tested with. */
const oldestCodex = "0.130.0"

/** Checks the version of Node. */
export const node = Situation.useSync(({ nodeVersion }) =>
  isOlder(nodeVersion, oldestNode)
    ? failed(`Node ${nodeVersion} is too old`, `Install Node ${oldestNode} or newer`)
    : ok(`Node ${nodeVersion}`)
)

/** Checks that there is a binary, and compares its version with the pinned one. */
export const binary = Effect.gen(function*() {
  const { pinned } = yield* Situation
  const { program } = yield* command
  const { exitCode, output } = yield* codex(["--version"])
  const version = /^codex\S* (\d+\.\d+\.\d+\S*)$/m.exec(output)?.[1]
  if (version === undefined) {
    return failed(
      `${program} is not codex: "--version" ended with ${exitCode} and printed ${JSON.stringify(lastLine(output))}`,
      "Set CODEX_PATH or --codex-path to the native codex binary, or leave them out to use the installed one"
    )
  }
  const found = `codex ${version}, ${program}`
  if (version === pinned) return ok(found)
  return isOlder(version, oldestCodex)
    ? failed(`${found}: the SDK needs ${oldestCodex} or newer`, `Use codex ${pinned}, which the SDK installs`)
    : warning(
      `${found}: the SDK is tested with ${pinned}`,
      "Leave CODEX_PATH and --codex-path out to use the tested one"
    )
})

/** The directory of the home, and whether it has to exist. A program that names it by an option creates it. */
const homeDirectory = Effect.gen(function*() {
  const { options } = yield* Situation
  const { env } = yield* command
  const named = env["CODEX_HOME"] === "" ? undefined : env["CODEX_HOME"]
  return {
    directory: Path.resolve(named ?? Path.join(env["HOME"] ?? homedir(), ".codex")),
    mustExist: named !== undefined && options.codexHome === undefined
  }
})

/** Checks CODEX_HOME: that a server can use it, and that others can't. Writes nothing. */
export const home = Effect.map(homeDirectory, ({ directory, mustExist }) => examineHome(directory, mustExist))

const examineHome = (directory: string, mustExist: boolean): Outcome => {
  try {
    const stats = Fs.statSync(directory, { throwIfNoEntry: false })
    if (stats === undefined) {
      if (mustExist) return failed(`${directory} does not exist`, `Create it: mkdir -m 700 ${directory}`)
      return isWritable(existingParent(directory))
        ? ok(`${directory} will be created`)
        : failed(`${directory} can't be created`, "Set CODEX_HOME to a directory that this user may write")
    }
    if (!stats.isDirectory()) {
      return failed(`${directory} is a file, not a directory`, "Set CODEX_HOME to a directory")
    }
    if (!isWritable(directory)) {
      return failed(
        `${directory} is not writable for this user`,
        "Change its permissions, or set CODEX_HOME to another one"
      )
    }
    const open = process.platform === "win32" ? undefined : accessOfOthers(directory, stats.mode)
    return open === undefined ? ok(directory) : warning(`${directory}: ${open.finding}`, open.advice)
  } catch (error) {
    // The message alone: the stack of a file system error does not help here.
    return failed(`${directory} can't be examined: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Returns true if this process may write. Also asks the file system, which may be mounted read-only. */
const isWritable = (path: string): boolean => {
  try {
    Fs.accessSync(path, Fs.constants.W_OK | Fs.constants.X_OK)
    return true
  } catch {
    return false
  }
}

const existingParent = (path: string): string => {
  const parent = Path.dirname(path)
  return parent === path || Fs.existsSync(parent) ? parent : existingParent(parent)
}

/** Finds a login that others can read, and a home that they can change. */
const accessOfOthers = (directory: string, mode: number) => {
  const login = Path.join(directory, "auth.json")
  const stats = Fs.statSync(login, { throwIfNoEntry: false })
  if (stats !== undefined && (stats.mode & 0o077) !== 0) {
    return { finding: "other users of this machine can read the login", advice: `Run: chmod 600 ${login}` }
  }
  return (mode & 0o022) === 0
    ? undefined
    : { finding: "other users of this machine can change it", advice: `Run: chmod 700 ${directory}` }
}

/**
 * Checks the configuration and the login, as `codex login status` reports it. It writes nothing and uses no network. Only the kind of
 * the login is shown: codex prints parts of a key.
 */
export const login = Effect.gen(function*() {
  if (!Fs.existsSync((yield* homeDirectory).directory)) return notLoggedIn
  const { exitCode, output } = yield* codex(["login", "status"])
  const broken = /^Error loading configuration: (.*)$/m.exec(output)
  if (broken !== null) return failed(broken[1]!, "Correct config.toml in CODEX_HOME")
  if (exitCode === 0) return ok(/api key/i.test(output) ? "logged in with an API key" : "logged in")
  if (/not logged in/i.test(output)) {
    return notLoggedIn
  }
  return failed(`"codex login status" ended with ${exitCode}: ${lastLine(output)}`, "Run: npx codex doctor")
})

const notLoggedIn = warning(
  "not logged in",
  "Run: npx codex login. A model provider of your own may need no login; --live finds out"
)

/** Returns the last line that is not empty. */
export const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? ""

/** Compares versions by their numbers. */
const isOlder = (version: string, than: string): boolean => {
  const [left, right] = [version, than].map((text) => text.split(/[.-]/).slice(0, 3).map(Number))
  const index = left!.findIndex((part, index) => part !== right![index])
  return index >= 0 && left![index]! < right![index]!
}
