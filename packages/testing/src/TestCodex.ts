/**
 * A Layer of Codex for tests: the real binary in an isolated home and workspace, on a scripted model. It needs no network
 * and no account.
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
import * as Recorder from "@effect-codex/recording/Recorder"
import type * as Recording from "@effect-codex/recording/Recording"
import * as Codex from "effect-codex/Codex"
import type * as CodexError from "effect-codex/CodexError"
import * as Effect from "effect/Effect"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"
import type * as PlatformError from "effect/PlatformError"
import { checkNames, type Names } from "./base/options.ts"
import * as CodexHome from "./CodexHome.ts"
import * as Reply from "./script/Reply.ts"
import * as ScriptedModel from "./ScriptedModel.ts"

/** Options of {@link layer}. `R` is the services that the handlers in `client.serverRequests` require. */
export interface Options<R = never> {
  /** The script of the model, such as {@link echo}. Default: none, so a test enqueues every reply. */
  readonly script?: ScriptedModel.Script
  /**
   * The configuration in the home's `config.toml`: the model's name, the approval policy, the sandbox, further keys. With
   * `directory`, a directory that keeps the home between runs.
   */
  readonly home?: Omit<CodexHome.Options, "modelUrl">
  /**
   * Options of the client, such as `serverRequests`, `requestTimeout` or `clientInfo`. `cwd` defaults to the home's
   * workspace, and `handshakeTimeout` to 30 seconds, because machines that run tests are busy. The variables in `env` are added to those of the home and override them.
   */
  readonly client?: Codex.LayerOptions<R>
  /**
   * A file to record the traffic to, with secrets masked: see `Recorder` of `@effect-codex/recording`. `Replay.layerCodex` answers
   * from it, and `npx @effect-codex/cli timeline` draws it. An existing file is replaced. Default: none.
   */
  readonly record?: string
}

/** The services that {@link layer} provides. */
export type Services = Codex.Services | ScriptedModel.ScriptedModel | CodexHome.CodexHome

/** The errors with which building {@link layer} can fail. */
export type Error =
  | CodexError.ConnectError
  | HttpServerError.ServeError
  | PlatformError.PlatformError
  | Recording.RecordingError

/** A script that answers with the last text of the user, on any number of threads. */
export const echo: ScriptedModel.Script = {
  respond: (request) => Reply.text(request.lastUserText ?? "")
}

const names: Names<Options> = { client: true, home: true, record: true, script: true }

/**
 * A Layer of Codex on a scripted model, with the model and the home. It takes about half a second to build. When it
 * closes, it ends the process, then removes a temporary home, then stops the model. An unknown option fails with `InvalidInputError`.
 *
 * ```ts
 * TestCodex.layer({ script: TestCodex.echo, home: { approvalPolicy: "on-request" }, client: { requestTimeout: "5 seconds" } })
 * ```
 */
export const layer = <R = never>(options: Options<R> = {}): Layer.Layer<Services, Error, R> =>
  Layer.unwrap(
    Effect.map(checkNames(options, names), () =>
      Layer.unwrap(CodexHome.CodexHome.useSync((home) => {
        const client: Codex.LayerOptions<R> = {
          cwd: home.workspace,
          handshakeTimeout: "30 seconds",
          ...options.client,
          env: { ...home.env, ...options.client?.env }
        }
        return options.record === undefined ? Codex.layer(client) : Recorder.layerCodex(options.record, client)
      })).pipe(
        Layer.provideMerge(CodexHome.layer(options.home)),
        Layer.provideMerge(ScriptedModel.layer(options.script))
      ))
  )
