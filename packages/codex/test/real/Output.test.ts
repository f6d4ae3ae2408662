import { Gate, Item, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Codex, type CodexError, type Notification, type Output } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Stream from "effect/Stream"
import type { Equals } from "effect/Types"
import { setup } from "./utils.ts"

/** Asks for an answer that fits a Schema, of a model that gives this one. */
const ask = Effect.fnUntraced(function*<A, RD>(schema: Output.OutputSchema<A, RD>, answer: unknown) {
  const { codex, model } = yield* setup
  yield* model.enqueue(Reply.text(typeof answer === "string" ? answer : JSON.stringify(answer)))
  const thread = yield* codex.threadStart()
  return yield* thread.run("answer", { output: schema })
})

/** As {@link ask}, for an answer that does not fit. */
const failure = <A, RD>(schema: Output.OutputSchema<A, RD>, answer: unknown) =>
  Effect.flatMap(
    Effect.flip(ask(schema, answer)),
    (error) => error._tag === "OutputDecodeError" ? Effect.succeed(error) : Effect.die(error)
  )

/** The message to the model about its last answer. */
const lastFormat = Effect.map(
  ScriptedModel.ScriptedModel.use((model) => model.requests),
  (requests) => requests.at(-1)?.outputFormat
)

class User extends Schema.Class<User>("User")({ name: Schema.String, age: Schema.Int }) {
  get initial(): string {
    return this.name.slice(0, 1)
  }
}

class Place extends Schema.Class<Place>("@app/place of~100%")({ city: Schema.String }) {}

interface Tree {
  readonly name: string
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree> = Schema.Struct({
  name: Schema.String,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

const Shape = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("circle"), radius: Schema.Finite }),
  Schema.Struct({ kind: Schema.Literal("square"), side: Schema.Finite })
])

class Users extends Context.Service<Users, { readonly find: (id: string) => Effect.Effect<string> }>()("test/Users") {}

/** Decoding it looks the id up. */
const UserById = Schema.String.pipe(Schema.decodeTo(Schema.String, {
  decode: SchemaGetter.transformEffect((id: string) => Users.use((users) => users.find(id))),
  encode: SchemaGetter.passthrough()
}))

const withUsers = Effect.provideService(Users, { find: (id) => Effect.succeed(`user ${id}`) })

const of = <A, RD>(name: string, schema: Output.OutputSchema<A, RD>, answer: unknown, output: A) => ({
  name,
  run: Effect.map(ask(schema, answer), (result) => assert.deepStrictEqual(result.output, output))
})

const cases = [
  of("a struct", Schema.Struct({ a: Schema.String, n: Schema.Int }), { a: "x", n: 1 }, { a: "x", n: 1 }),
  of(
    "optional keys, absent, null and given",
    Schema.Array(Schema.Struct({ a: Schema.optionalKey(Schema.String), b: Schema.optional(Schema.Finite) })),
    { value: [{}, { a: null, b: null }, { a: "x", b: 1 }] },
    [{}, {}, { a: "x", b: 1 }]
  ),
  of("null", Schema.Struct({ a: Schema.NullOr(Schema.String) }), { a: null }, { a: null }),
  of("a default", Schema.Struct({ a: Schema.String.pipe(Schema.withDecodingDefault(Effect.succeed("none"))) }), {
    a: null
  }, { a: "none" }),
  of("a tuple", Schema.Struct({ t: Schema.Tuple([Schema.String, Schema.Finite]) }), { t: { "0": "a", "1": 2 } }, {
    t: ["a", 2]
  }),
  of("a record", Schema.Struct({ r: Schema.Record(Schema.String, Schema.Finite) }), {
    r: [{ "0": "a", "1": 1 }, { "0": "b", "1": 2 }]
  }, { r: { a: 1, b: 2 } }),
  of("a date", Schema.Struct({ d: Schema.Date }), { d: "2026-01-02T03:04:05Z" }, {
    d: new Date("2026-01-02T03:04:05Z")
  }),
  of("a transformation", Schema.Struct({ n: Schema.FiniteFromString }), { n: "12" }, { n: 12 }),
  of("a nested class", Schema.Struct({ user: User }), { user: { name: "Ada", age: 36 } }, {
    user: new User({ name: "Ada", age: 36 })
  }),
  of("a class with a name of any letters", Schema.Struct({ place: Place }), { place: { city: "Bonn" } }, {
    place: new Place({ city: "Bonn" })
  }),
  of("what refers to itself", Tree, { name: "a", children: [{ name: "b", children: [] }] }, {
    name: "a",
    children: [{ name: "b", children: [] }]
  }),
  of("a union, as the root", Shape, { value: { kind: "square", side: 2 } }, { kind: "square", side: 2 }),
  of("an array, as the root", Schema.Array(Schema.Int), { value: [1, 2] }, [1, 2]),
  of("a union with null, as the root", Schema.NullOr(Schema.Struct({ a: Schema.Int })), { value: null }, null),
  of("a record, as the root", Schema.Record(Schema.String, Schema.Int), { value: [{ "0": "a", "1": 1 }] }, { a: 1 }),
  of("a string, as the root", Schema.String, { value: "x" }, "x"),
  of("a literal, as the root", Schema.Literals(["yes", "no"]), { value: "no" }, "no"),
  of("a tuple, as the root", Schema.Tuple([Schema.String]), { "0": "x" }, ["x"])
]

