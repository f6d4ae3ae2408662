import { assert, it } from "@effect/vitest"
import { join } from "node:path"
import { checkOptions } from "../src/optionDocs.ts"
import { root } from "../src/problem.ts"
import { directoryOf, linesOf } from "./fixture.ts"

const files = {
  "Public.ts": `/** A module. */
export type { ThreadOptions } from "./hidden/Thread.ts"
import type { Base } from "./hidden/Base.ts"
export interface TurnOptions extends Omit<Base, "old" | "new"> {
  /** Its own. */
  readonly own: string
}
`,
  "hidden/Thread.ts": `import type * as Fields from "./Base.ts"
export interface ThreadOptions extends Named, Fields.Base {
  /** In place of the inherited one. */
  readonly old: string
}
interface Named {
  /** A name. */
  readonly name: string
}
`,
  "hidden/Base.ts": `export interface Base {
  readonly name: string
  readonly old: string
  /** @experimental */
  readonly new: string
}
`
}

it("options that are inherited, exported again or replaced are found", () => {
  const directory = directoryOf(files)
  assert.deepStrictEqual(linesOf(directory, checkOptions(directory)), [
    "hidden/Base.ts:5 new, an option of ThreadOptions, has no docstring",
    "hidden/Base.ts:2 name, an option of TurnOptions, has no docstring"
  ])
})

it("options inherited from the protocol are found", () => {
  const directory = directoryOf({
    "Thread.ts": `import type * as Protocol from "@effect-codex/protocol/Protocol"
export interface ThreadStartOptions extends Protocol.ThreadStartParams {}
`
  })
  const problems = checkOptions(directory)
  assert.include(problems.map(({ message }) => message), "cwd, an option of ThreadStartOptions, has no docstring")
  assert.isTrue(problems.every(({ file }) => file.startsWith(join(root, "packages/protocol/src/generated"))))
})
