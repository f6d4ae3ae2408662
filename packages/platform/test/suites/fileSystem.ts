/** What a `FileSystem` must do, whatever it runs on. */
import { assert, describe, layer as provided, type Vitest } from "@effect/vitest"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Stream from "effect/Stream"

export interface Options {
  /** Whether an open file stays the same file when it is renamed or removed. */
  readonly descriptors: boolean
}

const setup = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped()
  return { fs, path, directory, at: (...names: ReadonlyArray<string>) => path.join(directory, ...names) }
})

const text = (value: string) => new TextEncoder().encode(value)

const textOf = (bytes: Option.Option<Uint8Array>) =>
  Option.match(bytes, { onNone: () => undefined, onSome: (bytes) => new TextDecoder().decode(bytes) })

/** The tag that an operation fails with. */
const tag = <A, R>(operation: Effect.Effect<A, PlatformError, R>) =>
  Effect.map(Effect.flip(operation), ({ reason }) => reason._tag)

/** Runs a change when the watch is ready, and waits for an event. */
const observe = (
  path: string,
  watching: { readonly recursive?: boolean },
  change: Effect.Effect<void, PlatformError>,
  wanted: (event: FileSystem.WatchEvent) => boolean
) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const context = yield* Effect.context<never>()
    const seen: Array<FileSystem.WatchEvent> = []
    const events = fs.watch(path, {
      ...watching,
      onReady: () => {
        Effect.runForkWith(context)(change)
      }
    })
    yield* events.pipe(
      Stream.tap((event) => Effect.sync(() => seen.push(event))),
      Stream.takeUntil(wanted),
      Stream.runDrain
    )
    return seen
  })

/** The services that the tests need. */
type Services = FileSystem.FileSystem | Path.Path

