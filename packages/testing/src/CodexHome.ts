/**
 * An isolated home for a Codex process under test: configuration, home directory and workspace, and the environment variables
 * that keep the rest of the machine out. They are in a temporary directory that is removed with the scope, or in a directory
 * of yours that stays.
 *
 * ```ts
 * const home = yield* CodexHome.CodexHome
 * // start codex with the variables home.env, in the directory home.workspace
 * ```
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import type { InvalidInputError } from "effect-codex/CodexError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as NodeFs from "node:fs/promises"
import { checkNames, type Names } from "./base/options.ts"
import * as toml from "./base/toml.ts"
import { ScriptedModel } from "./ScriptedModel.ts"

/** The service. All paths are absolute and contain no symbolic links. */
export interface Service {
  /** `CODEX_HOME`: the directory with the configuration, the sessions and the login. */
  readonly codexHome: string
  /** The working directory, empty when it is created. It is not a Git repository. */
  readonly workspace: string
  /** `HOME`: a directory without a shell profile. */
  readonly userHome: string
  /** The environment variables of an isolated process. Set them on top of those of this process. */
  readonly env: Readonly<Record<string, string>>
}

/** The service tag of an isolated home. */
export class CodexHome extends Context.Service<CodexHome, Service>()("@effect-codex/testing/CodexHome") {}

/** A JSON object, limited to what `config.toml` can hold. */
export type Config = { readonly [key: string]: unknown }

/** Options of {@link make}. */
export interface Options {
  /** The base URL of the model provider. Without it, no provider is configured and a turn needs an account. */
  readonly modelUrl?: string
  /**
   * The model. Default: `mock-model`. Codex looks up a model's capabilities by its name. A model that the binary knows,
   * such as `gpt-5.5` with codex 0.169, also has `apply_patch`, and its turns emit no `warning` about missing metadata.
   */
  readonly model?: string
  /** When Codex asks before it runs a command. Default: `never`. Codex 0.169 does not start with `untrusted`. */
  readonly approvalPolicy?: "untrusted" | "on-request" | "never"
  /** The permissions of commands. Default: `read-only`. The sandbox is real. */
  readonly sandboxMode?: "read-only" | "workspace-write" | "danger-full-access"
  /**
   * Further keys of `config.toml`, as nested objects. A key replaces the default of the same top-level name, except that
   * `features` is merged with its defaults. These turn off `plugins`, which use the network, and `shell_snapshot`, which
   * starts a login shell for each thread.
   */
  readonly config?: Config
  /**
   * A directory for the home that is not removed: its threads, its login and its workspace are there in the next run. It is
   * created if it is missing. `config.toml` is written anew each time, because the URL of the model changes. Use a directory
   * for one process at a time. Default: a temporary directory.
   */
  readonly directory?: string
}

const names: Names<Options> = {
  approvalPolicy: true,
  config: true,
  directory: true,
  model: true,
  modelUrl: true,
  sandboxMode: true
}

/**
 * Creates an isolated home and, without the option `directory`, removes it with the scope. A shell that Codex left behind can delay the removal while it
 * still writes files, but never fails the program.
 *
 * End the Codex process first, because a running process recreates its directories. A Layer of the process that is
 * built on top of this one closes in that order. With `it.live`, whose own scope closes last, put `Effect.scoped` before
 * `Effect.provide`. Fails with `InvalidInputError` for an unknown option.
 *
 * ```ts
 * yield* CodexHome.make({ modelUrl: model.url, approvalPolicy: "on-request", config: { features: { goals: true } } })
 * ```
 */
export const make: (
  options?: Options
) => Effect.Effect<
  Service,
  PlatformError.PlatformError | InvalidInputError,
  FileSystem.FileSystem | Path.Path | Scope.Scope
> = Effect
  .fnUntraced(function*(options: Options = {}) {
    yield* checkNames(options, names)
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = options.directory === undefined
      ? yield* Effect.acquireRelease(
        Effect.flatMap(fs.makeTempDirectory({ prefix: "effect-codex-" }), fs.realPath),
        remove
      )
      : yield* Effect.andThen(makePrivate(fs, options.directory), fs.realPath(options.directory))
    const codexHome = path.join(directory, "codex")
    const workspace = path.join(directory, "workspace")
    const userHome = path.join(directory, "home")
    yield* Effect.forEach([codexHome, workspace, userHome], (directory) => makePrivate(fs, directory))
    yield* fs.writeFileString(
      path.join(codexHome, "config.toml"),
      toml.document({
        ...defaults(options),
        ...options.config,
        features: { ...features, ...Predicate.isObject(options.config?.features) ? options.config.features : {} }
      })
    )
    return CodexHome.of({
      codexHome,
      workspace,
      userHome,
      env: {
        CODEX_HOME: codexHome,
        HOME: userHome,
        USERPROFILE: userHome,
        CODEX_APP_SERVER_DISABLE_MANAGED_CONFIG: "1",
        RUST_LOG: "error",
        OPENAI_API_KEY: "",
        CODEX_API_KEY: "",
        NO_PROXY: "127.0.0.1,localhost",
        no_proxy: "127.0.0.1,localhost"
      }
    })
  })

/**
 * A Layer of an isolated home that is configured for the {@link ScriptedModel} in the context.
 *
 * ```ts
 * const live = CodexHome.layer({ sandboxMode: "workspace-write" }).pipe(Layer.provideMerge(ScriptedModel.layer()))
 * const lasting = CodexHome.layer({ directory: ".codex-test" }).pipe(Layer.provideMerge(ScriptedModel.layer()))
 * ```
 */
export const layer = (
  options?: Omit<Options, "modelUrl">
): Layer.Layer<CodexHome, PlatformError.PlatformError | InvalidInputError, ScriptedModel> =>
  Layer.effect(CodexHome, ScriptedModel.use((model) => make({ ...options, modelUrl: model.url }))).pipe(
    Layer.provide(NodeServices.layer)
  )

/** Creates a directory that may exist. A home can hold a login. */
const makePrivate = (fs: FileSystem.FileSystem, directory: string) =>
  fs.makeDirectory(directory, { recursive: true, mode: 0o700 })

const features = { plugins: false, shell_snapshot: false }

const defaults = (options: Options): Config => ({
  model: options.model ?? "mock-model",
  approval_policy: options.approvalPolicy ?? "never",
  sandbox_mode: options.sandboxMode ?? "read-only",
  ...(options.modelUrl === undefined ? {} : {
    model_provider: "scripted",
    model_providers: {
      scripted: {
        name: "Scripted model",
        base_url: options.modelUrl,
        wire_api: "responses",
        request_max_retries: 0,
        stream_max_retries: 0
      }
    }
  })
})

// Node's `rm` retries, on its own timer, while something still writes into the directory.
const remove = (directory: string): Effect.Effect<void> =>
  Effect.ignore(
    Effect.tryPromise(() => NodeFs.rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  )
