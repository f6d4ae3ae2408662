/**
 * A headless Chromium, driven by Playwright: the program that the variable CHROMIUM names, or a Chromium on PATH, or the
 * Chrome of macOS or Windows, or, on Linux for x64, the one inside the package `@sparticuz/chromium`.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import { delimiter, dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { chromium, type LaunchOptions } from "playwright-core"

export class BrowserError extends Schema.TaggedError<BrowserError>("effect-codex/test/BrowserError")("BrowserError", {
  message: Schema.String
}) {}

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

const isProgram = (path: string): boolean => {
  try {
    Fs.accessSync(path, Fs.constants.X_OK)
    return Fs.statSync(path).isFile()
  } catch {
    return false
  }
}

const program = (): LaunchOptions => {
  const named = process.env["CHROMIUM"]
  if (named === "bundled") return bundled()
  if (named !== undefined) return { executablePath: named }
  if (process.platform !== "linux") return { channel: "chrome" }
  const found = (process.env["PATH"] ?? "").split(delimiter)
    .flatMap((directory) => names.map((name) => join(directory, name)))
    .find(isProgram)
  if (found !== undefined) return { executablePath: found }
  if (process.arch === "x64") return bundled()
  throw new Error("There is no Chromium: install it, or name it in the variable CHROMIUM.")
}

/**
 * The Chromium inside `@sparticuz/chromium`, unpacked once per checkout, with the libraries and the font that it brings: the
 * machine may have neither. The package itself unpacks to the directory of temporary files, in place, where a worker may
 * find what another one has not finished; so it is told another directory, which is moved when all is there.
 */
const bundled = (): LaunchOptions => {
  const entry = createRequire(import.meta.url).resolve("@sparticuz/chromium")
  const home = dirname(dirname(entry))
  const { version } = JSON.parse(Fs.readFileSync(join(home, "package.json"), "utf8")) as { readonly version: string }
  const cache = join(dirname(dirname(home)), ".cache", "effect-codex")
  const directory = join(cache, `chromium-${version}`)
  if (!Fs.existsSync(directory)) {
    Fs.mkdirSync(cache, { recursive: true })
    const unfinished = Fs.mkdtempSync(`${directory}-`)
    const unpack = `import chromium from ${JSON.stringify(pathToFileURL(entry))}; await chromium.executablePath()`
    execFileSync(process.execPath, ["--input-type=module", "--eval", unpack], {
      // It unpacks the libraries only where it takes the machine for one of AWS.
      env: { ...process.env, TMPDIR: unfinished, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x" }
    })
    Fs.writeFileSync(
      join(unfinished, "fonts", "fonts.conf"),
      `<?xml version="1.0"?><fontconfig><dir>${directory}/fonts</dir><cachedir>${directory}/cache</cachedir></fontconfig>`
    )
    try {
      Fs.renameSync(unfinished, directory)
    } catch (cause) {
      Fs.rmSync(unfinished, { recursive: true, force: true })
      // Another worker was faster.
      if (!Fs.existsSync(directory)) throw cause
    }
  }
  const libraries = join(directory, "al2023", "lib")
  return {
    executablePath: join(directory, "chromium"),
    env: {
      ...process.env,
      FONTCONFIG_PATH: join(directory, "fonts"),
      LD_LIBRARY_PATH: [libraries, process.env["LD_LIBRARY_PATH"]].filter(Boolean).join(delimiter)
    }
  }
}

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
  /** Opens another page in its place. */
  readonly goto: (url: string) => Effect.Effect<void, BrowserError>
  /** Presses and releases keys, by their names in `KeyboardEvent.key`. */
  readonly press: (...keys: ReadonlyArray<string>) => Effect.Effect<void, BrowserError>
  readonly type: (text: string) => Effect.Effect<void, BrowserError>
  readonly click: (x: number, y: number) => Effect.Effect<void, BrowserError>
  readonly hover: (x: number, y: number) => Effect.Effect<void, BrowserError>
  readonly scheme: (scheme: "light" | "dark") => Effect.Effect<void, BrowserError>
  /** The bytes of the heap of the page and of its buffers, after a garbage collection. */
  readonly memory: Effect.Effect<number, BrowserError>
  /** A picture of what is in sight, as a PNG. */
  readonly screenshot: Effect.Effect<Uint8Array, BrowserError>
  /** The URLs that the page has requested, including its own. */
  readonly requests: ReadonlyArray<string>
  /** The errors of the page: exceptions, errors on its console, violations of its policy. */
  readonly complaints: ReadonlyArray<string>
}

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, BrowserError> =>
  Effect.tryPromise({ try: run, catch: (cause) => new BrowserError({ message: String(cause) }) })

/** Starts a browser, which ends with the scope. The result opens the page of a file or a URL. */
export const make = Effect.gen(function*() {
  const browser = yield* Effect.acquireRelease(
    attempt(() =>
      chromium.launch({
        ...program(),
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", "--force-color-profile=srgb"]
      })
    ),
    (browser) => Effect.promise(() => browser.close())
  )

  const open = Effect.fnUntraced(function*(
    file: string,
    { height = 900, scheme = "light", width = 1400 }: PageOptions = {}
  ): Effect.fn.Return<Page, BrowserError, Scope.Scope> {
    const context = yield* Effect.acquireRelease(
      attempt(() => browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce" })),
      (context) => Effect.promise(() => context.close())
    )
    const page = yield* attempt(() => context.newPage())
    const requests: Array<string> = []
    const complaints: Array<string> = []
    page.on("request", (request) => requests.push(request.url()))
    page.on("pageerror", (error) => complaints.push(String(error)))
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text())
    })
    const evaluate = <A>(expression: string) => attempt(() => page.evaluate<A>(expression))
    // Playwright's own way of waiting would evaluate texts within the page, which forbids it.
    const until = (expression: string) =>
      evaluate<void>(`new Promise((done) => {
        const look = () => (${expression}) ? done() : requestAnimationFrame(look)
        look()
      })`).pipe(Effect.timeoutOrElse({
        duration: "30 seconds",
        orElse: () =>
          Effect.fail(
            new BrowserError({ message: [`This did not become true: ${expression}`, ...complaints].join("\n") })
          )
      }))
    yield* attempt(() => page.goto(URL.canParse(file) ? file : pathToFileURL(file).href))
    yield* until(`document.querySelector("main, .empty") !== null`)
    return {
      evaluate,
      until,
      goto: (url) => Effect.asVoid(attempt(() => page.goto(url))),
      press: (...keys) => Effect.forEach(keys, (key) => attempt(() => page.keyboard.press(key)), { discard: true }),
      type: (text) => attempt(() => page.keyboard.insertText(text)),
      click: (x, y) => attempt(() => page.mouse.click(x, y)),
      hover: (x, y) => attempt(() => page.mouse.move(x, y)),
      scheme: (colorScheme) => attempt(() => page.emulateMedia({ colorScheme })),
      memory: attempt(async () => {
        const session = await context.newCDPSession(page)
        await session.send("HeapProfiler.collectGarbage")
        const { backingStorageSize, usedSize } = await session.send("Runtime.getHeapUsage")
        await session.detach()
        return usedSize + backingStorageSize
      }),
      screenshot: attempt(() => page.screenshot()),
      requests,
      complaints
    }
  })
  return { open }
})
