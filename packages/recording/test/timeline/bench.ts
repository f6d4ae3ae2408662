/**
 * Measures a timeline of a million messages, as a page in a file and as the page of a server, in Chromium:
 *
 *     npm run bench:timeline                 # a million messages
 *     npm run bench:timeline -- 100000       # another number
 */
import * as Timeline from "@effect-codex/recording/Timeline"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Browser from "./Browser.ts"
import { lines, write } from "./large.ts"

const messages = Number(process.argv[2] ?? 1_000_000)
const shown = messages.toLocaleString("en-US")

const seconds = (millis: number) => `${(millis / 1000).toFixed(1)} s`
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6).toLocaleString("en-US")} MB`

/** Returns the milliseconds that something takes, with its result. */
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const start = performance.now()
    const result = yield* effect
    return [performance.now() - start, result] as const
  })

const facts = (text: string) => `document.querySelector(".facts")?.innerText.includes(${JSON.stringify(text)}) === true`

/** Returns the milliseconds between frames while something happens in each of them: the middle one, and the 95th percentile. */
const frames = (page: Browser.Page, setup: string, each: string) =>
  page.evaluate<readonly [median: number, high: number]>(`(async () => {
    const lanes = document.querySelector(".lanes")
    const box = lanes.getBoundingClientRect()
    const frame = () => new Promise(requestAnimationFrame)
    const key = (key) => lanes.dispatchEvent(new KeyboardEvent("keydown", { key }))
    const wheel = (deltaX) => lanes.dispatchEvent(new WheelEvent("wheel", { deltaX, clientX: 700, bubbles: true, cancelable: true }))
    const move = (x) => lanes.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + x, clientY: box.top + 60, bubbles: true }))
    ${setup}
    await frame()
    const times = []
    let last = await frame()
    for (let step = 0; step < 90; step++) {
      ${each}
      const now = await frame()
      times.push(now - last)
      last = now
    }
    times.sort((a, b) => a - b)
    return [times[45], times[85]]
  })()`)

const print = ([median, high]: readonly [number, number]) => `${median.toFixed(0)} ms, 95 % below ${high.toFixed(0)} ms`

const measure = Effect.fnUntraced(function*(name: string, page: Browser.Page, opened: number) {
  const first = performance.now() - opened
  yield* page.evaluate(`new Promise((done) => {
    const look = () => ${facts(`${shown} messages`)} ? done() : setTimeout(look, 20)
    look()
  })`)
  const whole = performance.now() - opened
  yield* Console.log(`${name}: first drawn after ${seconds(first)}, all after ${seconds(whole)}`)
  yield* Console.log(`  memory of the page: ${megabytes(yield* page.memory)}`)
  yield* Console.log(`  a frame, everything in sight: ${print(yield* frames(page, `key("0")`, `move(300 + step)`))}`)
  for (const [zoom, steps] of [["a tenth", 5], ["a thousandth", 15]] as const) {
    const pan = yield* frames(
      page,
      `key("0"); for (let step = 0; step < ${steps}; step++) key("+")`,
      `wheel(step < 45 ? 30 : -30)`
    )
    yield* Console.log(`  a frame while panning, ${zoom} in sight: ${print(pan)}`)
  }
  const list = yield* frames(page, ``, `document.querySelector(".rows").scrollTop += 5000`)
  yield* Console.log(`  a frame while scrolling through the messages: ${print(list)}`)
  const last = Math.floor(messages / 40 / 250) - 1
  yield* page.press("/")
  yield* page.type(`Answer ${last} of thread 39`)
  const [searched] = yield* timed(page.evaluate(`new Promise((done) => {
    const look = () => document.querySelector("output").textContent === "1 found" ? done() : setTimeout(look, 20)
    look()
  })`))
  yield* Console.log(`  the search for one of all messages: ${seconds(searched)}`)
  yield* page.press("Escape")
  for (const complaint of page.complaints) yield* Console.log(`  ${complaint}`)
})

/** The lines of the messages after so many. */
function* further(messages: number, count: number): Generator<string> {
  let index = 0
  for (const line of lines(messages + count)) if (index++ > messages) yield line
}

/** Runs the command line, and returns the URL that it prints. */
const serve = (file: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const main = fileURLToPath(new URL("../../../cli/src/main.ts", import.meta.url))
      const args = [
        "--no-warnings",
        "--conditions=@effect-codex/source",
        main,
        "timeline",
        file,
        "--follow",
        "--no-open"
      ]
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
      const [line] = await once(child.stdout, "data") as [Buffer]
      return { child, url: line.toString().trim() }
    }),
    ({ child }) => Effect.sync(() => child.kill())
  )

const main = Effect.gen(function*() {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "effect-codex-"))),
    (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
  )
  const file = join(directory, "large.jsonl")
  const html = join(directory, "large.html")
  write(file, messages)
  yield* Console.log(`a recording of ${shown} messages: ${megabytes(Fs.statSync(file).size)}`)
  const browser = yield* Browser.make

  const [started, { child, url }] = yield* timed(serve(file))
  yield* Console.log(`server: ready after ${seconds(started)}`)
  yield* Effect.scoped(Effect.gen(function*() {
    const opened = performance.now()
    const page = yield* browser.open(url)
    yield* measure("page of the server", page, opened)
    const more = Array.from(further(messages, 1000))
    const [grown] = yield* timed(Effect.andThen(
      Effect.sync(() => Fs.appendFileSync(file, more.map((line) => `${line}\n`).join(""))),
      page.until(facts(`${(messages + 1000).toLocaleString("en-US")} messages`))
    ))
    yield* Console.log(`  1,000 further messages: drawn ${Math.round(grown)} ms after they were written`)
  }))
  if (process.platform === "linux") {
    const status = Fs.readFileSync(`/proc/${child.pid}/status`, "utf8")
    yield* Console.log(`  memory of the server: ${megabytes(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024)}`)
  }
  child.kill()
  Fs.truncateSync(file, 0)
  write(file, messages)

  const [written] = yield* timed(Timeline.writeFile(file, html))
  yield* Console.log(
    `page in a file: written in ${seconds(written)}, ${megabytes(Fs.statSync(html).size)}, with at most ${
      megabytes(process.resourceUsage().maxRSS * 1024)
    } of memory`
  )
  yield* Effect.scoped(Effect.gen(function*() {
    const opened = performance.now()
    yield* measure("page in a file", yield* browser.open(html), opened)
  }))
}).pipe(Effect.scoped)

NodeRuntime.runMain(main)
