import * as Timeline from "@effect-codex/recording/Timeline"
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as Browser from "./Browser.ts"
import { hostile, sequence } from "./hostile.ts"
import { crowd, long, session } from "./recordings.ts"

/** The pages under test, in one browser. */
class Pages extends Context.Service<Pages, {
  readonly session: (options?: Browser.PageOptions) => ReturnType<Effect.Success<typeof Browser.make>["open"]>
  /** The same with a tame title, for pictures. */
  readonly clock: (options?: Browser.PageOptions) => ReturnType<Effect.Success<typeof Browser.make>["open"]>
  /** A hundred thousand pieces of text. */
  readonly crowd: ReturnType<Effect.Success<typeof Browser.make>["open"]>
  /** Forty thousand turns and messages. */
  readonly busy: ReturnType<Effect.Success<typeof Browser.make>["open"]>
  /** One piece of text, of two million characters. */
  readonly long: ReturnType<Effect.Success<typeof Browser.make>["open"]>
  /** Messages that no server writes. */
  readonly hostile: ReturnType<Effect.Success<typeof Browser.make>["open"]>
  readonly directory: string
}>()("effect-codex/test/Pages") {}

/** The directory of the screenshots, for people to look at. */
const pictures = fileURLToPath(new URL("../../../../node_modules/.cache/effect-codex/pictures/", import.meta.url))

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
    const recording = yield* session("15 millis")
    const clockFile = join(directory, "clock.html")
    yield* Timeline.write(recording, clockFile, { title: "fix-the-clock.jsonl" })
    yield* Timeline.write(recording, sessionFile, { title: "session <&> \"it's\"" })
    yield* Timeline.write(crowd(40, 10, 250), crowdFile)
    const busyFile = join(directory, "busy.html")
    yield* Timeline.write(crowd(20, 1000, 0), busyFile)
    const longFile = join(directory, "long.html")
    yield* Timeline.write(long("x".repeat(2_000_000)), longFile)
    const hostileFile = join(directory, "hostile.html")
    yield* Timeline.write(hostile(60, sequence(1)), hostileFile)
    return {
      directory,
      hostile: browser.open(hostileFile),
      session: (options) => browser.open(sessionFile, options),
      clock: (options) => browser.open(clockFile, options),
      crowd: browser.open(crowdFile),
      busy: browser.open(busyFile),
      long: browser.open(longFile)
    }
  })
)

/** Returns the texts of the elements that match a selector. */
const texts = (page: Browser.Page, selector: string) =>
  page.evaluate<ReadonlyArray<string>>(
    `Array.from(document.querySelectorAll(${JSON.stringify(selector)}), (element) => element.textContent)`
  )

/** Returns the point of the span or mark with a label. */
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

/** Returns the lowest contrast of the texts that match each selector. */
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

/** Waits until changes have been drawn. */
const drawn = (page: Browser.Page) =>
  page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

/** Returns the elements that stick out of the page, overlap others, or are cut off. */
const misplaced = (page: Browser.Page) =>
  page.evaluate<ReadonlyArray<string>>(`(() => {
    const all = (selector) => Array.from(document.querySelectorAll(selector))
    const name = (element) => element.className || element.tagName
    const found = []
    if (document.documentElement.scrollWidth > innerWidth) found.push("the page is too wide")
    const boxes = [".zoom", ...["h1", ".facts", ".tools", ".search", "select", ".chips"].map((name) => "header " + name)]
      .flatMap(all).map((element) => [name(element), element.getBoundingClientRect()])
    for (const [name, box] of boxes) {
      if (box.width === 0 || box.left < 0 || box.right > innerWidth) found.push(name + " is out of sight")
      for (const [other, { left, right, top, bottom }] of boxes) {
        if (name < other && left < box.right && box.left < right && top < box.bottom && box.top < bottom) found.push(name + " lies over " + other)
      }
    }
    for (const element of all("header .button, header .facts span, .zoom .button, .badge, .details h3")) {
      if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0) found.push(name(element) + " is cut off")
    }
    for (const section of all("main > section")) {
      if (section.getBoundingClientRect().height < 100) found.push(name(section) + " is too low")
    }
    return found
  })()`)

/**
 * Analyses a picture of the page: the share of background, the pixels of the chart in the color of each kind, and the
 * contrast of the name of a lane.
 */
