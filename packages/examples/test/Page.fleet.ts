/** The example of the fleet, in a real browser: threads run, an approval is clicked, a runner is killed, and its threads go on. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Browser from "../../recording/test/timeline/Browser.ts"
import { examples, start } from "./program.ts"

/** A directory for temporary files that the user of PostgreSQL may enter. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "fleet-"))
    chmodSync(directory, 0o755)
    return directory
  }),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

/** Returns the commands of the processes with a variable in their environment. */
const processesWith = (variable: string): ReadonlyArray<string> =>
  readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const isOurs = readFileSync(`/proc/${name}/environ`, "utf8").split("\0").includes(variable)
      return isOurs ? [readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ")] : []
    } catch {
      // It has ended, or belongs to somebody else.
      return []
    }
  })

it.live("72_fleet", () =>
  Effect.gen(function*() {
    const directory = yield* temporary
    const variable = `TMPDIR=${directory}`
    const example = yield* start(join(examples, "72_fleet.ts"), { env: { PORT: "0", TMPDIR: directory } })
    const browser = yield* Browser.make
    const url = yield* example.stdout.pipe(
      Stream.decodeText,
      Stream.splitLines,
      Stream.map((line) => /Open (\S+)/.exec(line)?.[1]),
      Stream.filter((url) => url !== undefined),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    )
    const page = yield* browser.open(url)
    const phone = yield* browser.open(url, { width: 390, height: 844 })
    /** With the variable, pictures for the eye: light, dark, and a phone. */
    const look = (name: string) =>
      Effect.gen(function*() {
        const pictures = process.env["FLEET_PICTURES"]
        if (pictures === undefined) return
        writeFileSync(join(pictures, `${name}-light.png`), yield* page.screenshot)
        yield* page.scheme("dark")
        writeFileSync(join(pictures, `${name}-dark.png`), yield* page.screenshot)
        yield* page.scheme("light")
        writeFileSync(join(pictures, `${name}-phone.png`), yield* phone.screenshot)
      })
    const click = (selector: string) =>
      page.evaluate<void>(`document.querySelector(${JSON.stringify(selector)}).click()`)
    const all = (condition: string) =>
      page.until(`[...document.querySelectorAll(".thread")].every((thread) => ${condition})`)

    // Every thread has a runner, and all run.
    yield* all(`thread.dataset.runner > 0`)
    yield* look("begin")
    yield* click("#all")
    yield* all(`thread.dataset.state === "running" && thread.querySelector(".user")`)

    // An approval is clicked: the command runs.
    yield* page.until(`document.querySelector(".approval")`)
    yield* page.until(`document.querySelectorAll(".agent").length >= 6`)
    yield* look("running")
    yield* click(".approval .primary")
    yield* page.until(`document.querySelector(".command")?.textContent.includes("\\npublished")`)
    yield* page.until(`document.querySelector(".approval") === null`)

    // A runner is killed in the middle of its turns: they move, and continue.
    const victim = yield* page.evaluate<number>(
      `Number(document.querySelector('.thread[data-state="running"]').dataset.runner)`
    )
    const threads = yield* page.evaluate<ReadonlyArray<string>>(
      `[...document.querySelectorAll('.thread[data-runner="${victim}"][data-state="running"]')].map(({ dataset }) => dataset.name)`
    )
    yield* click(`.runner:nth-child(${victim}) button`)
    yield* page.until(`document.querySelector('.runner:nth-child(${victim})').dataset.state === "killed"`)
    for (const name of threads) {
      const thread = `document.querySelector('[data-name="${name}"]')`
      yield* page.until(`${thread}.textContent.includes("continues, attempt 2")`)
      yield* page.until(`Number(${thread}.dataset.runner) > 0 && Number(${thread}.dataset.runner) !== ${victim}`)
    }
    yield* look("moved")
    yield* all(`thread.dataset.state === "idle"`)
    assert.isAtLeast(yield* page.evaluate<number>(`document.querySelectorAll(".cut").length`), 1)
    for (const name of threads) {
      const last = yield* page.evaluate<string>(
        `document.querySelector('[data-name="${name}"] .log').lastElementChild.textContent`
      )
      assert.match(last, /^My machine failed.*Now it is done\.$/, name)
    }

    // It comes back, and a page that is opened later shows the threads too.
    yield* click(`.runner:nth-child(${victim}) button`)
    yield* page.until(`document.querySelectorAll('.runner[data-state="up"]').length === 3`)
    assert.deepStrictEqual(page.complaints, [])

    // Without the token there is nothing to see and nothing to kill.
    const { origin } = new URL(url)
    for (const [method, path] of [["GET", "/runners"], ["POST", "/runners/runner%201/kill"]] as const) {
      assert.strictEqual((yield* Effect.promise(() => fetch(`${origin}${path}`, { method }))).status, 401)
    }
    const stranger = yield* browser.open(`${origin}/#guess`)
    yield* stranger.until(`document.querySelector(".failed")?.textContent.includes("does not let this client use it")`)

    // Ctrl-C ends every process, and leaves no file.
    assert.isAtLeast(processesWith(variable).length, 8)
    yield* example.kill({ killSignal: "SIGINT", forceKillAfter: "30 seconds" })
    assert.deepStrictEqual(processesWith(variable), [])
    assert.deepStrictEqual(readdirSync(directory), [])
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
