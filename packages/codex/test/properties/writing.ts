/** Every place where a program can write something that ends up at the server, with any value there. */
import * as Methods from "@effect-codex/protocol/Methods"
import type * as Protocol from "@effect-codex/protocol/Protocol"
import { type Codex, CodexError, Input, type Options, type ServerRequests, type Thread, Tools } from "effect-codex"
import { Tool, Toolkit } from "effect/ai"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { inspect } from "node:util"
import { printable } from "../../src/base/printable.ts"
import type { Anything } from "./Anything.ts"

type Service = Codex.Codex["Service"]

/** Writes any value in one place, and succeeds when everything that it brought about has ended. */
export type Write<R = never> = (codex: Service, any: Anything) => Effect.Effect<unknown, unknown, R>

const onThread =
  (use: (thread: Thread.Thread, any: Anything, codex: Service) => Effect.Effect<unknown, unknown>): Write =>
  (codex, any) => Effect.flatMap(codex.threadStart({ ephemeral: true }), (thread) => use(thread, any, codex))

/** The input of a turn that the model does not end. */
export const endless = "Wait until you are interrupted."

/** An item of any kind. */
const item = (any: Anything): string | Input.Item =>
  any.oneOf<() => string | Input.Item>([
    () => any.text(),
    () => Input.text(any.text()),
    () => Input.image(any.text()),
    () => Input.image(`data:${any.text()}`),
    () => Input.image(`data:image/png;base64,${any.text()}`),
    () => Input.localImage(any.text()),
    () => Input.audio(any.text()),
    () => Input.audio(`data:audio/wav;base64,${any.text()}`),
    () => Input.localAudio(any.text()),
    () => Input.skill(any.text(), any.text()),
    () => Input.mention(any.text(), any.text())
  ])()

const content = (any: Anything): Protocol.FunctionCallOutputBodyInput =>
  any.below(2) === 0
    ? any.text()
    : any.few(() =>
      any.below(2) === 0
        ? { type: "input_text", text: any.text() }
        : { type: "input_image", image_url: any.text() }
    )

/** Options of a turn, one of them with any value; most are put into one of the sentences that the server knows. */
const turnOptions = (any: Anything) =>
  any.oneOf([
    () => ({ model: any.text() }),
    () => ({ cwd: any.text() }),
    () => ({ effort: any.text() }),
    () => ({ outputSchema: any.json() }),
    () => ({ outputSchema: { type: "object", properties: any.object(), required: any.few(() => any.text()) } }),
    () => ({
      additionalContext: { [any.text()]: { kind: "untrusted" as const, value: any.text(), name: any.text() } }
    }),
    () => ({ clientUserMessageId: any.text() }),
    () => ({ disabledPluginIds: any.few(() => any.text()) }),
    () => ({ permissions: any.text() }),
    () => ({ responsesapiClientMetadata: { [any.text()]: any.text() } }),
    () => ({ runtimeWorkspaceRoots: any.few(() => any.text()) }),
    () => ({ serviceTier: any.text() }),
    () => ({ serviceTierForTurn: any.text() }),
    () => ({ turnTrigger: any.text() }),
    () => ({ environments: any.few(() => ({ environmentId: any.text(), cwd: any.text() })) }),
    () => ({ cyberAccessProgram: any.text() }),
    () => ({ personality: any.text() as Protocol.Personality }),
    () => ({ summary: any.text() as Protocol.ReasoningSummary }),
    () => ({ limits: { tokens: any.number(), duration: any.number() } })
  ])()

const threadOptions = (any: Anything) =>
  any.oneOf([
    () => ({ config: any.object() }),
    () => ({ config: { [any.mostly("model_reasoning_effort")]: any.json() } }),
    () => ({ baseInstructions: any.text() }),
    () => ({ developerInstructions: any.text(), model: any.text() }),
    () => ({ cwd: any.text() }),
    () => ({ modelProvider: any.text() }),
    () => ({ permissions: any.text() }),
    () => ({ serviceTier: any.text() }),
    () => ({ runtimeWorkspaceRoots: any.few(() => any.text()) })
  ])()

const startOptions = (any: Anything) =>
  any.oneOf<() => Options.ThreadStartOptions>([
    () => threadOptions(any),
    () => ({ serviceName: any.text() }),
    () => ({ threadSource: any.text() }),
    () => ({ projectId: any.text() }),
    () => ({
      dynamicTools: [
        { type: "function", name: any.mostly("tool"), description: any.text(), inputSchema: any.json() },
        {
          type: "namespace",
          name: any.mostly("tools"),
          description: any.text(),
          tools: [{
            type: "function",
            name: any.mostly("tool"),
            description: any.text(),
            inputSchema: { type: "object", properties: any.object() }
          }]
        }
      ]
    })
  ])()

