import { CodexHome, Reply, ScriptedModel } from "@effect-codex/testing"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { CodexError, ProcessOptions } from "effect-codex"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import { type Check, ok, type Result, runAll } from "../src/doctor/Check.ts"
import { all, offline } from "../src/doctor/checks.ts"
import { oldestNode } from "../src/doctor/local.ts"
import { pinned } from "../src/doctor/pinned.ts"
import * as report from "../src/doctor/report.ts"
import { type Service, Situation } from "../src/doctor/Situation.ts"
import { directory, run } from "./process.ts"

const silent = () => Effect.void

/** Runs the checks with these names in a situation, each within 20 seconds. */
const examine = (names: ReadonlyArray<string>, options: Service["options"], situation: Partial<Service> = {}) =>
  runAll(
    all.filter(({ name }) => names.includes(name)).map((check) => ({ ...check, needs: [] })),
    Duration.seconds(20),
    silent
  ).pipe(
    Effect.provideService(Situation, { options, pinned, nodeVersion: process.versions.node, ...situation }),
    Effect.provide(NodeServices.layer)
  )

const brief = (results: ReadonlyArray<Result>) => results.map(({ finding, name, status }) => [name, status, finding])

const script = (file: string, text: string) =>
  Effect.sync(() => {
    Fs.writeFileSync(file, `#!/bin/sh\n${text}\n`)
    Fs.chmodSync(file, 0o755)
    return file
  })

const examineHome = (codexHome: string) => Effect.map(examine(["home"], { codexHome }), ([result]) => result!)

const examineBinary = (codexPath: string) => Effect.map(examine(["binary"], { codexPath }), brief)

/** All files below a directory, with the time of their last change. */
const filesOf = (directory: string) =>
  Fs.readdirSync(directory, { recursive: true, encoding: "utf8" }).map((file) => [
    file,
    Fs.statSync(join(directory, file)).mtimeMs
  ])

/** A home whose model provider is scripted and needs no login. */
const scriptedHome = CodexHome.layer({ model: "gpt-5.5" }).pipe(
  Layer.provideMerge(ScriptedModel.layer({ respond: () => Reply.text("ok") })),
  Layer.provideMerge(NodeServices.layer)
)

