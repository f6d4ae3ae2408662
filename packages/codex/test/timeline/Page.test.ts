import { assert, layer } from "@effect/vitest"
import * as Timeline from "effect-codex/Timeline"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import * as Browser from "./Browser.ts"
import { crowd, session } from "./recordings.ts"

/** The pages that are looked at, and the browser for all of it. */
class Pages extends Context.Service<Pages, {
  readonly session: (options?: Browser.PageOptions) => ReturnType<Effect.Success<typeof Browser.make>["open"]>
  readonly crowd: ReturnType<Effect.Success<typeof Browser.make>["open"]>
  readonly directory: string
}>()("effect-codex/test/Pages") {}

const pages = Layer.effect(
  Pages,
  Effect.gen(function*() {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-codex-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    )
    const browser = yield* Browser.make
    const sessionFile = join(directory, "session <&>.html")
    const crowdFile = join(directory, "crowd.html")
    yield* Timeline.write(yield* session(), sessionFile, { title: "session <&> \"it's\"" })
    yield* Timeline.write(crowd(40, 10, 250), crowdFile)
    return { directory, session: (options) => browser.open(sessionFile, options), crowd: browser.open(crowdFile) }
  })
)

/** Texts of the elements that fit a selector. */
const texts = (page: Browser.Page, selector: string) =>
  page.evaluate<ReadonlyArray<string>>(
    `Array.from(document.querySelectorAll(${JSON.stringify(selector)}), (element) => element.textContent)`
  )

/** Where the pointer is over the span or mark of that name. */
const find = (page: Browser.Page, label: string) =>
  page.evaluate<readonly [number, number]>(`(async () => {
    const lanes = document.querySelector(".lanes")
    const box = lanes.getBoundingClientRect()
    for (let y = box.top + 4; y < box.bottom; y += 8) {
      for (let x = box.left + 4; x < box.right; x += 4) {
        lanes.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y, bubbles: true }))
        const tip = document.querySelector(".tip")
        if (tip.style.visibility === "visible" && tip.textContent.includes(${JSON.stringify(label)})) return [x, y]
      }
    }
    throw new Error("There is nothing of that name.")
  })()`)

const click = (page: Browser.Page, label: string) => Effect.flatMap(find(page, label), ([x, y]) => page.click(x, y))

const details = (page: Browser.Page) => page.evaluate<string>(`document.querySelector(".details").innerText`)

/** How the contrast of texts is, by selector: the lowest, of those that can be seen. */
const contrast = (page: Browser.Page, selectors: ReadonlyArray<string>) =>
  page.evaluate<{ readonly [selector: string]: number }>(`(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
    const rgb = (...colors) => {
      canvas.clearRect(0, 0, 1, 1)
      for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1) }
      return Array.from(canvas.getImageData(0, 0, 1, 1).data).slice(0, 3)
    }
    const light = (color) => {
      const [r, g, b] = color.map((value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const backgrounds = (element) => element === null ? [] : [...backgrounds(element.parentElement), getComputedStyle(element).backgroundColor]
    return Object.fromEntries(${JSON.stringify(selectors)}.map((selector) => [selector, Math.min(
      ...Array.from(document.querySelectorAll(selector), (element) => {
        const below = backgrounds(element)
        const [a, b] = [light(rgb(...below)), light(rgb(...below, getComputedStyle(element).color))]
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
      })
    )]))
  })()`)