/** Structs within each other. */
const nested = (schema: Schema.Codec<unknown>, depth: number): Schema.Codec<unknown> => {
  let whole = schema
  for (let level = 0; level < depth; level++) whole = Schema.Struct({ deeper: whole })
  return whole
}

const schema = (any: Anything): Schema.Codec<unknown> => {
  const leaf: Schema.Codec<unknown> = any.oneOf<() => Schema.Codec<unknown>>([
    () => Schema.String,
    () => Schema.String.annotate({ description: any.text(), title: any.text(), identifier: any.text() }),
    () => Schema.Literals(["one", any.text(), any.text()]),
    () => Schema.Unknown,
    () => Schema.Array(Schema.Finite).annotate({ examples: [any.few(() => any.number())] }),
    () => Schema.Struct({ [any.text()]: Schema.String, [any.text()]: Schema.optionalKey(Schema.Boolean) })
  ])()
  return Schema.Struct({
    [any.text()]: nested(leaf, any.below(4) === 0 ? any.oneOf([5, 50, any.below(3_000), 10_000]) : 0)
  })
}

/** A handler that answers with anything, fails with anything, dies or returns no Effect at all. */
const handler = (any: Anything) => (): Effect.Effect<never, ServerRequests.ServerRequestError> => {
  const answer = any.oneOf<() => unknown>([
    () => Effect.succeed(any.json()),
    () => Effect.succeed(any.json()),
    () => Effect.succeed({ contentItems: [{ type: "inputText", text: any.text() }], success: true }),
    () => Effect.succeed({ decision: any.json() }),
    () => Effect.fail({ _tag: "ServerRequestError", message: any.json(), data: any.json(), code: any.number() }),
    () => Effect.fail(any.json()),
    () => Effect.die(any.json()),
    () => any.json(),
    () => Promise.reject(any.json())
  ])()
  // As from JavaScript, where nothing holds a handler to its type.
  return answer as Effect.Effect<never>
}

/** A handler for each method, all of which answer with anything. */
export const handlers = (any: Anything): ServerRequests.ServerRequestHandlers => ({
  "item/commandExecution/requestApproval": handler(any),
  "item/fileChange/requestApproval": handler(any),
  "item/permissions/requestApproval": handler(any),
  "item/tool/requestUserInput": handler(any),
  "item/tool/call": handler(any),
  "mcpServer/elicitation/request": handler(any),
  "currentTime/read": handler(any),
  "attestation/generate": handler(any),
  execCommandApproval: handler(any),
  applyPatchApproval: handler(any)
})

/** A tool whose result is anything. */
const Answer = Tool.make("answer", {
  parameters: Schema.Struct({ text: Schema.optionalKey(Schema.Unknown) }),
  success: Schema.Unknown,
  failure: Schema.Unknown
})

const answering = Toolkit.make(Answer)

/** Threads whose tools and handlers answer with anything. */
export const threadThatAnswers = (codex: Service, any: Anything): Effect.Effect<Thread.Thread, unknown> =>
  any.below(3) > 0
    ? codex.threadStart({
      ephemeral: true,
      dynamicTools: [{ type: "function", name: "answer", description: "", inputSchema: { type: "object" } }],
      serverRequests: handlers(any)
    })
    : Effect.provide(
      codex.threadStart({ ephemeral: true, tools: answering }),
      answering.toLayer({
        answer: () => any.below(3) === 0 ? Effect.fail(any.json()) : Effect.succeed(any.json())
      })
    )

