import { Reply, TestCodex } from "@effect-codex/testing"
import { assert, describe, it, layer } from "@effect/vitest"
import { Codex, ProcessOptions } from "effect-codex"
import * as CodexConfig from "effect-codex/CodexConfig"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { onTestFinished } from "vitest"
import { setup } from "./real/utils.ts"

const temporary = (): string => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "effect-codex-config-")))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

/** An empty file, with the directories above it. */
const file = (...path: ReadonlyArray<string>): string => {
  const name = join(...path)
  mkdirSync(dirname(name), { recursive: true })
  writeFileSync(name, "")
  chmodSync(name, 0o755)
  return name
}

/** A program `bin/codex` that says something on standard error, and ends. */
const program = (directory: string, says: string): string => {
  const path = file(directory, "bin", "codex")
  writeFileSync(path, `#!/bin/sh\necho ${says} >&2\nexit 3\n`)
  return path
}

/** Returns the command that is started if the environment names no binary. */
const commandOf = (config: ProcessOptions.ProcessOptions) =>
  ProcessOptions.command({ env: { CODEX_PATH: undefined }, ...config })

/** The native binary that is pinned, and the name of its platform: `.../vendor/<target>/bin/codex`. */
const pinned = Effect.map(commandOf({}), ({ program }) => ({
  program,
  executable: basename(program),
  target: basename(dirname(dirname(program))),
  helpers: join(dirname(dirname(program)), "codex-path")
}))

