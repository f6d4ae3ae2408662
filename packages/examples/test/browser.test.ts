/** Codex in a web page: the example with the proxy, in a real browser, on the real app-server. */
import { Gate, Reply, ScriptedModel } from "@effect-codex/testing"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import * as proxy from "../../codex/test/sockets/proxy.ts"
import * as listening from "../../codex/test/sockets/server.ts"
import * as Browser from "../../recording/test/timeline/Browser.ts"
import { examples, start } from "./program.ts"

const token = "a-token-of-this-test"

const server = listening.layer("ws", {
  args: ["--ws-auth", "capability-token", "--ws-token-sha256", createHash("sha256").update(token).digest("hex")]
})

/** The status of the answer to a request for a WebSocket. */
const upgrade = (url: string, headers: Readonly<Record<string, string>>) =>
  Effect.callback<number | undefined>((resume) => {
    const webSocket = { connection: "upgrade", upgrade: "websocket", "sec-websocket-version": "13" }
    const asked = request(url, {
      headers: { ...webSocket, "sec-websocket-key": "MDEyMzQ1Njc4OWFiY2RlZg==", ...headers }
    })
    const done = (
      { statusCode, socket }: { readonly statusCode?: number | undefined; readonly socket: { destroy(): void } }
    ) => {
      socket.destroy()
      resume(Effect.succeed(statusCode))
    }
    asked.once("upgrade", done).once("response", done).on("error", () => {}).end()
  })

/** Another page on this machine: the browser counts it as the same site, and sends it the same cookies. */
const otherOrigin = Effect.acquireRelease(
  Effect.promise(async () => {
    const http = createServer((_, response) => response.setHeader("content-type", "text/html").end("<main></main>"))
      .listen(0, "127.0.0.1")
    await once(http, "listening")
    return http
  }),
  (http) => Effect.sync(() => void http.close().closeAllConnections())
).pipe(Effect.map((http) => `http://127.0.0.1:${(http.address() as AddressInfo).port}`))

it.live("51_browser_proxy", () =>
  Effect.gen(function*() {
    const model = yield* ScriptedModel.ScriptedModel
    const cutting = yield* proxy.make((yield* listening.ListeningServer).address)
    const example = yield* start(join(examples, "51_browser_proxy.ts"), {
      // Vite, which bundles the page, needs them all.
      permissions: ["--allow-all"],
      env: { PORT: "0", CODEX_SERVER: cutting.address, CODEX_TOKEN: token }
    })
    const browser = yield* Browser.make
    const login = yield* example.stdout.pipe(
      Stream.decodeText,
      Stream.splitLines,
      Stream.map((line) => /Open (\S+)/.exec(line)?.[1]),
      Stream.filter((url) => url !== undefined),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption)
    )
    const { host, origin } = new URL(login)

    // The page streams the answer of a turn, and the turn survives a cut.
    const gate = yield* Gate.make
    yield* model.enqueue(Reply.message({ deltas: ["half", gate, " whole"] }))
    const page = yield* browser.open(login)
    const ask = (question: string) =>
      page.evaluate(`(() => {
        document.querySelector("input").value = ${JSON.stringify(question)}
        document.querySelector("button").click()
      })()`)
    const shows = (selector: string, text: string) =>
      page.until(`document.querySelector("${selector}").textContent === ${JSON.stringify(text)}`)
    yield* shows("#state", "Connected")
    yield* ask("hello")
    yield* shows("#answer", "half")
    cutting.isDown = true
    cutting.cut()
    yield* shows("#state", "Reconnecting")
    cutting.isDown = false
    yield* shows("#state", "Connected")
    yield* gate.open
    yield* shows("#answer", "half whole\n[done]\n")
    assert.strictEqual(cutting.connections, 2)

    // So does a web worker.
    yield* page.goto(`${origin}/?worker`)
    yield* shows("#state", "Connected")
    yield* ask("in a worker")
    yield* shows("#answer", "in a worker\n[done]\n")

    // A page of another origin is refused, with the cookie of the user too, and so is the app-server's own address.
    yield* page.goto(yield* otherOrigin)
    const connects = (url: string) =>
      page.evaluate<boolean>(`new Promise((done) => {
        const socket = new WebSocket(${JSON.stringify(url)})
        socket.onopen = () => done(true)
        socket.onclose = () => done(false)
      })`)
    assert.isFalse(yield* connects(`ws://${host}/codex`))
    assert.isFalse(yield* connects(cutting.address))

    const key = new URL(login).searchParams.get("key")!
    const loggedIn = yield* Effect.promise(() => fetch(login, { redirect: "manual" }))
    const cookie = loggedIn.headers.get("set-cookie")!.split(";")[0]!
    assert.notInclude(cookie, key)
    const statuses = yield* Effect.forEach([
      { origin, cookie },
      { origin },
      { origin, cookie: "codex=guess" },
      { cookie },
      { origin: "null", cookie },
      { origin: "http://127.0.0.1:1", cookie },
      { origin, cookie, host: "example.com" }
    ], (headers) => upgrade(`${origin}/codex`, headers))
    assert.deepStrictEqual(statuses, [101, 401, 401, 403, 403, 403, 403])
    for (const path of ["/", "/login?key=guess", "/assets/none.js"]) {
      assert.strictEqual((yield* Effect.promise(() => fetch(`${origin}${path}`))).status, 401)
    }
  }).pipe(
    Effect.scoped,
    Effect.provide(server.pipe(Layer.provideMerge(NodeServices.layer)))
  ), 60_000)