/** The places, by name. */
export const places: { readonly [name: string]: Write } = {
  "input: text": onThread((thread, any) => thread.run(any.text())),
  "input: items": onThread((thread, any) => thread.run(["go", item(any), ...any.few(() => item(any))])),
  "input: one item": onThread((thread, any) => Stream.runDrain(thread.stream(item(any)))),
  "input: external message": onThread((thread, any) =>
    thread.run(Input.externalMessage({ toolName: any.mostly("mail"), namespace: any.text(), content: content(any) }))
  ),
  "turn options": onThread((thread, any) => thread.run("go", turnOptions(any))),
  "turn options of a handle": onThread((thread, any) =>
    Effect.flatMap(thread.turn("go", turnOptions(any)), (turn) => Effect.andThen(Effect.exit(turn.run), turn.run))
  ),
  output: onThread((thread, any) => thread.run("go", { output: schema(any) })),
  steer: onThread((thread, any) =>
    Effect.flatMap(thread.turn(endless), (turn) =>
      Effect.ensuring(
        turn.steer(any.below(2) === 0 ? any.text() : ["go", item(any)]),
        Effect.andThen(Effect.exit(turn.interrupt), Effect.exit(turn.run))
      ))
  ),
  "steer by run": onThread((thread, any) =>
    Effect.flatMap(thread.turn(endless), (turn) =>
      Effect.ensuring(
        Effect.timeoutOption(thread.run(item(any), { whenBusy: "steer" }), "20 millis"),
        Effect.andThen(Effect.exit(turn.interrupt), Effect.exit(turn.run))
      ))
  ),
  threadStart: (codex, any) => Effect.flatMap(codex.threadStart(startOptions(any)), (thread) => thread.run("go")),
  "threadStart: tools": (codex, any) => {
    const name = any.mostly("tool")
    const tool = Tool.dynamic(name as "tool", {
      description: any.text(),
      parameters: any.below(2) === 0
        ? { type: "object", properties: any.object() }
        : schema(any)
    }).annotate(Tools.Namespace, { name: any.mostly("mine"), description: any.text() })
    const toolkit = Toolkit.make(tool)
    return codex.threadStart({ tools: toolkit }).pipe(
      Effect.flatMap((thread) => thread.run("go")),
      Effect.provide(
        toolkit.toLayer({ [name]: () => Effect.succeed(null) } as { readonly tool: () => Effect.Effect<null> })
      )
    )
  },
  threadResume: onThread((thread, any, codex) =>
    Effect.andThen(
      thread.run("go"),
      codex.threadResume(any.mostly(thread.id), threadOptions(any))
    )
  ),
  threadFork: (codex, any) =>
    Effect.flatMap(
      codex.threadStart(),
      (thread) => Effect.andThen(thread.run("go"), codex.threadFork(any.mostly(thread.id), threadOptions(any)))
    ),
  "a thread by its id": (codex, any) => {
    const thread = codex.thread(any.text())
    return any.oneOf<Effect.Effect<unknown, unknown>>([
      thread.run("go"),
      thread.read(),
      thread.compact,
      thread.goal.read,
      thread.review({ type: "uncommittedChanges" }),
      codex.threadArchive(thread.id),
      codex.threadUnarchive(thread.id),
      codex.threadDelete(thread.id),
      codex.threadRead(thread.id, { includeTurns: true })
    ])
  },
  setName: onThread((thread, any) => thread.setName(any.text())),
  review: onThread((thread, any) =>
    Effect.flatMap(
      thread.review(any.oneOf<Protocol.ReviewTarget>([
        { type: "custom", instructions: any.text() },
        { type: "baseBranch", branch: any.text() },
        { type: "commit", sha: any.text(), title: any.text() }
      ])),
      ({ run }) => run
    )
  ),
  goal: (codex, any) =>
    Effect.flatMap(codex.threadStart(), (thread) =>
      Effect.ensuring(
        thread.runGoal(any.mostly("done"), {
          limits: { steps: 1 },
          ...(any.below(2) === 0 ? {} : { tokenBudget: any.number() })
        }),
        Effect.exit(thread.goal.clear)
      )),
  threadList: (codex, any) =>
    any.oneOf([
      codex.threadListPage({ searchTerm: any.text(), cwd: any.text() }),
      codex.threadListPage({ cursor: any.text(), limit: any.number() }),
      codex.threadListPage({ modelProviders: any.few(() => any.text()), originators: any.few(() => any.text()) }),
      codex.threadListPage(any.object())
    ]),
  loginApiKey: (codex, any) => Effect.andThen(codex.loginApiKey(Redacted.make(any.text())), codex.logout),
  "client.notify": (codex, any) => codex.client.notify(any.text(), any.json())
}