describe("the command", () => {
  it.effect("is the native binary that is pinned, with its helpers on PATH once", () =>
    Effect.gen(function*() {
      const { helpers, program } = yield* pinned
      assert.match(program, /@openai[\\/]codex-\w+-\w+[\\/]vendor[\\/].+[\\/]bin[\\/]codex(\.exe)?$/)
      const path = ["/usr/bin", helpers, "", "/bin"].join(delimiter)
      const { args, cwd, env } = yield* commandOf({ env: { PATH: path }, envMode: "replace", config: { model: "m" } })
      assert.deepStrictEqual(env, { PATH: [helpers, "/usr/bin", "/bin"].join(delimiter) })
      assert.deepStrictEqual(args, ["--config", "model=\"m\"", "app-server", "--listen", "stdio://"])
      assert.isUndefined(cwd)
    }))

  it.effect("is `args`, verbatim, whatever the other options are", () =>
    Effect.gen(function*() {
      const args = ["/no such/prögram", "app-server", "--listen", "stdio://", "", "grüß \"🦀\""] as const
      const env = { PATH: "/usr/bin" }
      assert.deepStrictEqual(
        yield* commandOf({ args, codexPath: "/nowhere", config: { model: "m" }, env, envMode: "replace", cwd: "/" }),
        { program: args[0], args: args.slice(1), env, cwd: "/" }
      )
    }))

  it.effect("is `codexPath`, then CODEX_PATH, then the pinned one; a named program must exist", () =>
    Effect.gen(function*() {
      const directory = temporary()
      const [mine, other] = [file(directory, "mine"), file(directory, "other")]
      assert.strictEqual((yield* ProcessOptions.command({ codexPath: mine, env: { CODEX_PATH: other } })).program, mine)
      assert.strictEqual((yield* ProcessOptions.command({ env: { CODEX_PATH: other } })).program, other)
      assert.strictEqual((yield* ProcessOptions.command({ env: { CODEX_PATH: "" } })).program, (yield* pinned).program)

      const missing = join(directory, "missing")
      for (const config of [{ codexPath: missing }, { env: { CODEX_PATH: missing } }]) {
        const error = yield* Effect.flip(ProcessOptions.command(config))
        assert(error._tag === "CodexConnectError" && error.reason._tag === "NotFound")
        assert.strictEqual(error.target, missing)
        assert.include(error.message, missing)
        assert.include(error.message, "codexPath" in config ? "codexPath names" : "CODEX_PATH names")
      }
      const error = yield* Effect.flip(ProcessOptions.command({ codexPath: directory }))
      assert(error._tag === "CodexConnectError" && error.reason._tag === "NotExecutable")
      assert.strictEqual(error.target, directory)
    }))

  it.live("is executed where it was found: a directory to work in brings no program of its own", () =>
    Effect.gen(function*() {
      const [own, checkout, home] = [temporary(), temporary(), temporary()]
      const mine = program(own, "mine")
      program(checkout, "theirs")
      const before = process.cwd()
      onTestFinished(() => process.chdir(before))
      process.chdir(own)
      const says = (options: ProcessOptions.ProcessOptions) =>
        Effect.map(
          Effect.flip(Effect.provide(Codex.Codex, Codex.layer({ cwd: checkout, codexHome: home, ...options }))),
          ({ message }) => message
        )
      const PATH = process.env["PATH"]
      for (
        const options of [
          { codexPath: "bin/codex" },
          { codexPath: "./bin/../bin/codex" },
          { env: { CODEX_PATH: "bin/codex" } },
          { args: ["bin/codex"] as const },
          { codexPath: "codex", env: { PATH: ["bin", "", join(own, "bin"), PATH].join(delimiter) } },
          { args: ["codex"] as const, env: { PATH: ["bin", join(own, "bin"), PATH].join(delimiter) } }
        ]
      ) {
        const message = yield* says(options)
        assert.include(message, mine)
        assert.match(message, /^mine$/m)
        assert.notInclude(message, "theirs")
      }
      // Relative entries of PATH name nothing, and a file in the directory is no name on PATH.
      writeFileSync(join(own, "codex"), "")
      chmodSync(join(own, "codex"), 0o755)
      for (const option of ["codexPath", "args"] as const) {
        const options = option === "args" ? { args: ["codex"] as const } : { codexPath: "codex" }
        assert.include(
          yield* says({ ...options, env: { PATH: ["bin", ".", ""].join(delimiter) } }),
          `${option} names a program that is not on PATH`
        )
      }
    }))

  it.effect("resolves paths when the Layer is built, whatever the directory is later", () =>
    Effect.gen(function*() {
      const directory = temporary()
      const options = { codexPath: "codex", cwd: "work", codexHome: "home" }
      const path = file(directory, "bin", "codex")
      const command = yield* ProcessOptions.command({ ...options, codexPath: "bin/codex" }, directory)
      assert.deepInclude(command, { program: path, cwd: join(directory, "work") })
      assert.strictEqual(command.env["CODEX_HOME"], join(directory, "home"))
    }))

  it.effect("is the binary behind npm's shim, of the package's layout and of the older one", () =>
    Effect.gen(function*() {
      const { executable, target } = yield* pinned
      const platform = `codex-${process.platform}-${process.arch}`
      for (const [binary, helpers] of [["bin", "codex-path"], ["codex", "path"]] as const) {
        const directory = temporary()
        const shim = file(directory, "codex.cmd")
        const packages = join(directory, "node_modules", "@openai")
        for (const name of ["codex", platform]) writeFileSync(file(packages, name, "package.json"), "{}")
        const native = file(packages, platform, "vendor", target, binary, executable)
        mkdirSync(join(packages, platform, "vendor", target, helpers))
        assert.strictEqual((yield* commandOf({ codexPath: shim })).program, native)
      }
    }))

  it("is codex on PATH without the package; otherwise the error lists the places searched", () => {
    const directory = temporary()
    const source = fileURLToPath(new URL("../src", import.meta.url))
    cpSync(source, join(directory, "src"), { recursive: true })
    cpSync(fileURLToPath(new URL("../package.json", import.meta.url)), join(directory, "package.json"))
    for (const name of ["effect", "@effect/platform-node", "@effect-codex/protocol"]) {
      mkdirSync(dirname(join(directory, "node_modules", name)), { recursive: true })
      const { pathname } = new URL(".", import.meta.resolve(`${name}/package.json`))
      symlinkSync(pathname, join(directory, "node_modules", name), "dir")
    }
    writeFileSync(
      join(directory, "main.ts"),
      `import * as Effect from "effect/Effect"
       import * as ProcessOptions from "./src/ProcessOptions.ts"
       const command = ProcessOptions.command({ env: { CODEX_PATH: undefined } })
       console.log(JSON.stringify(Effect.runSync(Effect.match(command, {
         onFailure: (error) => error.message,
         onSuccess: ({ program }) => program
       }))))`
    )
    const run = (path: string): unknown =>
      JSON.parse(execFileSync(process.execPath, ["--conditions=@effect-codex/source", "main.ts"], {
        cwd: directory,
        env: { ...process.env, PATH: path },
        encoding: "utf8"
      }))
    const message = run(join(directory, "empty"))
    for (const part of ["@openai/codex", "codexPath", "CODEX_PATH", "PATH"]) assert.include(message, part)
    const codex = file(directory, "bin", process.platform === "win32" ? "codex.exe" : "codex")
    assert.strictEqual(run(["", join(directory, "empty"), dirname(codex)].join(delimiter)), codex)
  })
})