layer(pages, { timeout: "60 seconds", excludeTestServices: true })("the page of a timeline", (it) => {
  it.effect("needs nothing but itself, and shows what was recorded", () =>
    Effect.gen(function*() {
      const { directory, session } = yield* Pages
      const page = yield* session()
      assert.deepStrictEqual(page.requests, [pathToFileURL(join(directory, "session <&>.html")).href])
      assert.deepStrictEqual(page.complaints, [])
      assert.strictEqual(yield* page.evaluate("document.title"), "session <&> \"it's\" · Codex timeline")
      const facts = (yield* texts(page, ".facts")).join()
      for (const fact of ["4 threads", "5 turns", "4,510 tokens", "2 errors"]) assert.include(facts, fact)
      assert.deepStrictEqual((yield* texts(page, ".chip")).map((text) => text.replace(/[\d,]+$/, "")), [
        "Turns",
        "User",
        "Messages",
        "Reasoning",
        "Commands",
        "Tools",
        "Approvals & questions",
        "Requests",
        "Pieces of text"
      ])
      // What was said is text, whatever it looks like.
      assert.strictEqual(
        yield* page.evaluate(`document.images.length + document.querySelectorAll("body script").length`),
        0
      )
    }))

  it.effect("tells all about what is clicked", () =>
    Effect.gen(function*() {
      const page = yield* (yield* Pages).session()
      yield* click(page, "Why does the clock test fail at night?")
      const turn = yield* details(page)
      for (const text of ["completed", "4,200", "WHAT HAPPENED", "call lookup_ticket"]) assert.include(turn, text)

      yield* page.evaluate(
        `Array.from(document.querySelectorAll(".link")).find((link) => link.textContent.includes("The test used")).click()`
      )
      assert.include(
        yield* details(page),
        "The test used the clock of the machine. Now it uses </script> a clock <img src=x> of its own."
      )
      yield* page.until(`document.querySelectorAll(".row.of").length > 3`)

      yield* page.evaluate(
        `Array.from(document.querySelectorAll(".link")).find((link) => link.textContent.includes("item/completed")).click()`
      )
      const [json] = yield* texts(page, "pre.json")
      assert.strictEqual((JSON.parse(json!) as { readonly method: string }).method, "item/completed")
      yield* page.until(`document.querySelector(".row[aria-selected=true] .method")?.textContent === "item/completed"`)

      yield* click(page, "error at")
      assert.include(yield* details(page), "Quota exceeded")
      assert.deepStrictEqual(page.complaints, [])
    }))

  it.effect("searches, filters, and chooses threads", () =>
    Effect.gen(function*() {
      const page = yield* (yield* Pages).session()
      const summary = Effect.map(texts(page, ".events .head span"), ([text]) => text)
      const all = yield* summary

      yield* page.press("/")
      yield* page.type("LOOKUP_TICKET")
      yield* page.until(`/^[1-9]\\d* found$/.test(document.querySelector("output").textContent)`)
      const rows = yield* texts(page, ".row .what")
      assert.isTrue(rows.every((row) => /lookup_ticket|fail at night|answered|^$/.test(row)), rows.join("\n"))
      yield* page.press("Enter")
      assert.include(yield* details(page), "lookup_ticket")
      yield* page.press("Escape")
      yield* page.until(`document.querySelector("output").textContent === ""`)
      assert.strictEqual(yield* summary, all)

      const chip = (name: string) =>
        page.evaluate(
          `Array.from(document.querySelectorAll(".chip")).find((chip) => chip.textContent.startsWith("${name}")).click()`
        )
      const [x, y] = yield* find(page, "Turn · ")
      yield* chip("Pieces of text")
      yield* page.until(`document.querySelector(".events .head span").textContent !== "${all}"`)
      assert.notInclude((yield* texts(page, ".row .method")).join(), "delta")
      yield* chip("Turns")
      yield* page.hover(x, y)
      yield* page.until(`!document.querySelector(".tip").textContent.includes("Turn · ")
        || document.querySelector(".tip").style.visibility === "hidden"`)
      yield* chip("Turns")
      yield* chip("Pieces of text")
      assert.strictEqual(yield* summary, all)

      yield* page.evaluate(`(() => {
        const select = document.querySelector("select")
        select.value = Array.from(select.options).find((option) => option.text === "Review the change").value
        select.dispatchEvent(new Event("change"))
      })()`)
      yield* page.until(
        `Array.from(document.querySelectorAll(".row .lane")).every((lane) => lane.textContent === "Review the change")`
      )
      assert.notStrictEqual(yield* summary, all)
    }))

  it.effect("is used with the keyboard alone", () =>
    Effect.gen(function*() {
      const page = yield* (yield* Pages).session()
      const name = "document.activeElement.getAttribute('aria-label')"
      const seen: Array<string> = []
      for (let step = 0; step < 40 && !seen.some((label) => label.startsWith("Messages.")); step++) {
        yield* page.press("Tab")
        seen.push(yield* page.evaluate<string>(`${name} ?? document.activeElement.textContent`))
        if (seen.at(-1)?.startsWith("Timeline.") !== true) continue
        const said = `document.querySelector(".chart [aria-live]").textContent`
        yield* page.press("ArrowRight", "ArrowDown")
        assert.strictEqual(
          yield* page.evaluate(said),
          yield* page.evaluate(`document.querySelector(".details h2").innerText + ", " + (${said}).split(", ").at(-1)`)
        )
        yield* page.press("ArrowRight", "ArrowRight")
        assert.match(yield* page.evaluate<string>(said), /^And now the other one\., Turn · .* · failed$/)
        const axis = page.evaluate<string>(`document.querySelectorAll(".chart canvas")[1].toDataURL()`)
        const before = yield* axis
        yield* page.press("f")
        yield* page.until(`document.querySelectorAll(".chart canvas")[1].toDataURL() !== "${before}"`)
        yield* page.press("0")
        yield* page.until(`document.querySelectorAll(".chart canvas")[1].toDataURL() === "${before}"`)
        yield* page.press("Enter")
        assert.strictEqual(yield* page.evaluate(name), "Details")
        yield* page.evaluate(`document.querySelector(".lanes").focus()`)
      }
      for (const label of ["Light or dark", "Keys", "Search everything", "Thread", "Zoom in (+)"]) {
        assert.isTrue(
          seen.some((other) => other.includes(label) || label === "Light or dark" && /Dark/.test(other)),
          label
        )
      }
      yield* page.press("Home", "ArrowDown")
      yield* page.until(`document.querySelector(".row[aria-posinset='2'][aria-selected=true]")?.id
        === document.querySelector(".rows").getAttribute("aria-activedescendant")`)
      yield* page.press("e")
      assert.include(yield* details(page), "WARNING")
      yield* page.press("e")
      assert.include(yield* details(page), "Quota exceeded")
      yield* page.press("?")
      assert.isTrue(yield* page.evaluate("document.querySelector('dialog').open"))
      yield* page.press("Escape")
      assert.isFalse(yield* page.evaluate("document.querySelector('dialog').open"))
      yield* page.press("Escape")
      assert.include(yield* details(page), "Recorded")
      assert.deepStrictEqual(
        yield* page.evaluate(
          `Array.from(document.querySelectorAll("button, input, select, [role]"))
            .filter((element) => (element.getAttribute("aria-label") ?? element.textContent).trim() === "")
            .map((element) => element.outerHTML)`
        ),
        []
      )
    }))

  it.effect("is light or dark, as the system is or as is chosen, and readable in both", () =>
    Effect.gen(function*() {
      const page = yield* (yield* Pages).session({ scheme: "light" })
      const pixel = page.evaluate<ReadonlyArray<number>>(`(async () => {
        const canvas = document.querySelector(".lanes canvas")
        const look = () => Array.from(canvas.getContext("2d").getImageData(canvas.width - 2, canvas.height - 2, 1, 1).data)
        // A theme is drawn with the next frame; the first time when the canvas has got its size.
        for (let frame = 0; frame < 2 || look()[3] === 0; frame++) await new Promise(requestAnimationFrame)
        return look()
      })()`)
      const readable = Effect.gen(function*() {
        yield* click(page, "Why does the clock test fail at night?")
        const ratios = yield* contrast(page, [
          "h1",
          ".facts span",
          ".chip",
          ".chip span",
          ".row .at",
          ".row .lane",
          ".row .method",
          ".row .what",
          ".badge",
          ".details dt",
          ".details h3",
          ".link small"
        ])
        for (const [selector, ratio] of Object.entries(ratios)) assert.isAtLeast(ratio, 4.5, selector)
      })
      assert.deepStrictEqual(yield* pixel, [255, 255, 255, 255])
      yield* readable
      yield* page.scheme("dark")
      assert.isBelow((yield* pixel)[0]!, 40)
      yield* readable
      yield* page.press("t")
      assert.deepStrictEqual(yield* pixel, [255, 255, 255, 255])
      yield* page.scheme("light")
      yield* page.press("t")
      assert.isBelow((yield* pixel)[0]!, 40)
    }))

  it.effect("stays fluid with a hundred thousand messages", () =>
    Effect.gen(function*() {
      const page = yield* (yield* Pages).crowd
      assert.include((yield* texts(page, ".facts")).join(), "102,001 messages")
      assert.isBelow(yield* page.evaluate<number>("document.querySelectorAll('*').length"), 1500)

      /** How long the browser takes for a frame in which this is done, in the middle of many. */
      const frame = (action: string) =>
        page.evaluate<number>(`(async () => {
          const lanes = document.querySelector(".lanes")
          const rows = document.querySelector(".rows")
          const wheel = (options) => lanes.dispatchEvent(new WheelEvent("wheel", { clientX: 700, bubbles: true, cancelable: true, ...options }))
          const times = []
          for (let index = 0; index < 21; index++) {
            const before = performance.now()
            ${action}
            await new Promise(requestAnimationFrame)
            times.push(performance.now() - before)
          }
          return times.sort((a, b) => a - b)[10]
        })()`)
      // A frame takes 17 ms when nobody else needs the machine.
      const actions = {
        zoom: `wheel({ deltaY: -25, ctrlKey: true })`,
        pan: `wheel({ deltaX: 15 })`,
        scroll: `lanes.scrollTop += 40`,
        list: `rows.scrollTop += 40_000`,
        filter: `document.querySelectorAll(".chip")[2].click()`,
        select: `rows.dispatchEvent(new KeyboardEvent("keydown", { key: "PageDown" }))`
      }
      for (const [name, action] of Object.entries(actions)) assert.isBelow(yield* frame(action), 100, name)

      yield* page.evaluate(`(() => {
        const input = document.querySelector("input")
        input.value = "Answer 9 of thread 39"
        input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }))
      })()`)
      yield* page.until(`document.querySelector("output").textContent === "1 found"`)
      yield* page.press("/", "Enter")
      assert.include(yield* details(page), "Answer 9 of thread 39")
      assert.deepStrictEqual(page.complaints, [])
    }))
})
