/**
 * The pin: the list of all places that name the pinned version of codex.
 *
 *     node packages/checks/src/pin.ts           checks that all places name the same version
 *     node packages/checks/src/pin.ts 0.171.0   writes another version to all places, installs it, and generates from it
 *
 * You can repeat a move, for instance after the generator stopped. CONTRIBUTING.md lists the remaining manual steps.
 */
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Problem, report, root } from "./problem.ts"

/** A place that names the pinned version: a file, and a pattern that matches the version with or without its patch number. */
export interface Place {
  readonly file: string
  readonly pattern: RegExp
}

const dependency = /(?<="@openai\/codex": ")[^"]+/g

/** All places. A sentence about the behavior of a certain version is not among them, because it stays true. */
const places: ReadonlyArray<Place> = [
  { file: "package.json", pattern: dependency },
  { file: "packages/protocol/package.json", pattern: dependency },
  { file: "packages/codex/package.json", pattern: dependency },
  { file: "packages/testing/src/server/Fixture.ts", pattern: /(?<=^export const version = ")[^"]+/gm },
  { file: "packages/cli/src/doctor/pinned.ts", pattern: /(?<=^export const pinned = ")[^"]+/gm },
  { file: "packages/codex/docs/faq.md", pattern: /(?<=the pinned version, )\d+\.\d+\.\d+/g },
  { file: "packages/codex/docs/contributing/faults.md", pattern: /(?<=an older server, 0\.130 to )\d+\.\d+/g },
  { file: "packages/protocol/docs/protocol.md", pattern: /(?<=servers from 0\.130 to )\d+\.\d+/g },
  { file: "README.md", pattern: /(?<=captures of servers from 0\.130 to )\d+\.\d+/g }
]

/** Formats a version like `before`, with or without the patch number. */
const written = (version: string, before: string): string =>
  before.split(".").length === 2 ? version.split(".").slice(0, 2).join(".") : version

/** Finds the places that name another version than the pinned one, or no version. */
export const checkPlaces = (directory: string, pinned: string, places: ReadonlyArray<Place>): ReadonlyArray<Problem> =>
  places.flatMap(({ file, pattern }) => {
    const path = join(directory, file)
    const text = readFileSync(path, "utf8")
    const matches = [...text.matchAll(pattern)]
    if (matches.length === 0) {
      return [{
        file: path,
        line: 1,
        message: `does not name the pinned version: update its place in packages/checks/src/pin.ts`
      }]
    }
    return matches.filter(([named]) => named !== written(pinned, named)).map(({ 0: named, index }) => ({
      file: path,
      line: text.slice(0, index).split("\n").length,
      message: `names codex ${named}, but ${pinned} is pinned`
    }))
  })

/** Writes another version to the places. */
export const writePlaces = (directory: string, version: string, places: ReadonlyArray<Place>): void => {
  for (const { file, pattern } of places) {
    const path = join(directory, file)
    writeFileSync(path, readFileSync(path, "utf8").replace(pattern, (before) => written(version, before)))
  }
}

/** Removes codex from a lock file. If the entries stayed, npm would keep the old version and nest the new one. */
export const unlock = (lockFile: string): string => {
  const lock = JSON.parse(lockFile)
  for (const path of Object.keys(lock.packages)) {
    if (/(^|\/)node_modules\/@openai\/codex(-|$)/.test(path)) delete lock.packages[path]
  }
  return `${JSON.stringify(lock, null, 2)}\n`
}

/** Runs a command with its output shown, and exits if it fails. */
const run = (command: string, ...args: ReadonlyArray<string>): void => {
  try {
    execFileSync(command, args, { cwd: root, stdio: "inherit", shell: process.platform === "win32" })
  } catch {
    process.exit(1)
  }
}

const move = (version: string): void => {
  writePlaces(root, version, places)
  const lockFile = join(root, "package-lock.json")
  writeFileSync(lockFile, unlock(readFileSync(lockFile, "utf8")))
  // The install scripts would generate without the manifest. The lock file must not name a registry.
  run("npm", "install", "--ignore-scripts", "--omit-lockfile-registry-resolved")
  run("npm", "run", "--silent", "generate", "--", "--manifest")
}

if (import.meta.main) {
  const [version] = process.argv.slice(2)
  if (version === undefined) {
    const { version: pinned } = JSON.parse(readFileSync(join(root, "packages/protocol/protocol.manifest.json"), "utf8"))
    report("pin", checkPlaces(root, pinned, places))
  } else if (/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
    move(version)
  } else {
    console.error("Usage: npm run pin -- <version of @openai/codex, such as 0.171.0>")
    process.exitCode = 1
  }
}