describe("an option that can't be meant", () => {
  const wrong: ReadonlyArray<readonly [field: string, config: object]> = [
    ["codexPath", { codexPath: 7 }],
    ["cwd", { cwd: "a\0b" }],
    ["args", { args: [] }],
    ["args", { args: ["codex", "a\0b"] }],
    ["env.KEY", { env: { KEY: Redacted.make("sk-\0secret") } }],
    ["env.KEY", { env: { KEY: null } }],
    ["envMode", { envMode: "add" }],
    ["stderr", { stderr: "quiet" }],
    ["clientInfo.name", { clientInfo: { name: " ", version: "1.0.0" } }],
    ["handshakeTimeout", { handshakeTimeout: "soon" }],
    ["requestTimeout", { requestTimeout: "soon" }],
    ["shutdownGrace", { shutdownGrace: "soon" }],
    ["requestTimeout", { requestTimeout: Number.NaN }],
    ["requestTimeout", { requestTimeout: {} }],
    ["handshakeTimeout", { handshakeTimeout: -1 }],
    ["shutdownGrace", { shutdownGrace: -1 }],
    ["codexPath", { codexPath: "" }],
    ["clientInfo", { clientInfo: "my app" }],
    ["clientInfo.version", { clientInfo: { name: "my app", version: "" } }],
    ["experimentalApi", { experimentalApi: "no" }],
    ["optOutNotifications", { optOutNotifications: "warning" }],
    ["restart", { restart: true }],
    ["serverRequests", { serverRequests: { "item/commandExecution/approval": () => Effect.never } }],
    ["serverRequests", { serverRequests: { "item/tool/call": "no" } }],
    ["apiKey", { apiKey: "sk-secret" }],
    ["sandboxMode", { sandboxMode: "read-only" }]
  ]
  for (const [field, config] of wrong) {
    it.effect(`is named: ${JSON.stringify(config)}`, () =>
      Effect.gen(function*() {
        const layer = Codex.layer({ args: [process.execPath, "-e", ""], ...config })
        const error = yield* Effect.flip(Effect.provide(Codex.Codex, layer))
        assert.deepInclude(error, { _tag: "InvalidInputError", field })
        assert.notInclude(error.message, "secret")
      }))
  }

  it.effect("is a path that can't be looked at", () =>
    Effect.gen(function*() {
      const loop = join(temporary(), "loop")
      symlinkSync(loop, loop)
      for (const path of [loop, `/${"x".repeat(5_000)}`]) {
        const binary = yield* Effect.flip(ProcessOptions.command({ codexPath: path }))
        assert(binary._tag === "CodexConnectError" && binary.reason._tag === "NotExecutable")
        assert.strictEqual(binary.target, path)
        const layer = Codex.layer({ args: [process.execPath, "-e", ""], cwd: path })
        const cwd = yield* Effect.flip(Effect.provide(Codex.Codex, layer))
        assert(cwd._tag === "CodexConnectError" && cwd.reason._tag === "BadDirectory")
        assert.strictEqual(cwd.target, path)
      }
    }))
})

describe("codexHome", () => {
  it.live("is created for this user alone when it is missing", () =>
    Effect.gen(function*() {
      const codexHome = join(temporary(), "tenants", "a")
      const { codexHome: told } = (yield* Codex.Codex.pipe(Effect.provide(Codex.layer({ codexHome })))).metadata
      assert.strictEqual(told, codexHome)
      assert.strictEqual(statSync(codexHome).mode & 0o777, 0o700)
    }))

  it.live("that cannot be created is named", () =>
    Effect.gen(function*() {
      const blocked = file(temporary(), "file")
      for (const codexHome of [blocked, join(blocked, "below")]) {
        const error = yield* Effect.flip(Effect.provide(Codex.Codex, Codex.layer({ codexHome })))
        assert(error._tag === "CodexConnectError" && error.reason._tag === "BadDirectory")
        assert.include(error.message, "codexHome")
      }
    }))
})

