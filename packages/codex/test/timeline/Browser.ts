/**
 * A headless Chromium, driven over its own pipe (the DevTools protocol), with nothing in between.
 *
 * The program is looked for in the variable CHROMIUM, then by the usual names on PATH.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import type { Readable, Writable } from "node:stream"
import { pathToFileURL } from "node:url"

export class BrowserError extends Schema.TaggedError<BrowserError>("effect-codex/test/BrowserError")("BrowserError", {
  message: Schema.String
}) {}

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

const program = Effect.suspend(() => {
  const onPath = (process.env["PATH"] ?? "").split(delimiter).flatMap((directory) =>
    names.map((name) => join(directory, name))
  )
  const found = [process.env["CHROMIUM"], ...onPath].find((path) => path !== undefined && Fs.existsSync(path))
  return found === undefined
    ? Effect.fail(
      new BrowserError({ message: "There is no Chromium: install it, or name it in the variable CHROMIUM." })
    )
    : Effect.succeed(found)
})

/** Keys for which the browser does something by itself. */
const keyCodes: { readonly [key: string]: number } = { Tab: 9, Enter: 13, Escape: 27 }

type Json = { readonly [key: string]: unknown }

export interface PageOptions {
  readonly width?: number
  readonly height?: number
  readonly scheme?: "light" | "dark"
}

export interface Page {
  /** The value of an expression, which may be a promise. */
  readonly evaluate: <A = unknown>(expression: string) => Effect.Effect<A, BrowserError>
  /** Waits, frame after frame, until an expression is true. */
  readonly until: (expression: string) => Effect.Effect<void, BrowserError>
  /** Presses and releases a key, by its name in `KeyboardEvent.key`. */
  readonly press: (...keys: ReadonlyArray<string>) => Effect.Effect<void, BrowserError>
  readonly type: (text: string) => Effect.Effect<void, BrowserError>
  readonly click: (x: number, y: number) => Effect.Effect<void, BrowserError>
  readonly hover: (x: number, y: number) => Effect.Effect<void, BrowserError>
  readonly wheel: (
    x: number,
    y: number,
    delta: { readonly x?: number; readonly y?: number; readonly ctrl?: boolean }
  ) => Effect.Effect<void, BrowserError>
  readonly scheme: (scheme: "light" | "dark") => Effect.Effect<void, BrowserError>
  readonly screenshot: (file: string) => Effect.Effect<void, BrowserError>
  /** What the page has asked the network for, the page itself included. */
  readonly requests: ReadonlyArray<string>
  /** What it has complained about: exceptions, errors on its console, violations of its policy. */
  readonly complaints: ReadonlyArray<string>
}