/** The tests, to be run where the services are provided. */
export const fileSystemTests = (options: Options) => (it: Vitest.MethodsNonLive<Services>): void => {
  it.effect("reads and writes text and bytes", () =>
    Effect.gen(function*() {
      const { at, fs } = yield* setup
      yield* fs.writeFileString(at("a"), "gr\u00fc\u00df \u{1f600}\n")
      assert.strictEqual(yield* fs.readFileString(at("a")), "gr\u00fc\u00df \u{1f600}\n")
      const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256)
      yield* fs.writeFile(at("b"), bytes)
      assert.deepStrictEqual([...yield* fs.readFile(at("b"))], [...bytes])
    }))

  it.effect("writes and reads more than one message holds", () =>
    Effect.gen(function*() {
      const { at, fs } = yield* setup
      const bytes = Uint8Array.from({ length: 9_000_001 }, (_, index) => (index * 7) % 251)
      yield* fs.writeFile(at("big"), bytes)
      const read = yield* fs.readFile(at("big"))
      assert.strictEqual(Buffer.compare(read, bytes), 0)
      yield* fs.writeFile(at("big"), bytes.subarray(0, 2_000_000), { flag: "a" })
      assert.strictEqual(ByteSize.toBigInt((yield* fs.stat(at("big"))).size), 11_000_001n)
    }))

  it.effect("honours the flag of a write, with data and without", () =>
    Effect.gen(function*() {
      const { at, fs } = yield* setup
      yield* fs.writeFileString(at("f"), "abcdef")
      yield* fs.writeFileString(at("f"), "XY", { flag: "r+" })
      assert.strictEqual(yield* fs.readFileString(at("f")), "XYcdef")
      yield* fs.writeFileString(at("f"), "!", { flag: "a" })
      assert.strictEqual(yield* fs.readFileString(at("f")), "XYcdef!")
      yield* fs.writeFile(at("f"), new Uint8Array(), { flag: "a" })
      assert.strictEqual(yield* fs.readFileString(at("f")), "XYcdef!")
      assert.strictEqual(yield* tag(fs.writeFileString(at("f"), "no", { flag: "wx" })), "AlreadyExists")
      yield* fs.writeFileString(at("g"), "once", { flag: "wx" })
      assert.strictEqual(yield* fs.readFileString(at("g")), "once")
      assert.strictEqual(yield* tag(fs.writeFileString(at("none"), "no", { flag: "r+" })), "NotFound")
      yield* Effect.flip(fs.writeFileString(at("f"), "no", { flag: "r" }))
      yield* fs.writeFile(at("f"), new Uint8Array())
      assert.strictEqual(yield* fs.readFileString(at("f")), "")
    }))

  it.effect("gives a new file its mode, and leaves that of an old one", () =>
    Effect.gen(function*() {
      const { at, fs } = yield* setup
      yield* fs.writeFileString(at("a"), "", { mode: 0o600 })
      assert.strictEqual((yield* fs.stat(at("a"))).mode & 0o777, 0o600)
      yield* fs.writeFileString(at("a"), "again", { mode: 0o644 })
      assert.strictEqual((yield* fs.stat(at("a"))).mode & 0o777, 0o600)
      yield* fs.makeDirectory(at("d"), { mode: 0o700 })
      assert.strictEqual((yield* fs.stat(at("d"))).mode & 0o777, 0o700)
      yield* fs.chmod(at("a"), 0o751)
      assert.strictEqual((yield* fs.stat(at("a"))).mode & 0o777, 0o751)
    }))

  it.effect("tells all about a file, and about a link", () =>
    Effect.gen(function*() {
      const { at, fs } = yield* setup
      yield* fs.writeFileString(at("f"), "12345")
      yield* fs.utimes(at("f"), new Date(1_600_000_000_250), new Date(1_700_000_000_500))
      yield* fs.symlink("f", at("l"))
      const info = yield* fs.stat(at("l"))
      assert.strictEqual(info.type, "File")
      assert.strictEqual(ByteSize.toBigInt(info.size), 5n)
      assert.strictEqual(Option.getOrThrow(info.atime).getTime(), 1_600_000_000_250)
      assert.strictEqual(Option.getOrThrow(info.mtime).getTime(), 1_700_000_000_500)
      assert.strictEqual(Option.getOrThrow(info.nlink), 1n)
      assert.strictEqual((yield* fs.lstat(at("l"))).type, "SymbolicLink")
      assert.strictEqual((yield* fs.stat(at("."))).type, "Directory")
      assert.strictEqual((yield* fs.stat("/dev/null")).type, "CharacterDevice")
    }))

  it.effect("makes temporary directories and files, and removes the scoped ones", () =>
    Effect.gen(function*() {
      const { at, directory, fs, path } = yield* setup
      const kept = yield* fs.makeTempDirectory({ directory, prefix: "kept-" })
      assert.isTrue(path.basename(kept).startsWith("kept-"))
      const file = yield* fs.makeTempFile({ directory, suffix: ".txt" })
      assert.isTrue(file.endsWith(".txt"))
      const [scoped, scopedFile] = yield* Effect.scoped(Effect.gen(function*() {
        const scoped = yield* fs.makeTempDirectoryScoped({ directory })
        yield* fs.writeFileString(path.join(scoped, "inside"), "x")
        const scopedFile = yield* fs.makeTempFileScoped({ directory })
        assert.isTrue(yield* fs.exists(scopedFile))
        return [scoped, scopedFile]
      }))
      assert.isFalse(yield* fs.exists(scoped!))
      assert.isFalse(yield* fs.exists(path.dirname(scopedFile!)))
      assert.isTrue(yield* fs.exists(at(path.basename(kept))))
    }))

  it.effect("lists a directory, deeply and with kinds", () =>
    Effect.gen(function*() {
      const { at, fs } = yield* setup
      yield* fs.makeDirectory(at("d", "e"), { recursive: true })
      yield* fs.writeFileString(at("d", "e", "f"), "")
      yield* fs.writeFileString(at("g"), "")
      yield* fs.symlink("nowhere", at("l"))
      assert.deepStrictEqual((yield* fs.readDirectory(at("."))).sort(), ["d", "g", "l"])
      const deep = yield* fs.readDirectory(at("."), { recursive: true })
      assert.deepStrictEqual(deep.sort(), ["d", "d/e", "d/e/f", "g", "l"])
      const entries = yield* fs.readDirectoryEntries(at("."))
      assert.deepStrictEqual(entries.map(({ name, type }) => `${name} ${type}`).sort(), [
        "d Directory",
        "g File",
        "l SymbolicLink"
      ])
      assert.deepStrictEqual(yield* fs.readDirectory(at("d", "e", ".")), ["f"])
      yield* fs.makeDirectory(at("empty"))
      assert.deepStrictEqual(yield* fs.readDirectory(at("empty")), [])
      assert.deepStrictEqual(yield* fs.glob("**/f", { root: at(".") }), ["d/e/f"])
    }))

  it.effect("fails with the reason of the system", () =>
    Effect.gen(function*() {
      const { at, fs } = yield* setup
      yield* fs.writeFileString(at("f"), "")
      yield* fs.makeDirectory(at("d"))
      assert.strictEqual(yield* tag(fs.readFile(at("none"))), "NotFound")
      assert.strictEqual(yield* tag(fs.readFile(at("d"))), "BadResource")
      assert.strictEqual(yield* tag(fs.readFile(at("f", "x"))), "BadResource")
      assert.strictEqual(yield* tag(fs.readDirectory(at("f"))), "BadResource")
      assert.strictEqual(yield* tag(fs.makeDirectory(at("d"))), "AlreadyExists")
      assert.strictEqual(yield* tag(fs.makeDirectory(at("x", "y"))), "NotFound")
      assert.strictEqual(yield* tag(fs.remove(at("none"))), "NotFound")
      yield* fs.remove(at("none"), { force: true })
      yield* Effect.flip(fs.remove(at("d")))
      assert.strictEqual(yield* tag(fs.rename(at("none"), at("y"))), "NotFound")
      assert.strictEqual(yield* tag(fs.readLink(at("f"))), "Unknown")
      assert.strictEqual(yield* tag(fs.link(at("f"), at("d"))), "AlreadyExists")
      assert.strictEqual(yield* tag(fs.stat("")), "NotFound")
      assert.isTrue(yield* fs.exists(at("f")))
      assert.isFalse(yield* fs.exists(at("none")))
    }))

  it.effect("checks for rights", () =>
    Effect.gen(function*() {
      const { at, fs } = yield* setup
      yield* fs.writeFileString(at("f"), "")
      yield* fs.access(at("f"), { readable: true, writable: true })
      yield* fs.access(at("."), { readable: true })
      assert.strictEqual(yield* tag(fs.access(at("none"), { readable: true })), "NotFound")
    }))

  it.effect("copies files and trees, and never destroys a file by copying it onto itself", () =>
    Effect.gen(function*() {
      const { at, fs } = yield* setup
      yield* fs.makeDirectory(at("d", "e"), { recursive: true })
      yield* fs.writeFileString(at("d", "e", "f"), "deep")
      yield* fs.writeFileString(at("d", "x"), "exec", { mode: 0o755 })
      yield* fs.copy(at("d"), at("new", "place"))
      assert.strictEqual(yield* fs.readFileString(at("new", "place", "e", "f")), "deep")
      assert.strictEqual((yield* fs.stat(at("new", "place", "x"))).mode & 0o777, 0o755)
      yield* fs.writeFileString(at("new", "place", "e", "f"), "kept")
      yield* fs.copy(at("d"), at("new", "place"), { overwrite: false })
      assert.strictEqual(yield* fs.readFileString(at("new", "place", "e", "f")), "kept")
      yield* fs.copy(at("d"), at("new", "place"), { overwrite: true })
      assert.strictEqual(yield* fs.readFileString(at("new", "place", "e", "f")), "deep")
      yield* fs.copyFile(at("d", "x"), at("copy"))
      assert.strictEqual(yield* fs.readFileString(at("copy")), "exec")
      yield* fs.utimes(at("d", "x"), 1_600_000_000, 1_600_000_000)
      yield* fs.copy(at("d", "x"), at("old"), { preserveTimestamps: true })
      assert.strictEqual(Option.getOrThrow((yield* fs.stat(at("old"))).mtime).getTime(), 1_600_000_000_000)

      yield* fs.symlink("x", at("d", "same"))
      yield* Effect.exit(fs.copyFile(at("d", "x"), at("d", "x")))
      yield* Effect.exit(fs.copyFile(at("d", "x"), at("d", "same")))
      yield* Effect.exit(fs.copy(at("d", "x"), at("d", "x"), { overwrite: true }))
      yield* Effect.flip(fs.copy(at("d"), at("d", "below")))
      assert.strictEqual(yield* fs.readFileString(at("d", "x")), "exec")
    }))

  it.effect("renames, links and resolves", () =>
    Effect.gen(function*() {
      const { at, directory, fs } = yield* setup
      yield* fs.writeFileString(at("a"), "1")
      yield* fs.writeFileString(at("b"), "2")
      yield* fs.rename(at("a"), at("b"))
      assert.strictEqual(yield* fs.readFileString(at("b")), "1")
      assert.isFalse(yield* fs.exists(at("a")))
      yield* fs.link(at("b"), at("hard"))
      assert.strictEqual(Option.getOrThrow((yield* fs.stat(at("b"))).nlink), 2n)
      yield* fs.makeDirectory(at("d"))
      yield* fs.symlink("../b", at("d", "soft"))
      assert.strictEqual(yield* fs.readLink(at("d", "soft")), "../b")
      const real = yield* fs.realPath(directory)
      assert.strictEqual(yield* fs.realPath(at("d", "soft")), `${real}/b`)
      yield* fs.remove(at("d"), { recursive: true })
      assert.strictEqual(yield* fs.readFileString(at("b")), "1")
    }))

  it.effect("survives hostile names", () =>
    Effect.gen(function*() {
      const { at, fs } = yield* setup
      const names = [
        "it's",
        `"quoted"`,
        "$HOME",
        "`id`",
        "-rf",
        "two\nlines",
        "*",
        " space ",
        "\\back",
        "$(touch x)",
        "=END",
        "\u00fcml\u00e4ut",
        "tab\there",
        ";",
        "&&",
        "#"
      ]
      for (const name of names) {
        yield* fs.writeFileString(at(name), name)
        assert.strictEqual(yield* fs.readFileString(at(name)), name)
        yield* fs.copyFile(at(name), at(`${name} copy`))
        yield* fs.rename(at(`${name} copy`), at(`${name} moved`))
        assert.strictEqual((yield* fs.stat(at(`${name} moved`))).type, "File")
        yield* fs.remove(at(`${name} moved`))
        yield* fs.chmod(at(name), 0o640)
        yield* fs.symlink(name, at(`${name} link`))
        assert.strictEqual(yield* fs.readLink(at(`${name} link`)), name)
        yield* fs.remove(at(`${name} link`))
      }
      assert.deepStrictEqual((yield* fs.readDirectory(at("."))).sort(), names.sort())
      assert.strictEqual(yield* tag(fs.stat(at("a\0b"))), "BadArgument")
    }))

  describe("open files", () => {
    it.effect("reads with a cursor, forwards, backwards and at a position", () =>
      Effect.gen(function*() {
        const { at, fs } = yield* setup
        yield* fs.writeFileString(at("f"), "0123456789")
        const file = yield* fs.open(at("f"))
        assert.strictEqual(textOf(yield* file.readAlloc(3)), "012")
        assert.strictEqual(textOf(yield* file.readAlloc(3)), "345")
        assert.strictEqual(yield* file.seek(-4n, "current"), 2n)
        assert.strictEqual(textOf(yield* file.readAlloc(2)), "23")
        assert.strictEqual(textOf(yield* file.readAlloc(2, { position: 8n })), "89")
        assert.strictEqual(textOf(yield* file.readAlloc(2)), "45")
        assert.strictEqual(yield* tag(file.seek(-1n, "start")), "BadArgument")
        assert.strictEqual(yield* tag(file.readAlloc(1, { position: -1n })), "BadArgument")
        const buffer = new Uint8Array(10)
        assert.strictEqual(yield* file.read(buffer), 4)
        assert.strictEqual(new TextDecoder().decode(buffer.subarray(0, 4)), "6789")
        assert.isTrue(Option.isNone(yield* file.readAlloc(1)))
        assert.strictEqual(yield* file.read(buffer), 0)
        assert.isTrue(Option.isNone(yield* file.readAlloc(5, { position: 100n })))
        assert.strictEqual(ByteSize.toBigInt((yield* file.stat).size), 10n)
        yield* Effect.flip(file.writeAll(text("no")))
      }))

    it.effect("writes with a cursor, and beyond the end", () =>
      Effect.gen(function*() {
        const { at, fs } = yield* setup
        const file = yield* fs.open(at("f"), { flag: "w+" })
        yield* file.writeAll(text("hello "))
        assert.strictEqual(yield* file.write(text("world")), 5)
        yield* file.seek(6n, "start")
        yield* file.writeAll(text("W"))
        assert.strictEqual(textOf(yield* file.readAlloc(4)), "orld")
        yield* file.seek(13n, "start")
        yield* file.writeAll(text("!"))
        yield* file.writeAll(new Uint8Array())
        yield* file.sync
        assert.strictEqual(yield* fs.readFileString(at("f")), "hello World\0\0!")
      }))

    it.effect("appends, and leaves the cursor for reading", () =>
      Effect.gen(function*() {
        const { at, fs } = yield* setup
        yield* fs.writeFileString(at("f"), "abc")
        const file = yield* fs.open(at("f"), { flag: "a+" })
        yield* file.seek(1n, "start")
        yield* file.writeAll(text("def"))
        assert.strictEqual(textOf(yield* file.readAlloc(3)), "bcd")
        yield* file.writeAll(text("g"))
        assert.strictEqual(textOf(yield* file.readAlloc(9)), "efg")
      }))

    it.effect("truncates, and brings back a cursor that is behind the end", () =>
      Effect.gen(function*() {
        const { at, fs } = yield* setup
        yield* fs.writeFileString(at("f"), "0123456789")
        const file = yield* fs.open(at("f"), { flag: "r+" })
        yield* file.seek(2n, "start")
        yield* file.truncate(8)
        assert.strictEqual(textOf(yield* file.readAlloc(2)), "23")
        yield* file.seek(7n, "start")
        yield* file.truncate(5)
        yield* file.writeAll(text("X"))
        assert.strictEqual(yield* fs.readFileString(at("f")), "01234X")
        yield* file.truncate()
        assert.strictEqual(yield* fs.readFileString(at("f")), "")
        yield* fs.writeFileString(at("g"), "12345")
        yield* fs.truncate(at("g"), 2)
        assert.strictEqual(yield* fs.readFileString(at("g")), "12")
        yield* fs.truncate(at("g"))
        assert.strictEqual(yield* fs.readFileString(at("g")), "")
      }))

    it.effect("opens exclusively, and not what is missing", () =>
      Effect.gen(function*() {
        const { at, fs } = yield* setup
        yield* fs.open(at("f"), { flag: "wx" })
        assert.strictEqual(yield* tag(fs.open(at("f"), { flag: "ax+" })), "AlreadyExists")
        assert.strictEqual(yield* tag(fs.open(at("none"))), "NotFound")
        assert.strictEqual(yield* tag(fs.open(at("none"), { flag: "r+" })), "NotFound")
      }))

    it.effect("streams a part of a file, and from a sink into one", () =>
      Effect.gen(function*() {
        const { at, fs } = yield* setup
        const chunks = ["one ", "two ", "three"].map(text)
        yield* Stream.run(Stream.fromIterable(chunks), fs.sink(at("f")))
        assert.strictEqual(yield* fs.readFileString(at("f")), "one two three")
        const part = fs.stream(at("f"), { offset: 4, bytesToRead: 5, chunkSize: 2 })
        const pieces = yield* Stream.runCollect(part)
        assert.deepStrictEqual(pieces.map((piece) => new TextDecoder().decode(piece)), ["tw", "o ", "t"])
        const whole = yield* Stream.mkString(Stream.decodeText(fs.stream(at("f"))))
        assert.strictEqual(whole, "one two three")
      }))

    if (options.descriptors) {
      it.effect("stays the same file when its path is another", () =>
        Effect.gen(function*() {
          const { at, fs } = yield* setup
          yield* fs.writeFileString(at("f"), "first")
          const file = yield* fs.open(at("f"), { flag: "r+" })
          yield* fs.rename(at("f"), at("g"))
          yield* fs.writeFileString(at("f"), "second")
          assert.strictEqual(textOf(yield* file.readAlloc(5)), "first")
          yield* file.writeAll(text("!"))
          assert.strictEqual(yield* fs.readFileString(at("g")), "first!")
          yield* fs.remove(at("g"))
          assert.strictEqual(textOf(yield* file.readAlloc(6, { position: 0n })), "first!")
        }))
    }

    it.effect("follows no link if told so", () =>
      Effect.gen(function*() {
        const { at, fs } = yield* setup
        yield* fs.writeFileString(at("f"), "")
        yield* fs.symlink("f", at("l"))
        assert.strictEqual(
          yield* tag(fs.open(at("l"), { noFollow: true })),
          options.descriptors ? "BadResource" : "BadArgument"
        )
      }))
  })

  describe("watch", () => {
    it.effect("tells what is created, changed and removed in a directory", () =>
      Effect.gen(function*() {
        const { at, fs } = yield* setup
        yield* fs.writeFileString(at("old"), "1")
        yield* fs.writeFileString(at("gone"), "1")
        const created = yield* observe(
          at("."),
          {},
          fs.writeFileString(at("new"), "x"),
          (event) => event._tag === "Create" && event.path === "new"
        )
        assert.isTrue(created.every(({ path }) => path === "new"))
        yield* observe(
          at("."),
          {},
          fs.writeFileString(at("old"), "longer"),
          (event) => event._tag === "Update" && event.path === "old"
        )
        yield* observe(
          at("."),
          {},
          fs.remove(at("gone")),
          (event) => event._tag === "Remove" && event.path === "gone"
        )
      }))

    it.effect("looks into subdirectories only if told so", () =>
      Effect.gen(function*() {
        const { at, fs } = yield* setup
        yield* fs.makeDirectory(at("d"))
        const change = Effect.andThen(
          fs.writeFileString(at("d", "nested"), "x"),
          fs.writeFileString(at("last"), "x")
        )
        const shallow = yield* observe(at("."), {}, change, ({ path }) => path === "last")
        assert.isTrue(shallow.every(({ path }) => !path.includes("nested")))
        const deep = yield* observe(
          at("."),
          { recursive: true },
          fs.writeFileString(at("d", "other"), "x"),
          ({ _tag, path }) => _tag === "Create" && path === "d/other"
        )
        assert.isAbove(deep.length, 0)
      }))

    it.effect("watches one file", () =>
      Effect.gen(function*() {
        const { at, fs } = yield* setup
        yield* fs.writeFileString(at("f"), "1")
        const seen = yield* observe(
          at("f"),
          {},
          fs.writeFileString(at("f"), "22"),
          (event) => event._tag === "Update" && event.path === "f"
        )
        assert.isTrue(seen.every(({ path }) => path === "f"))
      }))

    it.effect("fails for what is not there", () =>
      Effect.gen(function*() {
        const { at, fs } = yield* setup
        assert.strictEqual(yield* tag(Stream.runDrain(fs.watch(at("none")))), "NotFound")
      }))
  })
}

/** The tests on a layer. */
export const fileSystemSuite = <E>(name: string, layer: Layer.Layer<Services, E>, options: Options) =>
  provided(layer, { timeout: 60_000, excludeTestServices: true })(name, fileSystemTests(options))