describe("the environment", () => {
  it.effect("is that of this process with `env` on top, or `env` alone", () =>
    Effect.gen(function*() {
      const key = Redacted.make("sk-secret")
      const env = { A: "1", KEY: key, HOME: undefined }
      const extended = (yield* ProcessOptions.command({ args: ["/x"], env, codexHome: "/codex" })).env
      assert.deepInclude(extended, { A: "1", KEY: "sk-secret", CODEX_HOME: "/codex", PATH: process.env["PATH"] })
      assert.notProperty(extended, "HOME")
      assert.deepStrictEqual((yield* ProcessOptions.command({ args: ["/x"], env, envMode: "replace" })).env, {
        A: "1",
        KEY: "sk-secret"
      })
      assert.notInclude(JSON.stringify({ env }), "sk-secret")
    }))

  it.live("of the process contains only the given variables", () => {
    process.env["EFFECT_CODEX_PARENT"] = "ambient"
    onTestFinished(() => void delete process.env["EFFECT_CODEX_PARENT"])
    return Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(
        Reply.functionCall({ name: "exec_command", arguments: { cmd: "env" } }),
        Reply.text("done")
      )
      yield* (yield* codex.threadStart()).run("What is in the environment?")
      const output = (yield* model.awaitRequest(1)).toolOutput()
      assert.include(output, "EFFECT_CODEX_GIVEN=grüß")
      assert.notInclude(output, "ambient")
    }).pipe(Effect.provide(TestCodex.layer({
      client: { envMode: "replace", env: { PATH: process.env["PATH"], EFFECT_CODEX_GIVEN: "grüß" } }
    })))
  })
})

describe("config", () => {
  it.effect("is flattened to overrides in TOML", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* ProcessOptions.configOverrides({
          model: "a \"b\" \\ \n\u007f €",
          count: 3,
          ratio: 0.5,
          on: true,
          left: undefined,
          deep: { er: { list: [1, "two", [false], { three: 3 }], left: undefined }, empty: {} },
          quoted: { "a.b": 1, "c d": { e: "f" } }
        }),
        [
          "model=\"a \\\"b\\\" \\\\ \\n\\u007f €\"",
          "count=3",
          "ratio=0.5",
          "on=true",
          "deep.er.list=[1, \"two\", [false], {three = 3}]",
          "deep.empty={}",
          "quoted={\"a.b\" = 1, \"c d\" = {e = \"f\"}}"
        ]
      )
      assert.deepStrictEqual(yield* ProcessOptions.configOverrides({}), [])
    }))

  it.effect("writes a number beyond 64-bit integers as a float, because Codex would read a string", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* ProcessOptions.configOverrides({ a: [1e20, -(2 ** 63), 2 ** 62, -0, 1e-7] }),
        ["a=[1e+20, -9.223372036854776e+18, 4611686018427388000, 0, 1e-7]"]
      )
    }))

  const cyclic: { self?: object } = {}
  cyclic.self = cyclic
  const holes: Array<number> = []
  holes.length = 2

  const bad: ReadonlyArray<readonly [name: string, config: object, field: string]> = [
    ["null", { a: { b: null } }, "config.a.b"],
    ["NaN", { a: [1, Number.NaN] }, "config.a.1"],
    ["Infinity", { a: Number.POSITIVE_INFINITY }, "config.a"],
    ["a function", { a: () => 1 }, "config.a"],
    ["a date", { a: { b: new Date(0) } }, "config.a.b"],
    ["undefined in a list", { a: [undefined] }, "config.a.0"],
    ["a bigint", { a: 1n }, "config.a"],
    ["a hole in a list", { a: holes }, "config.a.0"],
    ["a map", { a: new Map([["b", 1]]) }, "config.a"],
    ["an instance of a class", { a: new URL("https://example.com") }, "config.a"],
    ["half a character", { a: "\ud83e" }, "config.a"],
    ["half a character in a key", { a: { "\ud83e": 1 } }, "config.a"],
    ["what contains itself", cyclic, "config.self.self.self"],
    ["more depth than Codex can read", { a: Array.from({ length: 81 }).reduce((inner) => [inner], 1) }, "config.a.0.0"],
    ["a secret, which would show in the list of processes", { a: Redacted.make("sk-secret") }, "config.a"],
    ["a list at the top", ["a"], "config"],
    ["a key with a dot at the top", { "a.b": 1 }, "config"],
    ["an empty key at the top", { "": 1 }, "config"]
  ]
  for (const [name, config, field] of bad) {
    it.effect(`refuses ${name}, and names it`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(
          ProcessOptions.command({ config: config as ProcessOptions.ProcessOptions["config"] })
        )
        assert.deepInclude(error, { _tag: "InvalidInputError", field })
      }))
  }

  const config = {
    model_reasoning_effort: "high",
    developer_instructions: "Say \"grüß\".\nThen \\ and = and # and 'x' \u007f.",
    sandbox_workspace_write: { writable_roots: ["/scratch/a b", "/scratch/c\"d"], network_access: true },
    mcp_servers: { "my.server": { command: "true", args: ["--x=1"], env: { "A-B": "c.d" }, enabled: false } }
  }

  layer(TestCodex.layer({ client: { config } }), { excludeTestServices: true })("of the process", (it) => {
    it.effect("is read by the real server as it was meant", () =>
      Effect.gen(function*() {
        const { codex } = yield* setup
        const { config: read } = yield* codex.client.request("config/read", { includeLayers: false })
        const values: { readonly [key: string]: unknown } = { ...read }
        assert.strictEqual(values["model_reasoning_effort"], "high")
        assert.strictEqual(values["developer_instructions"], config.developer_instructions)
        assert.deepInclude(values["sandbox_workspace_write"] as object, config.sandbox_workspace_write)
        const servers = values["mcp_servers"] as { readonly [name: string]: object }
        assert.deepInclude(servers["my.server"], config.mcp_servers["my.server"])
      }))
  })
})