const refusals: ReadonlyArray<readonly [string, Output.OutputSchema<unknown>, place: string]> = [
  ["an instance of a class", Schema.Struct({ a: Schema.Struct({ b: Schema.instanceOf(URL) }) }), `["a"]["b"]`],
  [
    "a declaration without a JSON form",
    Schema.Array(Schema.declare((u): u is Set<string> => u instanceof Set)),
    `["value"][]`
  ],
  ["any value", Schema.Unknown, `["value"]`],
  ["no value", Schema.Struct({ a: Schema.Never }), `["a"]`],
  ["any object", Schema.Struct({ a: Schema.Union([Schema.String, Schema.Struct({})]) }), `["a"]`]
]

layer(TestCodex.layer(), { excludeTestServices: true })("a typed answer", (it) => {
  for (const { name, run } of cases) it.effect(`is ${name}`, () => run)

  it.effect("constrains the model", () =>
    Effect.gen(function*() {
      yield* ask(Schema.Struct({ a: Schema.String, b: Schema.optionalKey(Schema.Int) }), { a: "x", b: null })
      const format = yield* lastFormat
      assert.deepInclude(format, { type: "json_schema", strict: true })
      assert.deepInclude(format?.schema, { type: "object", required: ["a", "b"], additionalProperties: false })
    }))

  it.effect("is no JSON Schema: the error names the option for one", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      const jsonSchema = { type: "object", properties: { a: { type: "string" } } }
      for (const output of [jsonSchema, JSON.stringify(jsonSchema), null]) {
        const run = thread.run as (input: string, options: object) => Effect.Effect<unknown, CodexError.CodexError>
        const error = yield* Effect.flip(run("go", { output }))
        assert.strictEqual(error._tag, "InvalidInputError")
        assert.include(error.message, "output: it is not an Effect Schema; pass a JSON Schema as `outputSchema`")
      }
    }))

  it.effect("holds for one turn", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(Reply.text(`{"value":1}`), Reply.text("plain"))
      const thread = yield* codex.threadStart()
      const first = yield* thread.run("a number", { output: Schema.Int })
      assert.isDefined(yield* lastFormat)
      const second = yield* thread.run("words")
      assert.isUndefined(yield* lastFormat)
      assert.deepStrictEqual([first.output, first.finalResponse, second.finalResponse], [1, `{"value":1}`, "plain"])
    }))

  it.effect("keeps the methods of a class, and a brand", () =>
    Effect.gen(function*() {
      const user = yield* ask(User, { name: "Ada", age: 36 })
      assert.strictEqual(user.output.initial, "A")
      const Id = Schema.String.pipe(Schema.brand("Id"))
      const { output } = yield* ask(Schema.Struct({ id: Id }), { id: "x" })
      const id: typeof Id.Type = output.id
      // @ts-expect-error a string is no id
      const bare: typeof Id.Type = "x"
      assert.deepStrictEqual([id, bare], ["x", "x"])
    }))

  it.effect("is decoded with the services that its Schema requires", () =>
    Effect.gen(function*() {
      const result = yield* withUsers(ask(Schema.Struct({ user: UserById }), { user: "7" }))
      assert.strictEqual(result.output.user, "user 7")
    }))

  it.effect("comes from a Turn, beside its events", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(
        Reply.make([
          Item.message({ text: "hm", phase: "commentary" }),
          Item.message({ text: `{"value":[1]}`, phase: "final_answer" })
        ])
      )
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("go", { output: Schema.Array(Schema.Int) })
      const [events, result] = yield* Effect.all([Stream.runCollect(turn.stream), turn.run], { concurrency: 2 })
      assert.strictEqual(events.at(-1)?.method, "turn/completed")
      assert.deepStrictEqual(result.output, [1])
      assert.deepStrictEqual((yield* turn.run).output, [1])
    }))

  it.effect("is the last event of a stream", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(Reply.text(`{"n":1}`))
      const thread = yield* codex.threadStart()
      const events = yield* Stream.runCollect(thread.stream("go", { output: Schema.Struct({ n: Schema.Int }) }))
      assert.deepStrictEqual(events.slice(-2).map(({ method }) => method), ["turn/completed", "$output"])
      const last = events.at(-1)
      assert.deepStrictEqual(last?.method === "$output" ? [last.output.n, last.result.finalResponse] : [], [
        1,
        `{"n":1}`
      ])
    }))
})

