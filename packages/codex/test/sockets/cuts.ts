/** Turns on the real binary behind a proxy that cuts the connection at random; each has to come out as if it had not. */
import { Item, type ModelRequest, Reply, ScriptedModel, Step } from "@effect-codex/testing"
import { Codex, CodexError, type Notification, Router, type Thread, type TurnResult } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { idle } from "../real/utils.ts"
import * as Proxy from "./proxy.ts"
import * as server from "./server.ts"

/** The model requests of a turn: all but the last call a tool. */
const steps = 6

const usage = { inputTokens: 10, outputTokens: 1 }

/** The pieces of a message, some time apart. */
const deltas = (turn: string, step: number): ReadonlyArray<string | Step.Step> =>
  Array.from({ length: 5 }, (_, index) => [`${turn} ${step} ${index} ${"€".repeat(step)}. `, Step.delay("3 millis")])
    .flat()

const textOf = (turn: string, step: number): string =>
  deltas(turn, step).filter((delta) => typeof delta === "string").join("")

/** Says something and calls the tool, several times; then answers. */
export const respond = (request: ModelRequest.ModelRequest): Reply.Reply => {
  const turn = request.lastUserText ?? ""
  const step =
    request.inputItems("function_call_output").filter(({ call_id }) => String(call_id).startsWith(`${turn}/`))
      .length
  const message = Item.message({ deltas: deltas(turn, step) })
  return step === steps - 1
    ? Reply.make([message], { usage })
    : Reply.make([message, Item.functionCall({ name: "work", callId: `${turn}/${step}`, arguments: {} })], { usage })
}

/** Returns what is wrong with a turn. Older servers may tell of an item late; then the order of items does not count. */
const problemsOf = (
  turn: string,
  inOrder: boolean,
  { events, result, text }: {
    readonly events?: ReadonlyArray<Notification.Notification>
    readonly text?: ReadonlyArray<string>
    readonly result: TurnResult.TurnResult
  }
): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const check = (what: string, actual: unknown, expected: unknown) => {
    const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
    if (a !== b) problems.push(`${turn}: ${what} is ${a}, not ${b}`)
  }
  const ordered = <A>(values: ReadonlyArray<A>) => inOrder ? values : values.toSorted()
  const messages = Array.from({ length: steps }, (_, step) => textOf(turn, step))
  const types = ordered([
    "userMessage",
    ...messages.flatMap((_, step) => step === steps - 1 ? ["agentMessage"] : ["agentMessage", "dynamicToolCall"])
  ])
  check("the result's status", result.status, "completed")
  check("the result's items", ordered(result.items.map(({ type }) => type)), types)
  check("the messages", result.items.flatMap((item) => item.type === "agentMessage" ? [item.text] : []), messages)
  check("the tokens", result.usage?.turn.totalTokens, steps * 11)
  if (text !== undefined) check("the text", text.join(""), messages.join(""))
  if (events === undefined) return problems

  const itemsOf = (method: "item/started" | "item/completed") =>
    events.flatMap((event) => event.method === method ? [event.params.item] : [])
  const [started, completed] = [itemsOf("item/started"), itemsOf("item/completed")]
  const idOf = (item: (typeof started)[number]) => "id" in item ? item.id : "?"
  check("the items started", ordered(started.map(({ type }) => type)), types)
  check("the items completed", ordered(completed.map(({ type }) => type)), types)
  check("the ids completed", completed.map(idOf), started.map(idOf))
  for (const [step, item] of completed.filter(({ type }) => type === "agentMessage").entries()) {
    const pieces = events.flatMap((event) =>
      event.method === "item/agentMessage/delta" && event.params.itemId === idOf(item) ? [event.params.delta] : []
    )
    check(`the pieces of message ${step}`, pieces.join(""), messages[step])
  }
  check("the ends", events.filter(({ method }) => method === "turn/completed").length, 1)
  check("the last event", events.at(-1)?.method, "turn/completed")
  check("the undecodable", events.filter(({ method }) => method === "$undecodable").length, 0)
  return problems
}

/** What a run of turns has left, on this side and on the server. */
interface Counts {
  readonly handlerRuns: number
  readonly modelRequests: number
  /** The turns in the histories of the threads. */
  readonly storedTurns: number
}

export interface Report extends Counts {
  readonly turns: number
  readonly cuts: number
  readonly reconnections: number
  /** The turns that ended without a connection on a server whose history lacks tool calls. */
  readonly endedUnseen: number
  readonly problems: ReadonlyArray<string>
}

export interface Wanted {
  readonly how: server.SocketKind
  /** The binary of the server. Default: the pinned one. */
  readonly codexPath?: string | undefined
  readonly turns: number
  readonly cuts: number
  /** Whether items arrive in order, as from 0.169 on. Default: true. */
  readonly inOrder?: boolean | undefined
  /** Whether the history of an ended turn has its tool calls, as from 0.151 on. Otherwise it ends with an error. Default: true. */
  readonly isWhole?: boolean | undefined
  /** The mean time between cuts. */
  readonly everyMillis: number
}