const provide = (values: object) => Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(values)))

describe("layerConfig", () => {
  it.effect("reads the keys that Effect's Config has; the API key stays redacted", () =>
    Effect.gen(function*() {
      const all = yield* CodexConfig.fromConfig.pipe(provide({
        CODEX_PATH: "/bin/codex",
        CODEX_HOME: "/codex",
        CODEX_CWD: "/project",
        CODEX_API_KEY: "sk-secret"
      }))
      assert.deepInclude(all, { codexPath: "/bin/codex", codexHome: "/codex", cwd: "/project" })
      assert.notInclude(JSON.stringify(all), "sk-secret")
      assert.strictEqual((yield* ProcessOptions.command({ ...all, args: ["/x"] })).env["CODEX_API_KEY"], "sk-secret")
      const none = yield* CodexConfig.fromConfig.pipe(provide({}))
      assert.deepStrictEqual(Object.values(none).filter((value) => value !== undefined), [])
    }))

  it.effect("options given in code win", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.provide(Codex.Codex, CodexConfig.layer({ codexPath: "/given in code" })))
      assert.deepInclude(error, { _tag: "CodexConnectError", target: "/given in code" })
    }).pipe(provide({ CODEX_PATH: "/from the environment" })))

  it.live("an environment given in code does not drop the key", () =>
    Effect.gen(function*() {
      const script = `test "$CODEX_API_KEY" = sk-secret && test "$OTHER" = given && echo both >&2; exit 3`
      const given = CodexConfig.layer({ args: ["sh", "-c", script], env: { OTHER: "given" } })
      const error = yield* Effect.flip(Effect.provide(Codex.Codex, given))
      assert.include(error.message, "both")
    }).pipe(provide({ CODEX_API_KEY: "sk-secret" })))

  it.effect("is used by its Layer", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.provide(Codex.Codex, CodexConfig.layer()))
      assert.deepInclude(error, { _tag: "CodexConnectError", target: "/from the environment" })
    }).pipe(provide({ CODEX_PATH: "/from the environment" })))
})
