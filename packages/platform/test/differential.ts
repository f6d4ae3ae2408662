/** Random file operations, from a seed, as data: so that the same ones can be done on two file systems. */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"

/** Pseudo-random numbers from a seed: mulberry32. */
export const random = (seed: number) => {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return { below, pick: <A>(choices: ReadonlyArray<A>): A => choices[below(choices.length)]! }
}

/** An operation on the files below a directory. Its result is text, so that results can be compared. */
export interface Operation {
  readonly shown: string
  readonly run: (root: string) => Effect.Effect<string, never, FileSystem.FileSystem>
}

const names = ["a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "l", "d/l", "none/x", "a/x", "."]

const flags: ReadonlyArray<FileSystem.OpenFlag> = ["r", "r+", "w", "wx", "w+", "wx+", "a", "ax", "a+", "ax+"]

const infoOf = (info: FileSystem.File.Info): string =>
  JSON.stringify([
    info.type,
    info.type === "File" ? String(ByteSize.toBigInt(info.size)) : "",
    info.mode.toString(8),
    Option.getOrUndefined(info.uid),
    info.type === "Directory" ? "" : String(Option.getOrUndefined(info.nlink))
  ])

/** What happened, with the reason of a failure; paths of the two roots are the same. */
const outcome = <A>(
  root: string,
  operation: Effect.Effect<A, { readonly reason: { readonly _tag: string } }, FileSystem.FileSystem>,
  show: (value: A) => string = () => "done"
) =>
  Effect.match(operation, {
    onFailure: ({ reason }) => `failed: ${reason._tag}`,
    onSuccess: (value) => show(value).replaceAll(root, "ROOT")
  })

type Use<A> = (fs: FileSystem.FileSystem, path: (name: string) => string) => Effect.Effect<
  A,
  { readonly reason: { readonly _tag: string } }
>

const operation = <A>(shown: string, use: Use<A>, show?: (value: A) => string): Operation => ({
  shown,
  run: (root) =>
    FileSystem.FileSystem.pipe(
      Effect.flatMap((fs) => outcome(root, use(fs, (name) => `${root}/${name}`), show))
    )
})

/** Returns the next random operation. */
export const nextOperation = ({ below, pick }: ReturnType<typeof random>): Operation => {
  const [one, two] = [pick(names), pick(names)]
  const data = "x".repeat(below(40))
  const flag = pick(flags)
  const yes = below(2) === 0
  const also = below(2) === 0
  const number = below(30)
  switch (below(25)) {
    case 0:
      return operation(`readFileString ${one}`, (fs, at) => fs.readFileString(at(one)), (text) => text)
    case 1:
      return operation(
        `writeFileString ${one} ${flag} ${data.length}`,
        (fs, at) => fs.writeFileString(at(one), data, { flag })
      )
    case 2:
      return operation(`writeFileString ${one} ${data.length}`, (fs, at) => fs.writeFileString(at(one), data))
    case 3:
      return operation(`makeDirectory ${one} ${yes}`, (fs, at) => fs.makeDirectory(at(one), { recursive: yes }))
    case 4:
      return operation(
        `remove ${one} recursive ${yes} force ${also}`,
        (fs, at) => fs.remove(at(one === "." ? "d" : one), { recursive: yes, force: also })
      )
    case 5:
      return operation(`rename ${one} ${two}`, (fs, at) => fs.rename(at(one), at(two)))
    case 6:
      return operation(`copyFile ${one} ${two}`, (fs, at) =>
        // Of a directory, Node's fails as ours does, but removes the destination first.
        Effect.catch(fs.stat(at(one)), () => Effect.succeed(undefined)).pipe(
          Effect.flatMap((info) => info?.type === "Directory" ? Effect.void : fs.copyFile(at(one), at(two)))
        ))
    case 7:
    case 8:
      return operation(`copy ${one} ${two} ${yes}`, (fs, at) =>
        // Node looks at both paths at once, and fails with whichever error comes first. Here, that of the source counts.
        Effect.catch(
          fs.copy(at(one), at(two), { overwrite: yes }),
          (error) => Effect.andThen(fs.lstat(at(one)), Effect.fail(error))
        ))
    case 9:
      return operation(`link ${one} ${two}`, (fs, at) => fs.link(at(one), at(two)))
    case 10:
    case 11: {
      const target = pick(["a", "d", "../a", "nowhere", "l", "e"])
      return operation(`symlink ${target} ${one}`, (fs, at) => fs.symlink(target, at(one)))
    }
    case 12:
      return operation(`readLink ${one}`, (fs, at) => fs.readLink(at(one)), (text) => text)
    case 13:
      return operation(`realPath ${one}`, (fs, at) => fs.realPath(at(one)), (text) => text)
    case 14:
      return operation(`stat ${one}`, (fs, at) => fs.stat(at(one)), infoOf)
    case 15:
      return operation(`lstat ${one}`, (fs, at) => fs.lstat(at(one)), infoOf)
    case 16:
      return operation(
        `readDirectory ${one} ${yes}`,
        (fs, at) => fs.readDirectory(at(one), { recursive: yes }),
        (names) => names.sort().join(" ")
      )
    case 17:
      return operation(
        `readDirectoryEntries ${one}`,
        (fs, at) => fs.readDirectoryEntries(at(one)),
        (entries) => entries.map(({ name, type }) => `${name} ${type}`).sort().join(", ")
      )
    case 18: {
      const mode = pick([0o644, 0o600, 0o755, 0o700, 0o444])
      return operation(`chmod ${one} ${mode.toString(8)}`, (fs, at) => fs.chmod(at(one), mode))
    }
    case 19:
      return operation(`truncate ${one} ${number}`, (fs, at) => fs.truncate(at(one), number))
    case 20:
      return operation(
        `utimes ${one}`,
        (fs, at) => fs.utimes(at(one), 1_600_000_000 + number, 1_700_000_000 + number)
      )
    case 21:
      return operation(
        `access ${one} ${yes} ${also}`,
        (fs, at) => fs.access(at(one), { readable: yes, writable: also })
      )
    case 22:
      return operation(`exists ${one}`, (fs, at) => fs.exists(at(one)), String)
    case 23:
      return operation(
        `glob ${yes}`,
        (fs, at) => fs.glob(yes ? "**/a" : "d/*", { root: at(".") }),
        // In the order of the directory, which the file system chooses.
        (found) => found.sort().join(" ")
      )
    default:
      return operation(
        `open ${one} ${flag}, write ${data.length}, read ${number}, seek 1, truncate 5`,
        (fs, at) =>
          Effect.scoped(Effect.gen(function*() {
            const file = yield* fs.open(at(one), { flag })
            const steps: Array<string> = []
            const step = <A>(
              effect: Effect.Effect<A, { readonly reason: { readonly _tag: string } }>,
              show: (value: A) => string
            ) =>
              Effect.match(effect, {
                onFailure: ({ reason }) => steps.push(reason._tag),
                onSuccess: (value) => steps.push(show(value))
              })
            yield* step(file.write(new TextEncoder().encode(data)), String)
            yield* step(file.seek(1n, "start"), String)
            yield* step(file.readAlloc(number), (bytes) => String(Option.getOrUndefined(bytes)))
            yield* step(file.truncate(5), () => "truncated")
            yield* step(file.readAlloc(number, { position: 2n }), (bytes) => String(Option.getOrUndefined(bytes)))
            yield* step(file.stat, infoOf)
            return steps.join(" | ")
          })),
        (text) => text
      )
  }
}

/** The files below a directory, with their contents, as text. */
export const snapshot = (root: string): Effect.Effect<string, never, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const lines: Array<string> = []
    const visit = (directory: string): Effect.Effect<void, { readonly reason: { readonly _tag: string } }> =>
      Effect.gen(function*() {
        for (
          const { name, type } of [...yield* fs.readDirectoryEntries(directory)].sort((a, b) =>
            a.name < b.name ? -1 : 1
          )
        ) {
          const path = `${directory}/${name}`
          const info = infoOf(yield* fs.lstat(path))
          const content = type === "SymbolicLink"
            ? yield* fs.readLink(path)
            : type === "File"
            ? yield* fs.readFileString(path)
            : ""
          lines.push(`${path} ${info} ${content}`.replaceAll(root, "ROOT"))
          if (type === "Directory") yield* visit(path)
        }
      })
    yield* Effect.orDie(visit(root))
    return lines.join("\n")
  })
