import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as options from "../../src/base/options.ts"

const checks: options.Table = {
  sandbox: options.anything,
  cwd: options.anything,
  codexPath: options.anything,
  experimentalApi: options.flag,
  handshakeTimeout: options.timeout,
  requestTimeout: options.timeout,
  shutdownGrace: options.duration,
  names: options.texts,
  whenBusy: options.oneOf("wait", "fail")
}

const mistake = (given: unknown) => options.findMistake(given, checks)

describe("a name that is no option", () => {
  const unknown: ReadonlyArray<readonly [name: string, meant: string | undefined]> = [
    ["sandboxMode", "sandbox"],
    ["sandbx", "sandbox"],
    ["workingDirectory", "cwd"],
    ["codexpath", "codexPath"],
    ["codexPathOverride", "codexPath"],
    ["request_timeout", "requestTimeout"],
    ["handshakeTimeoutMs", "handshakeTimeout"],
    ["apiKey", "codex.loginApiKey"],
    // Neither the option nor the table of options that holds its place is here.
    ["modelReasoningEffort", undefined],
    ["mcpServers", undefined],
    ["timeout", "requestTimeout"],
    ["constructor", undefined],
    ["x".repeat(100_000), undefined],
    ["color", undefined]
  ]
  for (const [field, meant] of unknown) {
    it(`${field.slice(0, 20)} is refused${meant === undefined ? "" : `, and ${meant} suggested`}`, () => {
      const suggestion = meant === undefined ? "" : `; did you mean ${meant}?`
      assert.deepStrictEqual(mistake({ cwd: "/", [field]: "value" }), {
        field,
        detail: `${field} is not an option${suggestion}`
      })
    })
  }

  const elsewhere: ReadonlyArray<readonly [name: string, table: ReadonlyArray<string>, meant: string]> = [
    ["modelReasoningEffort", ["effort", "model"], "effort"],
    ["modelReasoningEffort", ["config", "model"], "config.model_reasoning_effort"],
    ["effort", ["config", "model"], "config.model_reasoning_effort"],
    ["instructions", ["baseInstructions", "developerInstructions"], "developerInstructions"],
    ["timeout", ["startTimeout", "limits"], "limits.duration"],
    ["maxTurns", ["limits"], "limits.steps"],
    ["maxTurns", ["tokens", "steps"], "steps"],
    ["model", ["config"], "config.model"]
  ]
  for (const [name, table, meant] of elsewhere) {
    it(`${name} among ${table.join(" and ")}: ${meant} is suggested`, () =>
      assert.strictEqual(
        options.unknownName(name, "an option", Object.fromEntries(table.map((key) => [key, options.anything]))),
        `${name} is not an option; did you mean ${meant}?`
      ))
  }

  it("is accepted without a value", () => assert.isUndefined(mistake({ color: undefined })))
})

describe("a value", () => {
  const wrong: ReadonlyArray<readonly [field: string, value: unknown]> = [
    ["experimentalApi", "yes"],
    ["experimentalApi", null],
    ["names", "a"],
    ["names", [1]],
    ["whenBusy", "queue"],
    ["whenBusy", "toString"],
    ["requestTimeout", Number.NaN],
    ["requestTimeout", -1],
    ["requestTimeout", 0],
    ["requestTimeout", {}],
    ["requestTimeout", { second: 1 }],
    ["requestTimeout", { seconds: Number.NaN }],
    ["requestTimeout", []],
    ["requestTimeout", "soon"],
    ["requestTimeout", "-5 seconds"],
    ["requestTimeout", null],
    ["shutdownGrace", -1],
    ["shutdownGrace", Number.NaN],
    ["shutdownGrace", {}]
  ]
  for (const [field, value] of wrong) {
    it(`is refused: ${field} ${typeof value === "string" ? value : JSON.stringify(value)}`, () =>
      assert.strictEqual(mistake({ [field]: value })?.field, field))
  }

  it("is accepted", () => {
    const timeouts = [1, "10 seconds", { seconds: 1 }, [1, 0], Duration.infinity, Number.POSITIVE_INFINITY, 1n]
    for (const requestTimeout of timeouts) assert.isUndefined(mistake({ requestTimeout }))
    assert.isUndefined(mistake({ shutdownGrace: 0, names: ["a"], whenBusy: "fail", experimentalApi: false }))
  })

  it("is never shown if it is an object: it may hold keys", () => {
    assert.notInclude(mistake({ whenBusy: { key: "secret" } })?.detail, "secret")
    assert.deepStrictEqual(mistake("secret"), { field: "options", detail: "\"secret\" is not an object of options" })
  })
})
