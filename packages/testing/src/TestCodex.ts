/**
 * Codex for tests: the real binary, in a home and a workspace of its own, on a scripted model. No network, no account.
 *
 * ```ts
 * it.live("says hello", () =>
 *   Effect.gen(function*() {
 *     const codex = yield* Codex.Codex
 *     const model = yield* ScriptedModel.ScriptedModel
 *     yield* model.enqueue(Reply.text("hello"))
 *     const thread = yield* codex.threadStart()
 *     assert.strictEqual((yield* thread.run("Say hello.")).finalResponse, "hello")
 *   }).pipe(Effect.provide(TestCodex.layer())))
 * ```
 */
import * as Codex from "effect-codex/Codex"
import type * as CodexError from "effect-codex/CodexError"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"
import type * as PlatformError from "effect/PlatformError"
import * as CodexHome from "./CodexHome.ts"
import * as Reply from "./Reply.ts"
import * as ScriptedModel from "./ScriptedModel.ts"

/** Options of {@link layer}. `R` is what the handlers in `client.serverRequests` require. */
export interface Options<R = never> {
  /** What the model says. By default nothing until a test enqueues it; {@link echo} answers by itself. */
  readonly script?: ScriptedModel.Script
  /** What stands in the home's `config.toml`: the model's name, the approval policy, the sandbox, further keys. */
  readonly home?: Omit<CodexHome.Options, "modelUrl">
  /**
   * Options of the client, such as `serverRequests`, `requestTimeout` or `clientInfo`. `cwd` is the home's workspace by
   * default; what `env` says is added to the environment of the home, and wins.
   */
  readonly client?: Codex.LayerOptions<R>
}

/** Everything that {@link layer} gives. */
export type Services = Codex.Services | ScriptedModel.ScriptedModel | CodexHome.CodexHome

/** What building {@link layer} can fail with. */
export type Error = CodexError.ConnectError | HttpServerError.ServeError | PlatformError.PlatformError

/** A script that answers with what the user said last, on any number of threads. */
export const echo: ScriptedModel.Script = {
  respond: (request) => Reply.text(request.lastUserText ?? "")
}

/**
 * Codex on a scripted model, with everything below it. It takes about half a second to build; closing it ends the
 * process first, then removes the home, then stops the model.
 *
 * ```ts
 * TestCodex.layer({ script: TestCodex.echo, home: { approvalPolicy: "on-request" }, client: { requestTimeout: "5 seconds" } })
 * ```
 */
export const layer = <R = never>(options: Options<R> = {}): Layer.Layer<Services, Error, R> =>
  Layer.unwrap(CodexHome.CodexHome.useSync((home) =>
    Codex.layer({
      cwd: home.workspace,
      ...options.client,
      env: { ...home.env, ...options.client?.env }
    })
  )).pipe(
    Layer.provideMerge(CodexHome.layer(options.home)),
    Layer.provideMerge(ScriptedModel.layer(options.script))
  )