describe.concurrent("effect-codex doctor", () => {
  it.live("reports a machine on which everything works as JSON, with a turn on the account", () =>
    Effect.gen(function*() {
      const { env } = yield* CodexHome.CodexHome
      const { code, stderr, stdout } = yield* run(["doctor", "--json", "--live"], {
        ...env,
        MY_API_KEY: process.versions.node
      })
      const { checks, ok } = JSON.parse(stdout)
      assert.deepStrictEqual(
        [code, stderr, ok, checks.map(({ name, status }: Result) => `${name} ${status}`)],
        [0, "", true, ["node ok", "binary ok", "home ok", "login warning", "sandbox ok", "turn ok", "live ok"]]
      )
      assert.match(checks.at(-1).finding, /^gpt-5.5 answered, with \d+ tokens$/)
      // The turn of the check "live" alone has reached this model.
      assert.lengthOf(yield* (yield* ScriptedModel.ScriptedModel).requests, 1)
      assert.strictEqual(checks[0].finding, "Node <redacted>")
    }).pipe(Effect.provide(scriptedHome)))

  it.live("prints a line for each check, ends with 1 and hides secrets, if the binary hangs and the home is missing", () =>
    Effect.gen(function*() {
      const home = yield* directory
      const CODEX_PATH = yield* script(join(home, "codex"), "trap '' TERM\nsleep 60")
      const CODEX_HOME = join(home, "missing")
      const { code, stderr, stdout } = yield* run(["doctor", "--timeout", "0.5"], {
        CODEX_PATH,
        CODEX_HOME,
        MY_TOKEN: process.versions.node
      })
      assert.deepStrictEqual([code, stderr], [1, "Failed: binary.\n"])
      assert.deepStrictEqual(stdout.trimEnd().split("\n"), [
        "ok      node     Node <redacted>",
        "failed  binary   no result within 500ms. Something hangs, or the machine is very busy: try again with a longer "
        + "--timeout.",
        `skipped home     needs the check "binary"`,
        `skipped login    needs the check "binary"`,
        `skipped sandbox  needs the check "binary"`,
        `skipped turn     needs the check "binary"`
      ])
      assert.isFalse(Fs.existsSync(CODEX_HOME))
    }).pipe(Effect.scoped))

  it.live("refuses a time limit that is none", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(["doctor", "--timeout", "-1"])
      assert.strictEqual(code, 1)
      assert.include(stdout + stderr, "pass a positive number of seconds")
    }))

  it.live("finds a binary that is missing, too old, another one or none", () =>
    Effect.gen(function*() {
      const home = yield* directory
      const missing = join(home, "none")
      const other = yield* script(join(home, "other"), "echo codex-cli 0.160.0")
      const old = yield* script(join(home, "old"), "echo codex-cli 0.99.9")
      const none = yield* script(join(home, "no-codex"), "echo hello\nexit 3")
      const [[, status, finding] = []] = yield* examineBinary(missing)
      assert.strictEqual(status, "failed")
      assert.include(finding, `${missing}`)
      assert.deepStrictEqual(yield* examineBinary(other), [
        ["binary", "warning", `codex 0.160.0, ${other}: the SDK is tested with ${pinned}`]
      ])
      assert.deepStrictEqual(yield* examineBinary(old), [
        ["binary", "failed", `codex 0.99.9, ${old}: the SDK needs 0.130.0 or newer`]
      ])
      assert.deepStrictEqual(yield* examineBinary(none), [
        ["binary", "failed", `${none} is not codex: "--version" ended with 3 and printed "hello"`]
      ])
    }).pipe(Effect.scoped))

  it.live("finds a home that is a file, is open to others, or can't be written", () =>
    Effect.gen(function*() {
      const parent = yield* directory
      const file = join(parent, "file")
      Fs.writeFileSync(file, "")
      assert.deepInclude(yield* examineHome(file), { status: "failed", finding: `${file} is a file, not a directory` })
      assert.deepInclude(yield* examineHome(join(file, "below")), { status: "failed" })

      const open = join(parent, "open")
      Fs.mkdirSync(open, { mode: 0o700 })
      assert.deepInclude(yield* examineHome(open), { status: "ok", finding: open })
      Fs.writeFileSync(join(open, "auth.json"), "{}", { mode: 0o644 })
      assert.deepInclude(yield* examineHome(open), { status: "warning", advice: `Run: chmod 600 ${open}/auth.json` })
      Fs.chmodSync(join(open, "auth.json"), 0o600)
      Fs.chmodSync(open, 0o777)
      assert.deepInclude(yield* examineHome(open), { status: "warning", advice: `Run: chmod 700 ${open}` })

      const created = join(parent, "a", "b")
      assert.deepInclude(yield* examineHome(created), { status: "ok", finding: `${created} will be created` })
      assert.isFalse(Fs.existsSync(created))
    }).pipe(Effect.scoped))

  it.live("reports the login and the configuration, and writes nothing", () =>
    Effect.gen(function*() {
      const codexHome = yield* directory
      const login = Effect.map(examine(["login"], { codexHome }), (results) => results[0]!)
      assert.deepInclude(yield* login, { status: "warning", finding: "not logged in" })
      const { env, program } = yield* ProcessOptions.command({ codexHome })
      spawnSync(program, ["login", "--with-api-key"], { env, input: "sk-abcdefghijklmnopqrstuvwxyz" })
      const before = filesOf(codexHome)
      assert.deepInclude(yield* login, { status: "ok", finding: "logged in with an API key" })
      assert.deepStrictEqual(filesOf(codexHome), before)
      Fs.writeFileSync(join(codexHome, "config.toml"), "model = [")
      const { finding, status } = yield* login
      assert.deepStrictEqual([status, finding.includes("config.toml:1:10: unclosed array")], ["failed", true])
    }).pipe(Effect.scoped))

  it.live("finds that a turn on the account needs a login", () =>
    Effect.gen(function*() {
      const codexHome = yield* directory
      assert.deepStrictEqual(brief(yield* examine(["live"], { codexHome })), [["live", "failed", "not logged in"]])
    }).pipe(Effect.scoped))
})