/** Starts a browser, which ends with the scope. The result opens the page of a file. */
export const make = Effect.gen(function*() {
  const path = yield* program
  const profile = yield* Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "effect-codex-chromium-"))),
    (directory) =>
      Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  )
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(path, [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--hide-scrollbars",
        "--force-color-profile=srgb",
        `--user-data-dir=${profile}`,
        "--remote-debugging-pipe",
        "about:blank"
      ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] })
    ),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null) return
        const gone = once(child, "exit")
        child.kill("SIGKILL")
        await gone
      })
  )
  const input = child.stdio[3] as Writable
  const output = child.stdio[4] as Readable

  let lastId = 0
  const pending = new Map<number, Deferred.Deferred<Json, BrowserError>>()
  const listeners = new Set<(message: Json) => void>()
  let buffer = ""
  output.setEncoding("utf8").on("data", (text: string) => {
    const parts = (buffer + text).split("\0")
    buffer = parts.pop()!
    for (const part of parts) {
      const message = JSON.parse(part) as Json
      const waiting = pending.get(Number(message["id"]))
      if (waiting === undefined) { for (const listener of listeners) listener(message) }
      else if (message["error"] === undefined) Deferred.doneUnsafe(waiting, Effect.succeed(message["result"] as Json))
      else Deferred.doneUnsafe(waiting, Effect.fail(new BrowserError({ message: JSON.stringify(message["error"]) })))
    }
  })

  const send = (method: string, params: Json = {}, sessionId?: string): Effect.Effect<Json, BrowserError> =>
    Effect.suspend(() => {
      const id = ++lastId
      const answer = Deferred.makeUnsafe<Json, BrowserError>()
      pending.set(id, answer)
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
      return Deferred.await(answer)
    })

  const open = Effect.fnUntraced(function*(
    file: string,
    { height = 900, scheme = "light", width = 1400 }: PageOptions = {}
  ): Effect.fn.Return<Page, BrowserError, Scope.Scope> {
    const { targetId } = yield* send("Target.createTarget", { url: "about:blank" })
    const { sessionId } = yield* send("Target.attachToTarget", { targetId, flatten: true })
    const session = (method: string, params: Json = {}) => send(method, params, String(sessionId))
    const requests: Array<string> = []
    const complaints: Array<string> = []
    const loaded = Deferred.makeUnsafe<void>()
    const listener = (message: Json) => {
      if (message["sessionId"] !== sessionId) return
      const params = message["params"] as Json
      switch (message["method"]) {
        case "Page.loadEventFired":
          return Deferred.doneUnsafe(loaded, Effect.void)
        case "Network.requestWillBeSent":
          return requests.push(String((params["request"] as Json)["url"]))
        case "Runtime.exceptionThrown":
          return complaints.push(JSON.stringify(params["exceptionDetails"]))
        case "Log.entryAdded":
          return complaints.push(JSON.stringify(params["entry"]))
        case "Runtime.consoleAPICalled":
          return params["type"] === "error" && complaints.push(JSON.stringify(params["args"]))
        default:
          return undefined
      }
    }
    listeners.add(listener)
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        Effect.sync(() => listeners.delete(listener)),
        Effect.ignore(send("Target.closeTarget", { targetId }))
      )
    )
    const media = (scheme: "light" | "dark") =>
      Effect.asVoid(session("Emulation.setEmulatedMedia", {
        features: [{ name: "prefers-color-scheme", value: scheme }]
      }))
    yield* Effect.forEach(["Page", "Runtime", "Network", "Log"], (domain) => session(`${domain}.enable`))
    yield* session("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false })
    yield* media(scheme)
    yield* session("Page.navigate", { url: pathToFileURL(file).href })
    yield* Deferred.await(loaded)

    const evaluate = <A>(expression: string): Effect.Effect<A, BrowserError> =>
      Effect.flatMap(
        session("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }),
        ({ exceptionDetails, result }) =>
          exceptionDetails === undefined
            ? Effect.succeed((result as Json)["value"] as A)
            : Effect.fail(new BrowserError({ message: `${expression}: ${JSON.stringify(exceptionDetails)}` }))
      )
    const mouse = (type: string, x: number, y: number, more: Json = {}) =>
      Effect.asVoid(session("Input.dispatchMouseEvent", { type, x, y, ...more }))
    const left = { button: "left", clickCount: 1 }
    const page: Page = {
      evaluate,
      until: (expression) =>
        evaluate(`new Promise((done) => {
          const look = () => (${expression}) ? done() : requestAnimationFrame(look)
          look()
        })`).pipe(
          Effect.timeoutOrElse({
            duration: "10 seconds",
            orElse: () =>
              Effect.fail(
                new BrowserError({ message: [`This did not become true: ${expression}`, ...complaints].join("\n") })
              )
          }),
          Effect.asVoid
        ),
      press: (...keys) =>
        Effect.forEach(keys, (key) =>
          Effect.gen(function*() {
            const text = key.length === 1 ? { text: key } : key === "Enter" ? { text: "\r" } : {}
            const code = { windowsVirtualKeyCode: keyCodes[key] }
            yield* session("Input.dispatchKeyEvent", { type: "keyDown", key, ...text, ...code })
            yield* session("Input.dispatchKeyEvent", { type: "keyUp", key, ...code })
          }), { discard: true }),
      type: (text) => Effect.asVoid(session("Input.insertText", { text })),
      click: (x, y) =>
        mouse("mouseMoved", x, y).pipe(
          Effect.andThen(mouse("mousePressed", x, y, left)),
          Effect.andThen(mouse("mouseReleased", x, y, left))
        ),
      hover: (x, y) => mouse("mouseMoved", x, y),
      wheel: (x, y, delta) =>
        mouse("mouseWheel", x, y, {
          deltaX: delta.x ?? 0,
          deltaY: delta.y ?? 0,
          modifiers: delta.ctrl === true ? 2 : 0
        }),
      scheme: media,
      screenshot: (file) =>
        Effect.map(
          session("Page.captureScreenshot", { format: "png" }),
          ({ data }) => Fs.writeFileSync(file, Buffer.from(String(data), "base64"))
        ),
      requests,
      complaints
    }
    yield* page.until(`document.querySelector("main, .empty")`)
    return page
  })
  return { open }
})
