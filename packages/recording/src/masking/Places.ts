/**
 * Directories of this machine, and its name: how they are found in a text, and the names that replace them.
 */
import type { Decoding } from "effect-codex/Secrets"
import * as Fs from "node:fs"
import * as Path from "node:path"
import type { Found } from "./forms.ts"

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")

/** Returns a pattern for a directory as a whole name, with any kind and number of slashes. */
const pathPattern = (path: string): string | undefined => {
  const names = path.split(/[\\/]+/).filter((name) => name !== "")
  if (names.length === 0 || /^[A-Za-z]:$/.test(names.at(-1)!)) return undefined
  const body = (/^[\\/]/.test(path) ? "[\\\\\\/]" : "") + names.map(escape).join("[\\\\\\/]+")
  // A short path such as /root is part of many others: it counts only where a path can begin.
  return `${names.length > 1 ? "" : "(?<![\\p{L}\\p{N}_.~-])"}${body}(?![\\p{L}\\p{N}_-])`
}

/** Returns the path itself, and the target if it is a link. */
const pathAndTarget = (path: string): ReadonlyArray<string> => {
  const absolute = Path.resolve(path)
  try {
    return [absolute, Fs.realpathSync(absolute)]
  } catch {
    return [absolute]
  }
}

interface Place {
  readonly text: string
  readonly pattern: string
  readonly replacement: string
}

/** A set of directories and host names that can be found in texts. */
export class Places {
  private known: ReadonlyArray<Place> = []
  private pattern: RegExp | undefined

  /** The texts to look for. */
  get texts(): ReadonlyArray<string> {
    return this.known.map(({ text }) => text)
  }

  /** Adds a directory. If it is known already, its first name stays. */
  addPath(name: string, path: string): void {
    if (path === "") return
    for (const text of pathAndTarget(path)) {
      const pattern = pathPattern(text)
      if (pattern !== undefined) this.add({ text, pattern, replacement: name })
    }
  }

  /** Adds the name of this machine. Short names, and `localhost`, are ignored. */
  addHost(host: string): void {
    if (host.length < 4 || host === "localhost") return
    this.add({ text: host, pattern: `(?<![\\w-])${escape(host)}(?![\\w-])`, replacement: "[host]" })
  }

  private add(place: Place): void {
    if (this.known.some(({ text }) => text === place.text)) return
    // The longest comes first: a directory within another one has a name of its own.
    this.known = [...this.known, place].sort((a, b) => b.text.length - a.text.length)
    const source = this.known.map(({ pattern }) => `(${pattern})`).join("|")
    this.pattern = new RegExp(source, process.platform === "win32" ? "giu" : "gu")
  }

  /** Finds the places in a text. */
  find({ origin, text }: Decoding): ReadonlyArray<Found> {
    const { known, pattern } = this
    const found: Array<Found> = []
    if (pattern === undefined) return found
    pattern.lastIndex = 0
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const place = known[match.slice(1).findIndex((group) => group !== undefined)]!
      found.push({ start: origin(match.index), end: origin(pattern.lastIndex), replacement: place.replacement })
    }
    return found
  }
}