/** Repeats a request whose outcome is unknown. */
const retried = <A, E>(request: Effect.Effect<A, E>) => Effect.retry(request, { while: CodexError.isRetryable })

const isNotRejoined = (error: CodexError.RunError): boolean =>
  error._tag === "CodexConnectionError" && error.reason._tag === "NotRejoined"

/** Runs turns, several at a time, until there were enough of them and enough cuts. */
const runOn = (wanted: Wanted): Effect.Effect<Report, unknown, server.ListeningServer | ScriptedModel.ScriptedModel> =>
  Effect.gen(function*() {
    const { address } = yield* server.ListeningServer
    const proxy = yield* Proxy.make(address, wanted.how)
    const context = yield* Layer.build(server.codex(proxy.address, { reconnect: Schedule.spaced("5 millis") }))
    const model = yield* ScriptedModel.ScriptedModel
    const calls = new Map<string, number>()
    const problems: Array<string> = []
    let turns = 0
    let cuts = 0
    let endedUnseen = 0
    let storedTurns = 0

    return yield* Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const router = yield* Router.Router

      const cutting = yield* Effect.forkChild(Effect.gen(function*() {
        while (cuts < wanted.cuts) {
          yield* Effect.sleep(Math.random() * 2 * wanted.everyMillis)
          if (proxy.cut()) cuts++
        }
      }))

      const turnOn = (thread: Thread.Thread) =>
        Effect.gen(function*() {
          const name = `turn${turns++}`
          const turn = yield* thread.turn(name)
          // The first consumer gets everything; a later one what comes from then on.
          const consumed = turns % 2 === 0
            ? { events: yield* Stream.runCollect(turn.stream) }
            : { text: yield* Stream.runCollect(turn.text) }
          problems.push(...problemsOf(name, wanted.inOrder ?? true, { ...consumed, result: yield* turn.run }))
        }).pipe(Effect.catch((error) =>
          Effect.sync(() => {
            if (wanted.isWhole === false && isNotRejoined(error)) endedUnseen++
            else problems.push(`turn: ${error}`)
          })
        ))

      const started = retried(codex.threadStart({
        dynamicTools: [{ type: "function", name: "work", description: "", inputSchema: { type: "object" } }],
        serverRequests: {
          "item/tool/call": ({ callId }) =>
            Effect.gen(function*() {
              calls.set(callId, (calls.get(callId) ?? 0) + 1)
              yield* Effect.sleep("15 millis")
              return { success: true, contentItems: [{ type: "inputText", text: "worked" }] }
            })
        }
      }))

      const lane = Effect.gen(function*() {
        while (turns < wanted.turns || cuts < wanted.cuts) {
          const thread = yield* started
          yield* turnOn(thread)
          yield* turnOn(thread)
          const stored = yield* retried(codex.threadRead(thread.id, { includeTurns: true }))
          storedTurns += stored.turns.length
        }
      })
      yield* Effect.all([lane, lane, lane], { concurrency: "unbounded", discard: true })
      yield* Fiber.join(cutting)
      for (const [callId, count] of calls) {
        if (count !== 1) problems.push(`the handler of ${callId} ran ${count} times`)
      }
      const held = router.stats()
      for (const [name, count] of Object.entries(idle)) {
        if (held[name as keyof typeof idle] !== count) {
          problems.push(`${name}: ${held[name as keyof typeof idle]} are held`)
        }
      }
      const handlerRuns = Array.from(calls.values()).reduce((sum, count) => sum + count, 0)
      const modelRequests = (yield* model.requests).length
      return {
        turns,
        cuts,
        reconnections: proxy.connections - 1,
        endedUnseen,
        handlerRuns,
        modelRequests,
        storedTurns,
        problems
      }
    }).pipe(Effect.provideContext(context))
  }).pipe(Effect.scoped)

/** Runs turns with cuts, on a server of its own. */
export const runAlone = (wanted: Wanted): Effect.Effect<Report, unknown> =>
  Effect.provide(
    runOn(wanted),
    server.layer(wanted.how, { process: { codexPath: wanted.codexPath }, script: { respond } })
  )

/** Runs turns without cuts, and then with cuts: they leave the same. */
export const run = (wanted: Wanted): Effect.Effect<Report, unknown> =>
  Effect.gen(function*() {
    const uncut = yield* runAlone({ ...wanted, turns: 3, cuts: 0 })
    const cut = yield* runAlone(wanted)
    const different = (["handlerRuns", "modelRequests", "storedTurns"] as const).flatMap((name) => {
      const expected = uncut[name] / uncut.turns * cut.turns
      return cut[name] === expected ? [] : [`${name}: ${cut[name]}, but ${expected} without cuts`]
    })
    return {
      ...cut,
      problems: [...uncut.problems.map((problem) => `uncut: ${problem}`), ...cut.problems, ...different]
    }
  })
