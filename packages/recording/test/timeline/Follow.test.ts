import * as TimelineServer from "@effect-codex/recording/TimelineServer"
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Http from "node:http"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Notice, Patch } from "../../src/timeline/browser/Timeline.ts"
import * as TemporaryFile from "../TemporaryFile.ts"
import * as Browser from "./Browser.ts"
import { together } from "./data.ts"
import { lines } from "./large.ts"

/** The directory of the screenshots, for people to look at. */
const pictures = fileURLToPath(new URL("../../../../node_modules/.cache/effect-codex/pictures/", import.meta.url))

class Chromium extends Context.Service<Chromium, Effect.Success<typeof Browser.make>>()(
  "effect-codex/test/Chromium"
) {}

const [header, ...messages] = Array.from(lines(4000, 3, 200))

/** A file, and functions that write to it. */
const growing = Effect.gen(function*() {
  const file = yield* TemporaryFile.make("run.jsonl")
  const append = (text: string) => Effect.sync(() => Fs.appendFileSync(file, text))
  return {
    file,
    append,
    /** Appends messages of the recording, from one number to another. */
    grow: (from: number, to: number) => append(messages.slice(from, to).map((line) => `${line}\n`).join("")),
    begin: Effect.sync(() => Fs.writeFileSync(file, `${header}\n`))
  }
})

interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Http.IncomingHttpHeaders
}

/** Asks a server for something. */
const ask = (url: string, options: Http.RequestOptions = {}) =>
  Effect.callback<Answer, Error>((resume) => {
    const request = Http.request(url, { agent: false, ...options }, (response) => {
      let body = ""
      response.on("data", (bytes: Buffer) => body += bytes.toString())
      response.on(
        "end",
        () => resume(Effect.succeed({ status: response.statusCode!, body, headers: response.headers }))
      )
    })
    request.on("error", (error) => resume(Effect.fail(error)))
    request.end()
    return Effect.sync(() => request.destroy())
  })

/** The patches and notices that a server sends, until one of them satisfies a condition. */
const receive = (url: string, isLast: (received: ReadonlyArray<Patch | Notice>) => boolean) =>
  Effect.promise(async (signal) => {
    const response = await fetch(new URL("events", url), { signal })
    const received: Array<Patch | Notice> = []
    let rest = ""
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
      const events = (rest + text).split("\n\n")
      rest = events.pop()!
      for (const event of events) {
        received.push(JSON.parse(event.slice(event.indexOf("data: ") + 6)))
        if (isLast(received)) return received
      }
    }
    return received
  })

const patchesOf = (received: ReadonlyArray<Patch | Notice>) => received.filter((change) => "events" in change)
const noticesOf = (received: ReadonlyArray<Patch | Notice>) => received.filter((change) => "text" in change)
const count = (received: ReadonlyArray<Patch | Notice>) =>
  patchesOf(received).reduce((sum, { events }) => sum + events.at.length, 0)

