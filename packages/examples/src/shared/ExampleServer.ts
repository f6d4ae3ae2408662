/**
 * An app-server that is running already, for the examples that connect to one: on a scripted model or, with `--live`, on your own
 * account. In your own setup, start `codex app-server --listen ...` yourself.
 */
import { CodexHome, ScriptedModel } from "@effect-codex/testing"
import { Codex, ProcessOptions } from "effect-codex"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createConnection } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as ExampleCodex from "./ExampleCodex.ts"
import * as OfflineModel from "./OfflineModel.ts"

/** A home with a scripted model, as options of a server; with `--live`, your own. Its variables are apart from all other ones. */
export const home = Effect.gen(function*() {
  yield* Console.log(
    ExampleCodex.isLive
      ? "[live: your own Codex account]\n"
      : "[offline: a scripted model answers; --live asks your own Codex account]\n"
  )
  if (ExampleCodex.isLive) return { env: { EXAMPLE: String(process.pid) }, cwd: undefined }
  const context = yield* Layer.build(
    CodexHome.layer({ model: "gpt-5.5" }).pipe(Layer.provide(ScriptedModel.layer(OfflineModel.script)))
  )
  const { env, workspace } = Context.get(context, CodexHome.CodexHome)
  return { env, cwd: workspace }
})

/** The home of {@link home}, whose shared server ends with the scope. In your own program, the server stays. */
export const sharedHome = Effect.tap(
  home,
  (options) => Effect.addFinalizer(() => Effect.ignore(Codex.stopShared(options)))
)

/** Connects to a socket, and fails while nothing listens on it. */
const connect = (path: string) =>
  Effect.tryPromise(async () => {
    const socket = createConnection(path)
    await once(socket, "connect")
    socket.destroy()
  })

/** Starts a server, and returns its address: the URL of its WebSocket, or the path of its socket. The scope ends the server. */
export const listen = (how: "ws" | "unix", ...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const { cwd, env } = yield* home
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "codex-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    )
    const path = join(directory, "codex.sock")
    const { program } = yield* ProcessOptions.command({}, process.cwd())
    const server = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(program, ["app-server", "--listen", how === "ws" ? "ws://127.0.0.1:0" : `unix://${path}`, ...args], {
          env: { ...process.env, ...env },
          cwd,
          stdio: ["ignore", "ignore", "pipe"]
        })
      ),
      (server) =>
        Effect.promise(async () => {
          if (server.exitCode !== null || server.signalCode !== null) return
          server.kill()
          await once(server, "exit")
        })
    )
    if (how === "unix") return yield* Effect.as(Effect.retry(connect(path), Schedule.spaced("20 millis")), path)
    return yield* Effect.callback<string>((resume) => {
      // A line may arrive in pieces.
      const lines = createInterface({ input: server.stderr })
      lines.on("line", (line) => {
        const address = /listening on: (ws:\S+)/.exec(line)?.[1]
        if (address !== undefined) resume(Effect.succeed(address))
      })
    })
  })
