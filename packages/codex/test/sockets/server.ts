/** The real app-server, listening on a socket in a home of its own. */
import { CodexHome, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { Codex, type CodexClient, ProcessOptions } from "effect-codex"
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
  /** Waits until the server has logged a line with this text. */
  readonly logged: (text: string) => Effect.Effect<void>
}

export class ListeningServer extends Context.Service<ListeningServer, Server>()("test/ListeningServer") {}

/** The process of a server: as for `Codex.layer`, with more arguments of `app-server`. */
export interface ListenOptions {
  readonly args?: ReadonlyArray<string> | undefined
  readonly process?: Pick<ProcessOptions.ProcessOptions, "codexPath" | "config" | "cwd" | "env"> | undefined
  /** Starts another server at the same address whenever one has ended. Default: false. */
  readonly restarts?: boolean | undefined
}

/** The kinds of sockets. */
export type SocketKind = "ws" | "unix"

/** Starts `codex app-server --listen`, and ends it with the scope. */
export const listen = (
  how: SocketKind,
  { args: more = [], process: own = {}, restarts = false }: ListenOptions = {}
): Effect.Effect<Server, unknown, CodexHome.CodexHome | Scope.Scope> =>
  Effect.gen(function*() {
    const home = yield* CodexHome.CodexHome
    const { args, cwd, env, program } = yield* ProcessOptions.command({
      cwd: home.workspace,
      ...own,
      env: { ...home.env, ...own.env }
    })
    const path = `${home.codexHome}/listening.sock`
    let address = how === "ws" ? "ws://127.0.0.1:0" : `unix://${path}`
    let isEnding = false
    const start = () => {
      const child = spawn(program, [...args.map((arg) => arg === "stdio://" ? address : arg), ...more], {
        cwd,
        env,
        stdio: ["ignore", "ignore", "pipe"]
      })
      child.once("exit", () => {
        if (restarts && !isEnding) current = start()
      })
      return child
    }
    let current = yield* Effect.acquireRelease(
      Effect.sync(start),
      () =>
        Effect.promise(async () => {
          isEnding = true
          if (current.exitCode !== null || current.signalCode !== null) return
          // It waits for its turns after the first signal, and ends at the second.
          const signals = (["SIGTERM", "SIGTERM", "SIGKILL"] as const).map((signal, index) =>
            setTimeout(() => current.kill(signal), index * 300)
          )
          await once(current, "exit")
          for (const signal of signals) clearTimeout(signal)
        })
    )
    const said: Array<string> = []
    const waiting = new Set<() => void>()
    const listening = yield* Effect.callback<string>((resume) => {
      const lines = createInterface({ input: current.stderr })
      lines.on("line", (line) => {
        said.push(line)
        for (const look of waiting) look()
        const found = /listening on: (ws:\S+)/.exec(line)?.[1]
        if (found !== undefined) resume(Effect.succeed(found))
      })
      current.once("exit", () => resume(Effect.die(new Error(`the server has ended: ${said.join("\n")}`))))
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
    if (how === "ws") address = listening
    return {
      address: listening,
      pid: current.pid!,
      logged: (text) =>
        Effect.callback<void>((resume) => {
          const look = () => {
            if (said.some((line) => line.includes(text))) resume(Effect.void)
          }
          waiting.add(look)
          look()
          return Effect.sync(() => waiting.delete(look))
        })
    }
  })

/** A listening server, with its model and its home. */
export const layer = (
  how: SocketKind,
  { home, script, ...options }: ListenOptions & {
    readonly home?: Parameters<typeof CodexHome.layer>[0]
    readonly script?: ScriptedModel.Script
  } = {}
) =>
  Layer.effect(ListeningServer, listen(how, options)).pipe(
    Layer.provideMerge(CodexHome.layer(home)),
    Layer.provideMerge(ScriptedModel.layer(script ?? TestCodex.echo))
  )

/** Codex on a server that listens at an address: `ws://...`, or the path of a Unix socket. */
export const codex = <R = never>(
  address: string,
  options: Omit<CodexClient.UnixSocketLayerOptions<R>, "path"> = {}
) =>
  address.startsWith("ws:")
    ? Codex.layerWebSocket({ url: address, ...options })
    : Codex.layerUnixSocket({ path: address, ...options })
