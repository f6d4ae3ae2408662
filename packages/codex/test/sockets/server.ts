/** The real app-server, listening on a socket in a home of its own. */
import { CodexHome, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { ProcessOptions } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createConnection } from "node:net"
import { createInterface } from "node:readline"

/** A server that listens. */
export interface Server {
  /** Its address: `ws://...`, or the path of its socket. */
  readonly address: string
  readonly pid: number
}

export class ListeningServer extends Context.Service<ListeningServer, Server>()("test/ListeningServer") {}

/** Starts `codex app-server --listen`, and ends it with the scope. */
export const listen = (
  how: "ws" | "unix",
  ...args: ReadonlyArray<string>
): Effect.Effect<Server, unknown, CodexHome.CodexHome | Scope.Scope> =>
  Effect.gen(function*() {
    const home = yield* CodexHome.CodexHome
    const { program } = yield* ProcessOptions.command({}, process.cwd())
    const path = `${home.codexHome}/listening.sock`
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(program, ["app-server", "--listen", how === "ws" ? "ws://127.0.0.1:0" : `unix://${path}`, ...args], {
          cwd: home.workspace,
          env: { ...process.env, ...home.env },
          stdio: ["ignore", "ignore", "pipe"]
        })
      ),
      (child) =>
        Effect.promise(async () => {
          if (child.exitCode !== null || child.signalCode !== null) return
          child.kill("SIGKILL")
          await once(child, "exit")
        })
    )
    const said: Array<string> = []
    const address = yield* Effect.callback<string>((resume) => {
      const lines = createInterface({ input: child.stderr })
      lines.on("line", (line) => {
        said.push(line)
        const found = /listening on: (ws:\S+)/.exec(line)?.[1]
        if (found !== undefined) resume(Effect.succeed(found))
      })
      child.once("exit", () => resume(Effect.die(new Error(`the server has ended: ${said.join("\n")}`))))
      if (how === "ws") return undefined
      // The file is there a moment before the server listens.
      const poll = setInterval(() => {
        const socket = createConnection(path, () => {
          clearInterval(poll)
          socket.destroy()
          resume(Effect.succeed(path))
        })
        socket.on("error", () => {})
      }, 10)
      return Effect.sync(() => clearInterval(poll))
    })
    return { address, pid: child.pid! }
  })

/** A listening server, with its model and its home. */
export const layer = (
  how: "ws" | "unix",
  { args = [], home, script }: {
    readonly args?: ReadonlyArray<string>
    readonly home?: Parameters<typeof CodexHome.layer>[0]
    readonly script?: ScriptedModel.Script
  } = {}
) =>
  Layer.effect(ListeningServer, listen(how, ...args)).pipe(
    Layer.provideMerge(CodexHome.layer(home)),
    Layer.provideMerge(ScriptedModel.layer(script ?? TestCodex.echo))
  )