const look = (page: Browser.Page, picture: Uint8Array) =>
  page.evaluate<{
    readonly background: number
    readonly colors: { readonly [kind: string]: number }
    readonly contrast: number
  }>(`(async () => {
    const bytes = Uint8Array.from(atob("${
    Buffer.from(picture).toString("base64")
  }"), (character) => character.charCodeAt(0))
    const image = await createImageBitmap(new Blob([bytes]))
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height }).getContext("2d")
    canvas.drawImage(image, 0, 0)
    const style = getComputedStyle(document.documentElement)
    const hex = (name) => parseInt(style.getPropertyValue("--" + name).trim().slice(1), 16)
    const pixels = (x, y, width, height) => {
      const { data } = canvas.getImageData(x, y, width, height)
      return Array.from({ length: data.length / 4 }, (_, index) => data[index * 4] << 16 | data[index * 4 + 1] << 8 | data[index * 4 + 2])
    }
    const chart = document.querySelector(".chart").getBoundingClientRect()
    const whole = pixels(0, 0, image.width, image.height)
    const inChart = pixels(chart.left, chart.top, chart.width, chart.height)
    const count = (pixels, name) => { const color = hex(name); return pixels.filter((pixel) => pixel === color).length }
    const light = (color) => {
      const [r, g, b] = [color >> 16, color >> 8 & 255, color & 255].map((value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    // Where the name of the first lane is written.
    const box = document.querySelector(".lanes").getBoundingClientRect()
    const lights = pixels(box.left + 22, box.top + 8, 60, 24).map(light)
    const [low, high] = [Math.min(...lights), Math.max(...lights)]
    return {
      background: ["surface", "sunken", "bg"].reduce((sum, name) => sum + count(whole, name), 0) / whole.length,
      colors: Object.fromEntries(["turn", "user", "message", "reasoning", "tool", "approval", "request", "error"].map((kind) => [kind, count(inChart, kind)])),
      contrast: (high + 0.05) / (low + 0.05)
    }
  })()`)