/** Methods that read, or change a thread: they do not touch anything outside of the server's home. */
const harmless = [
  "collaborationMode/list",
  "config/read",
  "experimentalFeature/list",
  "fs/getMetadata",
  "fs/readFile",
  "hooks/list",
  "mcpServerStatus/list",
  "model/list",
  "permissionProfile/list",
  "skills/list",
  "thread/compact/start",
  "thread/goal/get",
  "thread/inject_items",
  "thread/items/list",
  "thread/list",
  "thread/loaded/list",
  "thread/metadata/update",
  "thread/name/set",
  "thread/read",
  "thread/search",
  "thread/settings/update",
  "turn/interrupt",
  "turn/start",
  "turn/steer"
] as const

/** Any request, of one of these methods. */
const request = (methods: ReadonlyArray<string>): Write =>
  onThread((thread, any, { client }) => {
    const params = any.oneOf<() => object>([
      () => any.object(),
      () => ({ threadId: thread.id, ...any.object() }),
      () => ({
        threadId: thread.id,
        turnId: any.text(),
        expectedTurnId: any.text(),
        path: any.text(),
        name: any.text(),
        input: [any.json(), { type: "text", text: any.text() }],
        items: [any.json(), { type: "message", role: "user", content: [{ type: "input_text", text: any.text() }] }],
        query: any.text(),
        model: any.text()
      })
    ])()
    return client.request(any.oneOf(methods) as "model/list", params)
  })

export const harmlessRequest = request(harmless)

export const anyRequest = request([...Methods.clientRequests.keys(), "not/known", "__proto__", "toString"])

// ---------------------------------------------------------------------------------------------------------------------
// Running
// ---------------------------------------------------------------------------------------------------------------------

/** Whether this is the long form, `npm run fuzz`. */
export const isLong = process.env["CODEX_FUZZ"] !== undefined

/**
 * How many values are written on a server in memory, and with which seed. `CODEX_FUZZ=10000` is the long form, which takes a
 * new seed each time; `CODEX_FUZZ_SEED` repeats a run, and `CODEX_FUZZ_CASE` a single case of it.
 */
export const count = Number(process.env["CODEX_FUZZ"] ?? 500)
export const seed = Number(process.env["CODEX_FUZZ_SEED"] ?? (isLong ? Date.now() % 1e6 : 1))
const only = process.env["CODEX_FUZZ_CASE"]

/** The numbers of the cases to run. */
export const cases = (count: number): ReadonlyArray<number> =>
  only === undefined ? Array.from({ length: count }, (_, index) => index) : [Number(only)]

/** The seed of one case: each can be repeated by itself. */
export const seedOf = (index: number): number => Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)

/** How to repeat one case. */
export const repeat = (index: number): string => `CODEX_FUZZ_SEED=${seed} CODEX_FUZZ_CASE=${index}`

const isTyped = Schema.is(CodexError.CodexError)

/** The most that one case may take. */
const limit = "20 seconds"

/** How one case has ended: a response, the name of a typed error, or a problem. */
export interface Outcome {
  readonly name: "response" | CodexError.CodexError["_tag"] | "problem"
  readonly problem?: string
}

/**
 * Runs one case to its end. It has a problem unless that is a response, or a typed error that can be printed and that it may
 * fail with.
 */
export const outcome = <R>(
  write: Effect.Effect<unknown, unknown, R>,
  mayFailWith: (error: CodexError.CodexError) => boolean
): Effect.Effect<Outcome, never, R> =>
  Effect.gen(function*() {
    const started = performance.now()
    // In a fiber of its own: what hangs may not let itself be interrupted either.
    const fiber = yield* Effect.forkDetach(Effect.suspend(() => write))
    const exit = yield* Effect.timeoutOption(Fiber.await(fiber), limit)
    if (exit._tag === "None") return problem(`has not ended after ${limit}`)
    const seconds = (performance.now() - started) / 1000
    if (seconds > 10) return problem(`took ${seconds} seconds`)
    if (exit.value._tag === "Success") return { name: "response" }
    const { cause } = exit.value
    const failure = Cause.findFail(cause)
    if (Result.isFailure(failure) || cause.reasons.length > 1) {
      return problem(`did not end in one error: ${inspect(cause, { depth: 4 })}`)
    }
    const { error } = failure.success
    if (!isTyped(error)) {
      return problem(`failed with no error of this package: ${inspect(error)}`)
    }
    const { message } = error
    if (printable(message) !== message) return problem(`its message has control characters: ${inspect(message)}`)
    // Whoever logs an error must not fail.
    String(error)
    inspect(error)
    return mayFailWith(error) ? { name: error._tag } : problem(`failed with ${message}`)
  })

const problem = (problem: string): Outcome => ({ name: "problem", problem: problem.slice(0, 1_500) })
