/** The real app-server, driven by hand: JSON lines over a child process and nothing else. */
import { CodexHome } from "@effect-codex/testing"
import * as NodeServices from "@effect/platform-node/NodeServices"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { readdirSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

// oxlint-disable-next-line typescript/no-explicit-any -- raw JSON from the wire
type Json = any

/** A message from the server that is not a response. */
export interface Message {
  readonly id?: number
  readonly method: string
  readonly params: Json
}

const executable = (): string => {
  const require = createRequire(import.meta.url)
  const codex = createRequire(require.resolve("@openai/codex/package.json"))
  const vendor = join(
    dirname(codex.resolve(`@openai/codex-${process.platform}-${process.arch}/package.json`)),
    "vendor"
  )
  return join(vendor, readdirSync(vendor)[0]!, "bin", process.platform === "win32" ? "codex.exe" : "codex")
}

/** Starts the server in the {@link CodexHome} and performs the handshake. */
export const make = Effect.gen(function*() {
  const home = yield* CodexHome.CodexHome
  const outbound = yield* Queue.unbounded<string, Cause.Done>()
  const pending = new Map<number, Deferred.Deferred<Json, Json>>()
  const messages = yield* SubscriptionRef.make<ReadonlyArray<Message>>([])
  const child = yield* ChildProcess.make(executable(), ["app-server", "--listen", "stdio://"], {
    cwd: home.workspace,
    env: home.env,
    extendEnv: true,
    stderr: "inherit",
    forceKillAfter: "500 millis"
  })
  yield* Stream.fromQueue(outbound).pipe(Stream.encodeText, Stream.run(child.stdin), Effect.forkScoped)
  yield* child.stdout.pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runForEach((line) => {
      const message: Json = JSON.parse(line)
      if (message.method !== undefined) {
        return SubscriptionRef.update(messages, (messages) => [...messages, message as Message])
      }
      const deferred = pending.get(message.id)!
      return message.error === undefined
        ? Deferred.succeed(deferred, message.result)
        : Deferred.fail(deferred, message.error)
    }),
    Effect.forkScoped
  )

  // The end of input asks the server to exit; the signal comes only after that.
  yield* Effect.addFinalizer(() =>
    Queue.end(outbound).pipe(Effect.andThen(child.exitCode), Effect.timeoutOption("2 seconds"), Effect.ignore)
  )

  const send = (message: object) => Queue.offer(outbound, `${JSON.stringify(message)}\n`)
  const request = (method: string, params: object): Effect.Effect<Json, Json> =>
    Effect.gen(function*() {
      const id = pending.size
      const deferred = yield* Deferred.make<Json, Json>()
      pending.set(id, deferred)
      yield* send({ id, method, params })
      return yield* Deferred.await(deferred)
    })

  yield* request("initialize", {
    clientInfo: { name: "effect_codex_testing", title: null, version: "0.0.0" },
    capabilities: { experimentalApi: true }
  })
  yield* send({ method: "initialized" })

  const received = SubscriptionRef.get(messages)
  /** Waits for the first message of a method, past or future, that satisfies the condition. */
  const waitFor = (method: string, condition: (params: Json) => boolean = () => true): Effect.Effect<Message> => {
    const find = (messages: ReadonlyArray<Message>) =>
      messages.find((message) => message.method === method && condition(message.params))
    return SubscriptionRef.changes(messages).pipe(
      Stream.filter((messages) => find(messages) !== undefined),
      Stream.runHead,
      Effect.map((messages) => find(Option.getOrThrow(messages))!)
    )
  }
  const startThread = (params: object = {}): Effect.Effect<string, Json> =>
    Effect.map(request("thread/start", params), (result) => result.thread.id as string)
  const startTurn = (threadId: string, text: string, params: object = {}): Effect.Effect<string, Json> =>
    Effect.map(
      request("turn/start", { threadId, input: [{ type: "text", text }], ...params }),
      (result) => result.turn.id as string
    )
  const completed = (turnId: string) =>
    Effect.map(waitFor("turn/completed", (params) => params.turn.id === turnId), (message) => message.params.turn)
  const run = (threadId: string, text: string, params?: object) =>
    Effect.flatMap(startTurn(threadId, text, params), completed)
  const respond = (id: number, result: object) => send({ id, result })

  return { request, respond, received, waitFor, startThread, startTurn, completed, run }
}).pipe(Effect.provide(NodeServices.layer))
