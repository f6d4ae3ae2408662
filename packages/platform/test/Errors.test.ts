/** Each answer that a server can give, or not give, as the typed error of its kind: on a server that is told what to answer. */
import { CodexChildProcessSpawner, CodexFileSystem, CodexPath, CodexServices } from "@effect-codex/platform"
import { FakeAppServer } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"

const reasonOf = <A, R>(effect: Effect.Effect<A, PlatformError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const failure = <A, E, R>(layer: Layer.Layer<A, E, R>) => Effect.scoped(Effect.flip(Layer.build(layer)))

const refuse = (message: string) => () => Effect.fail(new FakeAppServer.RpcError({ code: -32603, message }))

const files = CodexFileSystem.layer({ sandbox: "none", helpers: "none", cwd: "/srv" })

/** The handshake of a server on Windows. */
const windows: FakeAppServer.Handlers = {
  initialize: () => ({
    userAgent: "codex/0.171.0",
    codexHome: "C:\\Users\\codex\\.codex",
    platformFamily: "windows",
    platformOs: "windows"
  })
}

describe("a request", () => {
  it.live("that is not answered fails with TimedOut", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const server = yield* FakeAppServer.FakeAppServer
      yield* server.on("fs/getMetadata", () => Effect.never)
      const reason = yield* reasonOf(fs.access("f"))
      assert.strictEqual(reason._tag, "TimedOut")
      assert.propertyVal(reason.cause, "_tag", "CodexTimeoutError")
    }).pipe(
      Effect.provide(
        files.pipe(Layer.provideMerge(FakeAppServer.layerCodex({ client: { requestTimeout: "50 millis" } })))
      )
    ))

  it.live("whose answer cannot be read fails with InvalidData", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const server = yield* FakeAppServer.FakeAppServer
      yield* server.on("fs/readFile", () => FakeAppServer.verbatim({ data: 1 }))
      const reason = yield* reasonOf(fs.readFile("f"))
      assert.strictEqual(reason._tag, "InvalidData")
      assert.propertyVal(reason.cause, "_tag", "CodexDecodeError")
    }).pipe(Effect.provide(files.pipe(Layer.provideMerge(FakeAppServer.layerCodex())))))

  for (
    const [os, table] of [
      ["linux", {
        1: "PermissionDenied",
        2: "NotFound",
        5: "Unknown",
        13: "PermissionDenied",
        16: "Busy",
        17: "AlreadyExists",
        20: "BadResource",
        21: "BadResource",
        26: "Busy",
        30: "PermissionDenied",
        40: "BadResource"
      }],
      ["windows", {
        2: "NotFound",
        3: "NotFound",
        5: "PermissionDenied",
        13: "Unknown",
        32: "Busy",
        80: "AlreadyExists",
        183: "AlreadyExists",
        267: "BadResource"
      }]
    ] as const
  ) {
    it.live(`that the server refuses fails by the error number of ${os}, with the refusal`, () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const server = yield* FakeAppServer.FakeAppServer
        for (const [errno, tag] of Object.entries(table)) {
          yield* server.on("fs/readFile", refuse(`it is impossible (os error ${errno})`))
          const reason = yield* reasonOf(fs.readFile("f"))
          assert.strictEqual(reason._tag, tag, errno)
          assert.propertyVal(reason.cause, "_tag", "CodexRpcError")
        }
        for (const [words, tag] of [["not a file", "BadResource"], ["something else", "Unknown"]] as const) {
          yield* server.on("fs/readFile", refuse(words))
          assert.strictEqual((yield* reasonOf(fs.readFile("f")))._tag, tag)
        }
      }).pipe(
        Effect.provide(
          CodexFileSystem.layer({ sandbox: "none", helpers: "none", cwd: os === "windows" ? "C:\\work" : "/work" })
            .pipe(
              Layer.provideMerge(FakeAppServer.layerCodex(os === "windows" ? { handlers: windows } : {}))
            )
        )
      ))
  }
})

describe("a server on Windows", () => {
  const server = FakeAppServer.layerCodex({ handlers: windows })

  it.live("has its own separator, drives and directory", () =>
    Effect.gen(function*() {
      const path = yield* Path.Path
      assert.strictEqual(path.sep, "\\")
      assert.strictEqual(path.resolve("a", "..\\b"), "C:\\work\\b")
      assert.strictEqual(path.resolve("D:\\x"), "D:\\x")
      assert.strictEqual(path.join("a", "b"), "a\\b")
      assert.isTrue(path.isAbsolute("C:\\x"))
      assert.strictEqual(path.relative("a", "C:\\work\\b"), "..\\b")
      assert.strictEqual((yield* path.toFileUrl("a b")).href, "file:///C:/work/a%20b")
      assert.strictEqual(yield* path.fromFileUrl(new URL("file:///C:/work/a%20b")), "C:\\work\\a b")
    }).pipe(Effect.provide(CodexPath.layer({ cwd: "C:\\work" }).pipe(Layer.provide(server)))))

  it.live("gets absolute paths of its own", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const fake = yield* FakeAppServer.FakeAppServer
      yield* fake.on("fs/readFile", () => ({ dataBase64: "eA==" }))
      for (
        const [given, sent] of [["a\\b", "C:\\work\\a\\b"], ["D:\\x", "D:\\x"], ["\\\\host\\x", "\\\\host\\x"]] as const
      ) {
        yield* fake.clear
        assert.strictEqual(yield* fs.readFileString(given), "x")
        assert.strictEqual((yield* fake.awaitRequest("fs/readFile")).params.path, sent)
      }
    }).pipe(
      Effect.provide(
        CodexFileSystem.layer({ sandbox: "none", helpers: "none", cwd: "C:\\work" }).pipe(Layer.provideMerge(server))
      )
    ))

  it.live("has no helpers and no processes, and does not tell its directory", () =>
    Effect.gen(function*() {
      const context = Layer.succeedContext(yield* Layer.build(server))
      for (
        const layer of [CodexServices.layer({ sandbox: "none" }), CodexChildProcessSpawner.layer({ sandbox: "none" })]
      ) {
        const error = yield* failure(layer.pipe(Layer.provide(context)))
        assert.deepStrictEqual(error.reason, {
          _tag: "Unsupported",
          feature: "processes and helpers",
          needs: "a server on Linux or macOS"
        })
      }
      const path = yield* failure(CodexPath.layer().pipe(Layer.provide(context)))
      assert.match(path.message, /a Windows server does not tell its own/)
    }).pipe(Effect.scoped))
})

describe("a server without process/spawn", () => {
  it.live("is named when the layer is built", () =>
    Effect.gen(function*() {
      const context = Layer.succeedContext(
        yield* Layer.build(FakeAppServer.layerCodex({
          handlers: {
            "command/exec": () => ({ exitCode: 0, stdout: "perl \ntmp /tmp\n\ncwd /srv", stderr: "" }),
            "process/spawn": refuse("Invalid request: unknown variant `process/spawn`")
          }
        }))
      )
      const error = yield* failure(CodexChildProcessSpawner.layer({ sandbox: "none" }).pipe(Layer.provide(context)))
      assert.deepStrictEqual(error.reason, {
        _tag: "Unsupported",
        feature: "process/spawn",
        needs: "version 0.130 or newer"
      })
    }).pipe(Effect.scoped))
})
