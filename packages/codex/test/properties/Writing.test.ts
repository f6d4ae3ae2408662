/** Whatever a program writes, and wherever: it is answered or refused with a typed error, in time, and can be parsed. */
import { FakeAppServer, Fixture } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { type ClientOptions, Codex, ProcessOptions } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { idle } from "../fake/scenario.ts"
import { Anything } from "./Anything.ts"
import {
  anyRequest,
  cases,
  count,
  outcome,
  places,
  repeat,
  seed,
  seedOf,
  threadThatAnswers,
  type Write
} from "./writing.ts"

const place = { threadId: "thread-1", turnId: "turn-1", itemId: "item-1", startedAtMs: 0 }

/** Lets the server ask, and waits for the answer. */
const answer: Write<FakeAppServer.FakeAppServer> = (codex, any) =>
  Effect.gen(function*() {
    const server = yield* FakeAppServer.FakeAppServer
    const thread = yield* threadThatAnswers(codex, any)
    const params = { ...place, threadId: thread.id }
    yield* Effect.ignore(
      any.oneOf([
        () =>
          server.ask("item/tool/call", {
            ...params,
            callId: any.text(),
            namespace: null,
            tool: "answer",
            arguments: { text: any.text() }
          }),
        () => server.ask("item/commandExecution/requestApproval", { ...params, command: any.text() }),
        () => server.ask("item/fileChange/requestApproval", params),
        () => server.ask("item/tool/requestUserInput", { ...params, questions: [] }),
        () => server.ask("currentTime/read", { threadId: thread.id }),
        () => server.ask("attestation/generate", {})
      ])()
    )
  })

/** Options of a client, one of them with any value. */
const clientOptions = (any: Anything) =>
  any.oneOf<() => ClientOptions.ClientOptions>([
    () => ({ clientInfo: { name: any.text(), version: any.text() } }),
    () => ({ clientInfo: { name: "name", version: "1.0.0", title: any.text(), ...any.object() } }),
    () => ({ optOutNotifications: any.few(() => any.text()) }),
    () => ({ requestTimeout: any.number() }),
    () => ({ handshakeTimeout: any.number() }),
    () => ({ maxInFlight: any.number() }),
    () => ({ limits: { idle: any.number(), steps: any.number() } }),
    () => any.object()
  ])()

const layer: Write = (_, any) => Effect.scoped(Layer.build(FakeAppServer.layerCodex({ client: clientOptions(any) })))

/** Options of a process, one of them with any value. */
const processOptions = (any: Anything) =>
  any.oneOf<() => ProcessOptions.ProcessOptions>([
    () => ({ config: any.object() as NonNullable<ProcessOptions.ProcessOptions["config"]> }),
    () => ({ codexPath: any.text() }),
    () => ({ args: [any.text(), any.text()] }),
    () => ({ cwd: any.text() }),
    () => ({ env: { [any.text()]: any.text(), secret: Redacted.make(any.text()) } }),
    () => ({ env: { PATH: any.text() }, codexPath: any.text(), envMode: "replace" }),
    () => ({ shutdownGrace: any.number() }),
    () => any.object()
  ])()

const command: Write = (_, any) => ProcessOptions.command(processOptions(any))

const written: ReadonlyArray<readonly [name: string, write: Write<FakeAppServer.FakeAppServer>]> = Object.entries({
  ...places,
  "client.request": anyRequest,
  answer,
  layer,
  command
})

/** The server that is being tested with: tests of this module run one after the other. */
const withGoals = Effect.gen(function*() {
  const server = yield* FakeAppServer.FakeAppServer
  yield* server.on("thread/goal/get", () => ({ goal: null }))
  yield* server.on("thread/goal/clear", () => ({ cleared: false }))
  yield* server.on("thread/goal/set", ({ objective, status, threadId, tokenBudget }) => {
    const goal = {
      threadId,
      objective: objective ?? "",
      status: status ?? "active",
      tokenBudget: tokenBudget ?? null,
      tokensUsed: 0,
      timeUsedSeconds: 0,
      createdAt: Fixture.time,
      updatedAt: Fixture.time
    }
    const told = (status: string): Fixture.Notification => ({
      method: "thread/goal/updated",
      params: { threadId, goal: { ...goal, status } }
    })
    return Effect.as(
      server.notifyAll([
        told("active"),
        Fixture.turnStarted(threadId, "goal"),
        told("complete"),
        Fixture.turnCompleted(threadId, "goal")
      ]),
      { goal }
    )
  })
})

const isHalf = (text: string): boolean => /\p{Surrogate}/u.test(text)

/** What the real server, which reads with serde, can't parse; it would drop the whole message. */
const unparsable = (value: unknown, depth = 1): string | undefined => {
  if (typeof value === "string") return isHalf(value) ? "half a surrogate pair" : undefined
  if (typeof value !== "object" || value === null) return undefined
  if (depth > 127) return "more than 127 levels"
  for (const [key, field] of Object.entries(value)) {
    const problem = isHalf(key) ? "half a surrogate pair in a key" : unparsable(field, depth + 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** What is logged must have a text, too; it is of no interest here. */
const formatting = Logger.layer([Logger.make((options) => void Logger.formatLogFmt.log(options))])

/** What it can't read of an answer that is a refusal. */
const unreadable = ({ error }: FakeAppServer.Raw): string | undefined =>
  error === undefined
    || (Predicate.isObject(error) && Number.isSafeInteger(error["code"]) && typeof error["message"] === "string")
    ? undefined
    : "a refusal without a code or a message"

/** A connection serves as many cases as this. */
const batch = 100

/** Runs cases on one connection, and returns the problems. */
const run = (indices: ReadonlyArray<number>, outcomes: Map<string, number>) =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const server = yield* FakeAppServer.FakeAppServer
    yield* withGoals
    const problems: Array<string> = []
    for (const index of indices) {
      const [name, write] = written[index % written.length]!
      const { name: end, problem } = yield* outcome(
        write(codex, new Anything(seedOf(index))),
        ({ _tag }) => name === "layer" || (_tag !== "CodexTimeoutError" && _tag !== "CodexConnectionError")
      )
      outcomes.set(end, (outcomes.get(end) ?? 0) + 1)
      if (problem !== undefined) problems.push(`${repeat(index)} ${name}: ${problem}`)
      for (const message of yield* server.received) {
        const unread = unparsable(message) ?? unreadable(message)
        if (unread !== undefined) problems.push(`${repeat(index)} ${name}: sent ${unread}`)
      }
      yield* server.clear
    }
    yield* idle
    return problems
  }).pipe(
    Effect.scoped,
    Effect.provide(FakeAppServer.layerCodex().pipe(Layer.provideMerge(formatting)))
  )

describe("anything that a program writes", () => {
  it.live(`ends in a response or a typed error (${count} cases, seed ${seed})`, () =>
    Effect.gen(function*() {
      const all = cases(count)
      const outcomes = new Map<string, number>()
      const problems: Array<string> = []
      for (let start = 0; start < all.length; start += batch) {
        problems.push(...yield* run(all.slice(start, start + batch), outcomes))
      }
      assert.isEmpty(problems, `${problems.length} problems; the first ones:\n\n${problems.slice(0, 10).join("\n\n")}`)
      if (all.length >= 500) assert.includeMembers(Array.from(outcomes.keys()), ["response", "InvalidInputError"])
    }), Math.max(60_000, count * 60))
})