layer(Layer.effect(Chromium, Browser.make), { timeout: "60 seconds", excludeTestServices: true })(
  "a timeline of a growing recording",
  (it) => {
    it.effect("sends what is added, and waits for the end of a line", () =>
      Effect.gen(function*() {
        const { append, begin, file, grow } = yield* growing
        yield* begin
        yield* grow(0, 10)
        const { url } = yield* TimelineServer.make(file)
        const three = yield* Effect.forkChild(receive(url, (received) => count(received) === 3000))
        yield* receive(url, (received) => count(received) === 10)
        const cut = `${messages[10]}\n`
        yield* append(cut.slice(0, 50))
        yield* Effect.andThen(append(cut.slice(50)), grow(11, 1500))
        yield* receive(url, (received) => count(received) === 1500)
        yield* grow(1500, 3000)
        const data = together(patchesOf(yield* Fiber.join(three)))
        assert.strictEqual(data.events.span.length, 3000)
        assert.strictEqual(data.spans.filter(({ kind }) => kind === "turn").length, 15)
        assert.isTrue(data.spans.slice(0, 20).every(({ status }) => status === "ok"))
        // A later reader gets the same at once.
        const late = together(patchesOf(yield* receive(url, (received) => count(received) === 3000)))
        assert.deepStrictEqual(late.spans, data.spans)
        assert.deepStrictEqual(late.lanes, data.lanes)
        const texts = yield* ask(new URL("texts/1/2", url).href)
        assert.deepStrictEqual(
          texts.body.split("\0").map((text): unknown => JSON.parse(text)),
          messages.slice(2048, 3000).map((line): unknown => JSON.parse(line).received)
        )
      }).pipe(Effect.scoped))

    it.effect("is closed to everyone who does not know its URL, and to other names of the host", () =>
      Effect.gen(function*() {
        const { begin, file, grow } = yield* growing
        yield* begin
        yield* grow(0, 10)
        const scope = yield* Scope.make()
        const { url } = yield* Scope.provide(TimelineServer.make(file), scope)
        const { origin, pathname, port } = new URL(url)
        assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/)
        const page = yield* ask(url)
        assert.deepStrictEqual([page.status, page.body.startsWith("<!doctype html>")], [200, true])
        assert.strictEqual(page.headers["cache-control"], "no-store")
        assert.notInclude(page.body, pathname.slice(1, -1))
        for (
          const path of [
            "/",
            "/events",
            "/texts/1/0",
            `/${"x".repeat(32)}/`,
            `/${"x".repeat(32)}/events`,
            `${pathname.slice(0, -2)}/`
          ]
        ) {
          const { body, status } = yield* ask(`${origin}${path}`)
          assert.deepStrictEqual([status, body.includes("thread")], [403, false], path)
        }
        for (const host of [`evil.example:${port}`, "127.0.0.1", `localhost.evil.example:${port}`]) {
          for (const what of ["", "events", "texts/1/0"]) {
            const { status } = yield* ask(`${url}${what}`, { headers: { host } })
            assert.strictEqual(status, 403, `${host} ${what}`)
          }
        }
        assert.strictEqual((yield* ask(url, { method: "POST" })).status, 405)
        for (
          const [what, status] of [["other", 404], ["texts/1/9", 410], ["texts/2/0", 410], [
            "texts/1/..%2f",
            410
          ]] as const
        ) {
          assert.strictEqual((yield* ask(`${url}${what}`)).status, status, what)
        }
        // Also while a reader is connected, the server ends with its scope.
        const reader = yield* Effect.forkChild(Effect.exit(ask(`${url}events`)))
        yield* receive(url, (received) => count(received) === 10)
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.join(reader)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(ask(url))))
      }).pipe(Effect.scoped))

    it.effect("waits for a file, and says what happens to it", () =>
      Effect.gen(function*() {
        const { append, begin, file, grow } = yield* growing
        const { notices, url } = yield* TimelineServer.make(file)
        const told = (text: string) => Stream.runHead(Stream.filter(notices, (notice) => notice.includes(text)))
        yield* told("run.jsonl does not exist yet")
        yield* Effect.sync(() => Fs.writeFileSync(file, ""))
        yield* told("is empty")
        yield* begin
        yield* grow(0, 20)
        const old = yield* Effect.forkChild(receive(url, () => false))
        yield* receive(url, (received) => count(received) === 20)
        // Another recording in its place ends the one that is shown; who asks again gets the new one.
        yield* Effect.sync(() => Fs.rmSync(file))
        yield* told("has been removed or renamed")
        yield* begin
        yield* grow(0, 5)
        const ended = yield* Fiber.join(old)
        assert.deepStrictEqual([count(ended), noticesOf(ended).at(-1)!.final], [20, true])
        assert.include(noticesOf(ended).at(-1)!.text, "written anew")
        const next = yield* receive(url, (received) => count(received) === 5)
        assert.strictEqual(patchesOf(next)[0]!.head!.number, 2)
        // As large as before, so only its beginning tells.
        const again = yield* Effect.forkChild(receive(url, () => false))
        yield* receive(url, (received) => count(received) === 5)
        const other = Fs.readFileSync(file, "utf8").replace("2026-11-21", "2026-11-22")
        yield* Effect.sync(() => Fs.writeFileSync(file, other))
        assert.include(noticesOf(yield* Fiber.join(again)).at(-1)!.text, "written anew")
        yield* receive(url, (received) => count(received) === 5)
        yield* append("not JSON\n")
        yield* told("line 7: the line is not a JSON object")
        assert.strictEqual((yield* ask(`${url}texts/3/0`)).body.split("\0").length, 5)
      }).pipe(Effect.scoped))

    it.effect("fails for a file that is no recording, and for a port that is taken", () =>
      Effect.gen(function*() {
        const { append, begin, file } = yield* growing
        yield* append("hello\n")
        const { message } = yield* Effect.flip(TimelineServer.make(file))
        assert.include(message, "this is not a recording of effect-codex")
        yield* begin
        const { url } = yield* TimelineServer.make(file)
        const port = Number(new URL(url).port)
        const taken = yield* Effect.flip(TimelineServer.make(file, { port }))
        assert.include(taken.message, `port ${port} of 127.0.0.1 is not free`)
      }).pipe(Effect.scoped))

    it.effect("is drawn as it grows, and stays as its reader has arranged it", () =>
      Effect.gen(function*() {
        const chromium = yield* Chromium
        const { begin, file, grow } = yield* growing
        const scope = yield* Scope.make()
        const { url } = yield* Scope.provide(TimelineServer.make(file), scope)
        const page = yield* chromium.open(url)
        yield* page.until(`document.querySelector(".notice").innerText.includes("does not exist yet")`)
        yield* begin
        yield* grow(0, 700)
        const shows = (count: string) =>
          page.until(`document.querySelector(".facts")?.innerText.includes("${count} messages")
            && document.querySelector(".events .head span").innerText.endsWith("${count}")`)
        const rows = `document.querySelector(".rows")`
        const lastRow = (text: string) =>
          page.until(
            `Array.from(document.querySelectorAll(".row .at")).some(({ textContent }) => textContent === "${text}")`
          )
        const axis = page.evaluate<string>(`document.querySelectorAll(".chart canvas")[1].toDataURL()`)
        yield* shows("700")
        // The end is in sight, and stays so.
        yield* lastRow("0:00.350")
        yield* grow(700, 1400)
        yield* shows("1,400")
        yield* lastRow("0:00.700")
        assert.strictEqual(yield* page.evaluate(`document.querySelector(".live").getAttribute("aria-pressed")`), "true")

        // A reader who looks at something keeps it in sight.
        yield* page.press("/")
        yield* page.type("word25")
        yield* page.until(`document.querySelector("output").textContent === "9 found"`)
        yield* page.press("Enter")
        yield* page.until(`document.querySelector(".details").innerText.includes("word25")`)
        yield* page.evaluate(`document.querySelector(".lanes").focus()`)
        yield* page.press("+", "+", "+", "+")
        yield* page.evaluate(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))`)
        const before = yield* axis
        yield* page.evaluate(
          `Object.assign(window, { parts: [".lanes canvas", "input", ".details pre"].map((part) => document.querySelector(part)) })`
        )
        yield* grow(1400, 3000)
        yield* page.until(`document.querySelector("output").textContent === "15 found"`)
        yield* page.until(`document.querySelector(".events .head span").innerText === "15 of 3,000"`)
        assert.strictEqual(yield* axis, before)
        assert.isTrue(
          yield* page.evaluate<boolean>(`window.parts.every((part) => part.isConnected)
            && document.querySelector(".row[aria-selected=true]") !== null
            && document.querySelector(".details").innerText.includes("word25")`)
        )
        assert.strictEqual(
          yield* page.evaluate(`document.querySelector(".live").getAttribute("aria-pressed")`),
          "false"
        )
        yield* page.press("/")
        yield* page.press("Escape")
        yield* page.until(`document.querySelector(".events .head span").innerText === "3,000"`)
        yield* page.evaluate(`${rows}.scrollTop = 1000`)
        yield* grow(3000, 3500)
        yield* shows("3,500")
        assert.strictEqual(yield* page.evaluate(`${rows}.scrollTop`), 1000)

        // On request, it follows the end again.
        yield* page.evaluate(`document.querySelector(".live").click()`)
        yield* lastRow("0:01.750")
        yield* grow(3500, 4000)
        yield* shows("4,000")
        yield* lastRow("0:02.000")
        assert.notStrictEqual(yield* axis, before)
        Fs.mkdirSync(pictures, { recursive: true })
        for (const scheme of ["light", "dark"] as const) {
          yield* page.scheme(scheme)
          yield* page.evaluate(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))`)
          Fs.writeFileSync(join(pictures, `follow-${scheme}.png`), yield* page.screenshot)
        }
        assert.deepStrictEqual(page.complaints, [])

        yield* Scope.close(scope, Exit.void)
        yield* page.until(`document.querySelector(".notice").innerText.includes("has stopped")`)
        yield* shows("4,000")
      }).pipe(Effect.scoped))
  }
)
