/**
 * A Codex of the Promise API for tests: the real binary in an isolated home and workspace, on a scripted model. It needs no network
 * and no account.
 *
 * ```ts
 * import { Reply, startTestCodex } from "@effect-codex/testing/promises"
 *
 * await using test = await startTestCodex()
 * test.model.enqueue(Reply.text("hello"))
 * const thread = await test.codex.threadStart()
 * console.log((await thread.run("Say hello.")).finalResponse === "hello")
 * ```
 */
import * as Recorder from "@effect-codex/recording/Recorder"
import { Codex, type StartOptions } from "effect-codex/promises"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { checkNames, type Names } from "./base/options.ts"
import * as CodexHome from "./CodexHome.ts"
import type { ModelRequest } from "./ModelRequest.ts"
import type * as Reply from "./Reply.ts"
import * as ScriptedModel from "./ScriptedModel.ts"

export * as Gate from "./Gate.ts"
export * as Item from "./Item.ts"
export * as Reply from "./Reply.ts"
export * as Step from "./Step.ts"

/** Options of {@link startTestCodex}. */
export interface TestCodexOptions {
  /** The script of the model. Default: none, so a test enqueues every reply. */
  readonly script?: ScriptedModel.Script
  /** The configuration in the home's `config.toml`. */
  readonly home?: Omit<CodexHome.Options, "modelUrl">
  /**
   * Options of `Codex.start`. `cwd` defaults to the home's workspace, and `handshakeTimeout` to 30 seconds, because machines that
   * run tests are busy. The variables in `env` are added to those of the home and override them.
   */
  readonly client?: StartOptions
  /**
   * A file to record the traffic to, with secrets masked: see `Recorder` of `@effect-codex/recording`. It replaces `client.layer`.
   * An existing file is replaced. Default: none.
   */
  readonly record?: string
}

const names: Names<TestCodexOptions> = { client: true, home: true, record: true, script: true }

/** A scripted model, which sends the replies of a test. */
export interface TestModel {
  /** Adds replies, for the next requests that no script answers. */
  readonly enqueue: (...replies: ReadonlyArray<Reply.Reply>) => void
  /** Returns the requests so far. */
  readonly requests: () => ReadonlyArray<ModelRequest>
}

/** Codex with its model and its home. */
export interface TestCodex extends AsyncDisposable {
  /** The client of the app-server. */
  readonly codex: Codex
  /** The model that answers. */
  readonly model: TestModel
  /** The directories and the environment of the process. */
  readonly home: CodexHome.Service
  /** Ends the process, removes the home and stops the model. `await using` calls it. */
  readonly close: () => Promise<void>
}

/**
 * Starts Codex in a home of its own, on a scripted model. Takes about half a second. Rejects with `InvalidInputError` for an unknown
 * option, and like `Codex.start` if the server cannot be started.
 */
export const startTestCodex = async (options: TestCodexOptions = {}): Promise<TestCodex> => {
  await Effect.runPromise(checkNames(options, names))
  const { client, home, record, script } = options
  const runtime = ManagedRuntime.make(CodexHome.layer(home).pipe(Layer.provideMerge(ScriptedModel.layer(script))))
  const services = await runtime.context()
  const { env, workspace, ...rest } = Context.get(services, CodexHome.CodexHome)
  const { enqueue, requests } = Context.get(services, ScriptedModel.ScriptedModel)
  try {
    const codex = await Codex.start({
      cwd: workspace,
      handshakeTimeout: "30 seconds",
      ...client,
      env: { ...env, ...client?.env },
      ...(record !== undefined && { layer: (options) => Recorder.layerCodex(record, options) })
    })
    const close = async () => {
      try {
        await codex.close()
      } finally {
        await runtime.dispose()
      }
    }
    return {
      codex,
      model: {
        enqueue: (...replies) => Effect.runSync(enqueue(...replies)),
        requests: () => Effect.runSync(requests)
      },
      home: { env, workspace, ...rest },
      close,
      [Symbol.asyncDispose]: close
    }
  } catch (error) {
    await runtime.dispose()
    throw error
  }
}
