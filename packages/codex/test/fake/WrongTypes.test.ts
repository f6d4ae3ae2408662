/** Whatever a server puts into the fields of its messages: it arrives, typed or `$undecodable`, and the connection lives. */
import * as Methods from "@effect-codex/protocol/Methods"
import { FakeAppServer } from "@effect-codex/testing"
import { assert } from "@effect/vitest"
import { CodexClient } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as Stream from "effect/Stream"
import { inBackground, scenario } from "./scenario.ts"

const wrong: ReadonlyArray<unknown> = [null, 0, "text", true, [], {}, [null], { id: 7 }]

/** The names of the fields at the top of a Schema. */
const fieldsOf = (schema: Schema.Constraint): ReadonlyArray<string> => {
  const { ast } = schema
  return SchemaAST.isObjects(ast) ? ast.propertySignatures.map(({ name }) => String(name)) : []
}

/** Each wrong value as the whole, and in each field by itself. */
const mistakes = (schema: Schema.Constraint): ReadonlyArray<unknown> => [
  ...wrong,
  ...fieldsOf(schema).flatMap((field) => wrong.map((value) => ({ threadId: "t", turnId: "u", [field]: value })))
]

scenario("every notification, with wrong types in every field", () =>
  Effect.gen(function*() {
    const client = yield* CodexClient.CodexClient
    const server = yield* FakeAppServer.FakeAppServer
    const sent = Array.from(Methods.serverNotifications).flatMap(([method, entry]) =>
      mistakes(entry.schema()).map((params) => ({ entry, message: { method, params } }))
    )
    assert.isAbove(sent.length, 2_500)
    const reading = yield* inBackground(Stream.runCollect(Stream.take(client.notifications, sent.length)))
    yield* server.write(sent.map(({ message }) => `${JSON.stringify(message)}\n`).join(""))
    const events = yield* Fiber.join(reading)
    events.forEach((event, index) => {
      const { entry, message } = sent[index]!
      assert.deepEqual(event.raw, message)
      if (event.method === "$undecodable") assert.isAbove(event.issue.length, 0)
      else assert.isTrue(entry.check(message.params) || event.method === message.method)
    })
    assert.isAbove(events.filter(({ method }) => method === "$undecodable").length, 1_000)
    yield* client.request("model/list", {})
  }))

scenario("every response, of every wrong type", () =>
  Effect.gen(function*() {
    const client = yield* CodexClient.CodexClient
    const server = yield* FakeAppServer.FakeAppServer
    let refused = 0
    for (const [method, entry] of Methods.clientRequests) {
      if (method === "initialize") continue
      for (const response of mistakes(entry.response.schema())) {
        yield* server.on(method, () => FakeAppServer.verbatim(response))
        const answer = yield* Effect.result(
          // Any method, with parameters that nobody looks at.
          client.request(method as "model/list", {})
        )
        if (answer._tag === "Success") continue
        refused++
        assert(answer.failure._tag === "CodexDecodeError", answer.failure.message)
        assert.strictEqual(answer.failure.method, method)
        assert.deepEqual(answer.failure.raw, response)
      }
    }
    assert.isAbove(refused, 500)
  }))
