import { assert, it } from "@effect/vitest"
import { checkDocstrings } from "../src/docstrings.ts"
import { directoryOf, linesOf } from "./fixture.ts"

const problemsOf = (text: string, path = "A.ts") => {
  const directory = directoryOf({ [path]: text })
  return linesOf(directory, checkDocstrings(directory)).map((line) => line.replace("A.ts:", ""))
}

const documented = `/** A module. */
import * as Context from "effect/Context"
export * as B from "./B.ts"

/** A value. */
export const value = 1

const hidden = 2

/**
 * A shape.
 */
export interface Shape extends Base {
  readonly id: string
  /** Its size. */
  readonly size: number
}

/** The base of it. */
interface Base {
  /** Its colour. */
  readonly colour: string
}

/** A service. */
export class Service extends Context.Service<Service, {
  /** Runs. */
  readonly run: () => void
}>()("Service") {
  constructor() {
    super()
  }
  private count = hidden
  override get message() {
    return String(this.count)
  }
}

/** A function. */
export function twice(a: string): string
export function twice(a: number): number
export function twice(a: never): never {
  return a
}
`

it("a documented module has no problems", () => {
  assert.deepStrictEqual(problemsOf(documented), [])
  assert.deepStrictEqual(problemsOf(`#!/usr/bin/env node\n${documented}`), [])
})

it("each of its docstrings is required", () => {
  const docstrings = [...documented.matchAll(/\/\*\*[^/]*\*\/\n/g)]
  assert.strictEqual(docstrings.length, 9)
  for (const { 0: docstring, index } of docstrings) {
    const without = documented.slice(0, index) + "\n".repeat(docstring.split("\n").length - 1) +
      documented.slice(index + docstring.length)
    assert.strictEqual(problemsOf(without).length, 1, docstring)
  }
})

it("a problem names the place and the export", () => {
  assert.deepStrictEqual(
    problemsOf("/** A module. */\n\n/* no docstring */\nexport type A = {\n  readonly b: string\n}\n"),
    [
      "4 A has no docstring",
      "5 A.b has no docstring"
    ]
  )
  assert.deepStrictEqual(problemsOf("/** */\nexport const a = 1\n\n// far away\n\nexport const b = 1\n"), [
    "2 a has no docstring",
    "6 b has no docstring"
  ])
})

it("internal modules need no docstrings", () => {
  assert.deepStrictEqual(problemsOf("export const a = 1\n", "internal/A.ts"), [])
  assert.deepStrictEqual(problemsOf("export const a = 1\n", "generated/A.ts"), [])
})
