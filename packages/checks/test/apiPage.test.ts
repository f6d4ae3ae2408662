import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Browser from "../../recording/test/timeline/Browser.ts"
import { entriesOf, readEntries, render } from "../src/apiPage.ts"
import { references } from "../src/reference.ts"
import { directoryOf } from "./fixture.ts"

it("splits a reference at its headings, and not in code", () => {
  assert.deepStrictEqual(entriesOf("a", "intro\n## M\ntext\n\n### M.x\n```sh\n## no heading\n```\n"), [
    { from: "a", name: "M", body: "text\n\n" },
    { from: "a", name: "M.x", body: "```sh\n## no heading\n```\n\n" }
  ])
})

it.live("has every export, option and error, and finds them", () =>
  Effect.gen(function*() {
    const entries = readEntries()
    for (const { name, page } of references) {
      const headings = readFileSync(page, "utf8").match(/^### \w+\.\w+$/gm) ?? []
      for (const heading of headings) {
        assert.isTrue(entries.some((entry) => entry.from === name && `### ${entry.name}` === heading), heading)
      }
    }

    const file = join(directoryOf({}), "api.html")
    writeFileSync(file, render(entries))
    const browser = yield* Browser.make
    const page = yield* browser.open(file)
    /** The names that are shown for a query, in the order in which they are shown, and the options that are open. */
    const search = (query: string) =>
      page.evaluate<ReadonlyArray<string>>(`(() => {
        const field = document.querySelector("input")
        field.value = ${JSON.stringify(query)}
        field.dispatchEvent(new Event("input"))
        return [...document.querySelectorAll("section:not([hidden])")]
          .sort((a, b) => a.style.order - b.style.order)
          .map((section) => section.querySelector("h2").textContent + (section.querySelector("details[open]") ? " +" : ""))
      })()`)

    assert.lengthOf(yield* search(""), entries.length)
    assert.strictEqual((yield* search("turnlimiterror"))[0], "CodexError.TurnLimitError effect-codex")
    // An option that the interface inherits from the protocol.
    const found = yield* search("developerInstructions")
    assert.include(found, "Options.ThreadStartOptions effect-codex +")
    assert.include(found, "ThreadStartOptions effect-codex/promises +")
    assert.deepStrictEqual(yield* search("nosuchthing"), [])
    assert.deepStrictEqual(page.complaints, [])
    assert.lengthOf(page.requests, 1)
  }).pipe(Effect.scoped))