layer(TestCodex.layer(), { excludeTestServices: true })("an answer that does not fit", (it) => {
  it.effect("fails, with its text and the result", () =>
    Effect.gen(function*() {
      const error = yield* failure(Schema.Struct({ a: Schema.String, b: Schema.Finite }), { a: 1, b: "x" })
      assert.strictEqual(error.text, `{"a":1,"b":"x"}`)
      assert.strictEqual(error.result.status, "completed")
      assert.deepStrictEqual(error.result.items.map(({ type }) => type), ["userMessage", "agentMessage"])
      assert.deepStrictEqual([error.threadId, error.turnId], [error.result.threadId, error.result.id])
      // Everything that is wrong, for the model to be told at once.
      assert.strictEqual(error.issue, `Expected string\n  at ["a"]\nExpected number\n  at ["b"]`)
    }))

  it.effect("is described readably, for a union too", () =>
    Effect.gen(function*() {
      const issues: ReadonlyArray<readonly [unknown, string]> = [
        [
          { kind: "triangle" },
          `Expected { readonly "kind": "circle", ... } | { readonly "kind": "square", ... }\n  at ["value"]`
        ],
        [{ kind: "circle", radius: "wide" }, `Expected number\n  at ["value"]["radius"]`],
        [{ kind: "circle" }, `Missing key\n  at ["value"]["radius"]`]
      ]
      for (const [answer, issue] of issues) {
        assert.strictEqual((yield* failure(Shape, { value: answer })).issue, issue)
      }
      assert.strictEqual((yield* failure(Shape, "a circle, I think")).issue, "Expected a valid JSON string")
    }))

  it.effect("fails, if there is more than the JSON, and keeps all of it", () =>
    Effect.gen(function*() {
      for (const text of ["```json\n{\"value\":1}\n```", `Here you are: {"value":1}`, ""]) {
        const error = yield* failure(Schema.Int, text)
        assert.deepStrictEqual([error.text, error.issue], [text, "Expected a valid JSON string"])
      }
    }))

  it.effect("is missing when the model refuses", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const content = [{ type: "refusal", refusal: "I won't" }]
      yield* model.enqueue(Reply.make([Item.raw({ type: "message", role: "assistant", id: "m", content })]))
      const thread = yield* codex.threadStart()
      const error = yield* Effect.flip(thread.run("go", { output: Schema.Int }))
      assert.strictEqual(error._tag, "OutputDecodeError")
      if (error._tag !== "OutputDecodeError") return
      assert.deepStrictEqual([error.text, error.result.status], [null, "completed"])
      assert.include(error.message, "There is no final answer to decode")
      assert.include(error.message, "If the model refused to answer, rephrase the request.")
    }))

  it.effect("fails a Turn's run and a stream, after the events", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const output = Schema.Struct({ n: Schema.Int })
      const thread = yield* codex.threadStart()
      yield* model.enqueue(Reply.text("no"), Reply.text("no"))
      const turn = yield* thread.turn("go", { output })
      assert.strictEqual((yield* Effect.flip(turn.run))._tag, "OutputDecodeError")
      const events: Array<string> = []
      const error = yield* thread.stream("go", { output }).pipe(
        Stream.runForEach((event) => Effect.sync(() => events.push(event.method))),
        Effect.flip
      )
      assert.strictEqual(error._tag, "OutputDecodeError")
      assert.strictEqual(events.at(-1), "turn/completed")
    }))

  it.effect("is missing when the turn was interrupted: the result is kept", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.message({ deltas: [`{"n":`, gate] }))
      const thread = yield* codex.threadStart()
      const turn = yield* thread.turn("go", { output: Schema.Struct({ n: Schema.Int }) })
      const waiting = yield* Effect.forkChild(Effect.flip(turn.run))
      yield* gate.arrived
      yield* turn.interrupt
      const error = yield* Fiber.join(waiting)
      assert.strictEqual(error._tag, "OutputDecodeError")
      if (error._tag !== "OutputDecodeError") return
      assert.strictEqual(error.result.status, "interrupted")
      assert.isNull(error.text)
      assert.include(error.message, "status interrupted")
    }))

  it.effect("is not looked at when the turn failed", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      yield* model.enqueue(Reply.httpError(400, "no"))
      const thread = yield* codex.threadStart()
      assert.strictEqual((yield* Effect.flip(thread.run("go", { output: Schema.Int })))._tag, "TurnFailedError")
    }))
})