layer(pages, { timeout: "60 seconds", excludeTestServices: true })("the page of a timeline", (it) => {
  it.effect("needs no other file, and shows the recording", () =>
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
      // Recorded text is text, even if it looks like HTML.
      assert.strictEqual(
        yield* page.evaluate(`document.images.length + document.querySelectorAll("body script").length`),
        0
      )
    }))

  it.effect("shows the details of a click", () =>
    Effect.gen(function*() {
      const page = yield* (yield* Pages).session()
      yield* click(page, "Why does the clock test fail at night?")
      const turn = yield* details(page)
      for (const text of ["completed", "4,200", "PARTS OF THE TURN", "call lookup_ticket"]) assert.include(turn, text)

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

  it.effect("searches, filters, and selects threads", () =>
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

  it.effect("can be used with the keyboard alone", () =>
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
      // Wherever the focus is.
      const axis = page.evaluate<string>(`document.querySelectorAll(".chart canvas")[1].toDataURL()`)
      const everything = yield* axis
      yield* page.press("+")
      yield* page.until(`document.querySelectorAll(".chart canvas")[1].toDataURL() !== "${everything}"`)
      yield* page.press("0")
      yield* page.until(`document.querySelectorAll(".chart canvas")[1].toDataURL() === "${everything}"`)
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

  it.effect("follows the system or the choice of light or dark, and is readable in both", () =>
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
      // On paper too: a dark page can't be read without its backgrounds.
      assert.strictEqual(yield* page.evaluate("getComputedStyle(document.body).printColorAdjust"), "exact")
    }))

  for (const scheme of ["light", "dark"] as const) {
    for (const [width, height] of [[1280, 800], [800, 1000], [420, 900]] as const) {
      it.effect(`fits everything: ${scheme}, ${width} pixels wide`, () =>
        Effect.gen(function*() {
          const page = yield* (yield* Pages).clock({ scheme, width, height })
          assert.deepStrictEqual(yield* misplaced(page), [])
          const turn =
            `Array.from(document.querySelectorAll(".link")).find((link) => link.textContent.includes("clock test"))`
          yield* page.evaluate(`${turn}.click()`)
          assert.deepStrictEqual(yield* misplaced(page), [])
          yield* drawn(page)

          const picture = yield* page.screenshot
          mkdirSync(pictures, { recursive: true })
          writeFileSync(join(pictures, `${scheme}-${width}.png`), picture)
          const { background, colors, contrast } = yield* look(page, picture)
          // Neither empty nor crammed.
          assert.isAtLeast(background, 0.55)
          assert.isAtMost(background, 0.97)
          // What is short and close together may lie in one place when that is small.
          for (const [kind, pixels] of Object.entries(colors)) {
            if (width > 420 || kind === "turn" || kind === "message") assert.isAtLeast(pixels, 30, kind)
          }
          assert.isAtLeast(contrast, 4.5)
        }))
    }
  }

  it.effect("draws only the visible part of a hundred thousand messages", () =>
    Effect.gen(function*() {
      const { busy, crowd } = yield* Pages
      for (const page of [yield* crowd, yield* busy]) {
        yield* page.until(`/10[0-9],001 messages/.test(document.querySelector(".facts").textContent)`)

        /** How often the canvas is told to draw something, and how many elements there are, after this is done. */
        const work = (action: string) =>
          page.evaluate<readonly [calls: number, elements: number]>(`(async () => {
            const lanes = document.querySelector(".lanes")
            const rows = document.querySelector(".rows")
            const wheel = (options) => lanes.dispatchEvent(new WheelEvent("wheel", { clientX: 700, bubbles: true, cancelable: true, ...options }))
            const key = (key) => lanes.dispatchEvent(new KeyboardEvent("keydown", { key }))
            const { prototype } = CanvasRenderingContext2D
            const methods = ["fillRect", "fill", "stroke", "strokeRect", "fillText", "lineTo", "roundRect", "measureText"]
            const originals = methods.map((name) => [name, prototype[name]])
            let calls = 0
            for (const [name, original] of originals) {
              prototype[name] = function(...args) { calls++; return original.apply(this, args) }
            }
            ${action}
            await new Promise(requestAnimationFrame)
            await new Promise(requestAnimationFrame)
            Object.assign(prototype, Object.fromEntries(originals))
            return [calls, document.querySelectorAll("*").length]
          })()`)
        const actions = {
          everything: `key("0")`,
          zoom: `wheel({ deltaY: -25, ctrlKey: true })`,
          closer: `for (let step = 0; step < 8; step++) key("+")`,
          pan: `wheel({ deltaX: 15 })`,
          far: `wheel({ deltaX: 100_000 })`,
          scroll: `lanes.scrollTop += 40`,
          away: `for (let step = 0; step < 12; step++) key("-")`,
          list: `rows.scrollTop += 40_000`,
          filter: `document.querySelectorAll(".chip")[1].click()`,
          select: `rows.dispatchEvent(new KeyboardEvent("keydown", { key: "PageDown" }))`
        }
        for (const [name, action] of Object.entries(actions)) {
          const [calls, elements] = yield* work(action)
          assert.isAbove(calls, name === "list" ? -1 : 20, name)
          assert.isBelow(calls, 12_000, name)
          assert.isBelow(elements, 1500, name)
        }
        assert.deepStrictEqual(page.complaints, [])
      }
    }))

  it.effect("shows the beginning of a long text, and all of it on demand", () =>
    Effect.gen(function*() {
      const page = yield* (yield* Pages).long
      const length = (selector: string) => Effect.map(texts(page, selector), ([text = ""]) => text.length)
      yield* page.until(`document.querySelector(".row") !== null`)
      assert.isBelow(yield* length(".rows"), 1000)
      yield* page.evaluate(`document.querySelector(".row").click()`)
      assert.isBelow(yield* length(".details"), 100_000)
      yield* page.evaluate(`document.querySelector(".details .actions .button").click()`)
      assert.isAbove(yield* length(".details"), 2_000_000)
      assert.deepStrictEqual(page.complaints, [])
    }))

  it.effect("shows the details of messages and spans, whatever they hold", () =>
    Effect.gen(function*() {
      const page = yield* (yield* Pages).hostile
      const total = Number((yield* texts(page, ".events .head span"))[0]!.replaceAll(",", ""))
      const seen = yield* page.evaluate<ReadonlyArray<string>>(`(async () => {
        const rows = document.querySelector(".rows")
        const lanes = document.querySelector(".lanes")
        const key = (target, key) => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }))
        for (const name of ["__proto__", "constructor", "toString"]) for (const target of [rows, lanes]) key(target, name)
        const seen = new Set()
        const look = () => document.querySelectorAll(".details h3, .details dt").forEach(({ textContent }) => seen.add(textContent))
        key(rows, "Home")
        for (let message = 0; message < ${total}; message++) key(rows, "ArrowDown")
        look()
        key(document, "Escape")
        for (let row = 0; row < 20; row++) {
          key(lanes, "ArrowDown")
          key(lanes, "Home")
          for (let span = 0; span < 60; span++) {
            key(lanes, "ArrowRight")
            look()
          }
        }
        return [...seen]
      })()`)
      assert.includeMembers([...seen], ["Belongs to", "Exit code", "Arguments", "Result", "Item", "Took"])
      assert.deepStrictEqual(page.complaints, [])
    }))

  it.effect("finds one of a hundred thousand messages", () =>
    Effect.gen(function*() {
      const page = yield* (yield* Pages).crowd
      yield* page.press("/")
      yield* page.type("Answer 9 of thread 39")
      yield* page.until(`document.querySelector("output").textContent === "1 found"`)
      yield* page.press("Enter")
      // The page unpacks the texts that it shows.
      yield* page.until(`document.querySelector(".details").innerText.includes("Answer 9 of thread 39")`)
      assert.deepStrictEqual(page.complaints, [])
    }))
})