describe.runIf(process.platform === "linux").concurrent("effect-codex doctor on Linux", () => {
  /** The binary, with a bubblewrap on its PATH that runs a script. */
  const withBubblewrap = Effect.fnUntraced(function*(text: string) {
    const bin = yield* directory
    const { program } = yield* ProcessOptions.command()
    // The binary asks for the options first. If they do not suit it, it uses the bubblewrap that it brings.
    const bundled = join(program, "../../codex-resources/bwrap")
    yield* script(join(bin, "bwrap"), `if [ "$1" = --help ]; then exec "${bundled}" --help; fi\n${text}`)
    return yield* script(join(bin, "codex"), `PATH="${bin}:$PATH" exec "${program}" "$@"`)
  })

  it.live("finds a sandbox that can't start a command", () =>
    Effect.gen(function*() {
      const codexPath = yield* withBubblewrap("echo 'bwrap: No permissions to create a new namespace' >&2\nexit 1")
      const [result] = yield* examine(["sandbox"], { codexPath })
      assert.deepInclude(result, {
        status: "failed",
        finding: "no command runs in it (exit code 1): bwrap: No permissions to create a new namespace"
      })
      assert.include(result?.advice, "user namespaces")
    }).pipe(Effect.scoped))

  it.live("finds a sandbox that lets a command write", () =>
    Effect.gen(function*() {
      // Runs what comes after the last `--`, without a sandbox.
      const codexPath = yield* withBubblewrap(
        `for last; do :; done\nexec /bin/sh -c "echo runs; echo text > written"`
      )
      const [result] = yield* examine(["sandbox"], { codexPath })
      assert.deepInclude(result, { status: "failed", finding: "a command could write in a read-only sandbox" })
    }).pipe(Effect.scoped))

  it.live("finds a home that is mounted read-only, which not even root can write", () =>
    Effect.gen(function*() {
      const parent = yield* directory
      const CODEX_HOME = join(parent, "home")
      Fs.mkdirSync(CODEX_HOME)
      const CODEX_PATH = yield* script(join(parent, "codex"), `echo "codex-cli ${pinned}"\n[ "$1" = --version ]`)
      const mount = `mount -t tmpfs -o ro none "$CODEX_HOME" && exec "$@"`
      const { code, stdout } = yield* run(["doctor"], { CODEX_PATH, CODEX_HOME }, [
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        mount,
        "sh"
      ])
      assert.strictEqual(code, 1)
      assert.include(
        stdout,
        `failed  home     ${CODEX_HOME} is not writable for this user. Change its permissions, or set CODEX_HOME to another one.\n`
          + `skipped login    needs the check "home"\n`
          + "failed  sandbox  "
      )
    }).pipe(Effect.scoped))
})

const result = (finding: string): Result => ({ name: "x", status: "ok", finding, durationMs: 1 })

describe("a report", () => {
  it("hides keys and the values of secret variables, and drives no terminal", () => {
    const print = report.printing({ DB_PASSWORD: "hunter2hunter2", PLAIN: "plain text" })
    assert.strictEqual(
      print(result("a hunter2hunter2 sk-abcdefghijkl\nBearer abc \x1b[31m plain text")).finding,
      "a <redacted> <redacted> Bearer <redacted>  [31m plain text"
    )
  })

  it.effect("skips what can't run, and takes an unexpected error as a failure", () =>
    Effect.gen(function*() {
      const checks: ReadonlyArray<Check<never>> = [
        { name: "a", needs: [], run: Effect.fail(new CodexError.InvalidInputError({ field: "x", detail: "broken" })) },
        { name: "b", needs: ["a"], run: Effect.succeed(ok("never")) },
        { name: "c", needs: ["b"], run: Effect.succeed(ok("never")) },
        { name: "d", needs: [], run: Effect.succeed(ok("fine")) }
      ]
      assert.deepStrictEqual(brief(yield* runAll(checks, Duration.seconds(1), silent)), [
        ["a", "failed", "x: broken"],
        ["b", "skipped", `needs the check "a"`],
        ["c", "skipped", `needs the check "b"`],
        ["d", "ok", "fine"]
      ])
    }))

  it.live("knows the oldest Node of the package", () =>
    Effect.gen(function*() {
      const { engines } = JSON.parse(Fs.readFileSync(new URL("../package.json", import.meta.url), "utf8"))
      assert.strictEqual(`>=${oldestNode}`, `${engines.node}.0`)
      const [result] = yield* examine(["node"], {}, { nodeVersion: "22.9.0" })
      assert.deepInclude(result, { status: "failed", finding: "Node 22.9.0 is too old" })
      assert.strictEqual(offline.length + 1, all.length)
    }))
})