layer(TestCodex.layer(), { excludeTestServices: true })("a Schema that the model can't be held to", (it) => {
  for (const [name, schema, place] of refusals) {
    it.effect(`is refused before anything is sent: ${name}`, () =>
      Effect.gen(function*() {
        const { codex, model } = yield* setup
        const thread = yield* codex.threadStart()
        const output = schema
        const errors = [
          yield* Effect.flip(thread.run("go", { output })),
          yield* Effect.flip(thread.turn("go", { output })),
          yield* Effect.flip(Stream.runDrain(thread.stream("go", { output })))
        ]
        for (const error of errors) {
          assert.strictEqual(error._tag, "InvalidInputError")
          assert.include(error.message, "output: the model can't be held to this Schema")
          assert.include(error.message, `at ${place};`)
        }
        assert.deepStrictEqual((yield* thread.read()).preview, "")
        assert.deepStrictEqual(yield* model.requests, [])
      }))
  }
})

// ---------------------------------------------------------------------------------------------------------------------
// The compiler checks these types.
// ---------------------------------------------------------------------------------------------------------------------

const isTrue = <_ extends true>() => {}

export const types = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  const Answer = Schema.Struct({ a: Schema.FiniteFromString, b: Schema.optionalKey(Schema.String) })
  type Answer = { readonly a: number; readonly b?: string }

  const run = thread.run("go", { output: Answer })
  isTrue<Equals<Effect.Success<typeof run>, Output.TypedResult<Answer>>>()
  isTrue<Equals<Effect.Services<typeof run>, never>>()
  isTrue<
    Equals<Effect.Error<typeof run>, CodexError.StartTurnError | CodexError.TurnError | CodexError.OutputDecodeError>
  >()

  // Services of the Schema are required where it is decoded, and nowhere else.
  const output = Schema.Struct({ user: UserById })
  const needy = thread.run("go", { output })
  isTrue<Equals<Effect.Services<typeof needy>, Users>>()
  const start = thread.turn("go", { output })
  isTrue<Equals<Effect.Services<typeof start>, never>>()
  const turn = yield* start
  isTrue<Equals<Effect.Services<typeof turn.run>, Users>>()
  isTrue<Equals<typeof turn.stream, Stream.Stream<Notification.Notification, CodexError.TurnStreamError>>>()
  const stream = thread.stream("go", { output })
  isTrue<Equals<Stream.Services<typeof stream>, Users>>()
  isTrue<
    Equals<Stream.Success<typeof stream>, Notification.Notification | Output.OutputEvent<{ readonly user: string }>>
  >()

  // Without a Schema there is no output.
  const plain = yield* thread.run("go", { model: "gpt-5.4" })
  // @ts-expect-error not asked for
  yield* Effect.succeed(plain.output)
  // @ts-expect-error the turn that would be steered was started without the Schema
  const steered = thread.run("go", { output: Answer, whenBusy: "steer" })
  // @ts-expect-error the Schema is the outputSchema
  const twice = thread.run("go", { output: Answer, outputSchema: {} })
  const perhaps: { readonly model?: string; readonly output?: typeof Answer } = {}
  // @ts-expect-error the result would have an output that its type does not tell of
  const unsure = thread.run("go", perhaps)
  return [steered, twice, unsure]
})
