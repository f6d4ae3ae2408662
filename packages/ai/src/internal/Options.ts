/**
 * Options of the model: those of one call, and those of the Layer.
 */
import type * as CodexOptions from "effect-codex/Options"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"

/**
 * Options of a call. The Layer's options set them for all calls, `withConfigOverride` for individual ones.
 *
 * @category models
 */
export interface CallConfig {
  /** The model. Default: the model in Codex's configuration. */
  readonly model?: string | undefined
  /** The reasoning effort. Default: that of the model or of Codex's configuration. */
  readonly effort?: CodexOptions.TurnOptions["effort"]
  /** The detail of reasoning summaries, which become reasoning parts. Default: that of Codex's configuration. */
  readonly summary?: CodexOptions.TurnOptions["summary"]
  /** The tone of the agent. Default: that of Codex's configuration. */
  readonly personality?: CodexOptions.TurnOptions["personality"]
  /** The service tier, such as `"flex"`. Default: that of Codex's configuration. */
  readonly serviceTier?: CodexOptions.TurnOptions["serviceTier"]
  /** The working directory of the agent's commands. Default: that of the Codex process. */
  readonly cwd?: string | undefined
  /**
   * The rights of commands. Default: `"readOnly"`; none if `threadOptions` has `permissions`. Another value continues the
   * conversation on a new thread.
   */
  readonly sandbox?: CodexOptions.ThreadStartOptions["sandbox"]
  /**
   * The policy for commands that need more than the sandbox allows. Default: `"denyAll"`; none if `threadOptions` has
   * `approvalPolicy`. Another value continues the conversation on a new thread.
   */
  readonly approvalMode?: CodexOptions.ThreadStartOptions["approvalMode"]
  /** How long the server may take to accept a turn. Default: the client's `requestTimeout`. */
  readonly startTimeout?: Duration.Input | undefined
}

/** Options of `threadStart` that the model sets itself. */
type OwnThreadOptions =
  | keyof CallConfig
  | "tools"
  | "dynamicTools"
  | "baseInstructions"
  | "developerInstructions"
  | "ephemeral"
  | "experimentalRawEvents"

/**
 * Options of `threadStart` that go to every thread of the model as they are, such as `config` or `serverRequests`.
 *
 * @category models
 */
export interface ThreadOptions extends Omit<CodexOptions.ThreadStartOptions, OwnThreadOptions> {}

/**
 * Options of the model.
 *
 * @category models
 */
export interface Options extends CallConfig {
  /** Further options of the threads. Default: none. */
  readonly threadOptions?: ThreadOptions | undefined
  /**
   * Whether threads live in memory only. With `false` Codex stores them: a conversation can be continued after a restart,
   * and a branch of it keeps what the agent has seen. Default: `true`.
   */
  readonly ephemeral?: boolean | undefined
  /**
   * The place of the leading system messages: `"developer"` adds them to Codex's own instructions, `"base"` replaces those.
   * Default: `"developer"`.
   */
  readonly instructions?: "developer" | "base" | undefined
  /**
   * The form of the agent's commentary: reasoning parts, text parts, or nothing. Structured output never contains it as text.
   * Default: `"reasoning"`.
   */
  readonly commentary?: "reasoning" | "text" | "omit" | undefined
  /**
   * The caller of tool handlers. `"framework"`: Effect calls them between two calls to the model, while the agent's turn waits
   * for the results. `"turn"`: the model calls them, and one call runs the agent to its end. Default: `"framework"`.
   */
  readonly toolExecution?: "framework" | "turn" | undefined
  /** How long a turn waits for the results of its tool calls before it is stopped. Default: 10 minutes. */
  readonly parkedFor?: Duration.Input | undefined
  /** How many threads are kept for later calls. The least recently used one is released first. Default: 32. */
  readonly maxThreads?: number | undefined
}

/**
 * Options of the calls that run with it: they take precedence over those of the Layer. See `withConfigOverride`.
 *
 * @category configuration
 */
export const Config: Context.Reference<CallConfig> = Context.Reference<CallConfig>(
  "@effect-codex/ai/CodexLanguageModel/Config",
  { defaultValue: () => ({}) }
)

/** The options of one call that decide which thread it can run on. */
export interface Place {
  readonly cwd: string | undefined
  readonly sandbox: CallConfig["sandbox"]
  readonly approvalMode: CallConfig["approvalMode"]
}

/** Options that hold from a turn on. A thread that had one of them can't run a turn without it. */
const lasting = ["model", "effort", "summary", "personality", "serviceTier"] as const

/** The lasting options of a call. */
export type Lasting = Pick<CallConfig, (typeof lasting)[number]>

/** Returns the options of a call: the Layer's, and above them those of `Config`. */
export const merge = (options: Options, override: CallConfig): CallConfig => {
  const given = Object.entries(override).filter(([, value]) => value !== undefined)
  return { ...options, ...Object.fromEntries(given) }
}

/** Returns the options that decide on the thread, with their defaults. */
export const placeOf = (config: CallConfig, threadOptions: ThreadOptions = {}): Place => ({
  cwd: config.cwd,
  sandbox: config.sandbox ?? (threadOptions.permissions == null ? "readOnly" : undefined),
  approvalMode: config.approvalMode ??
    (threadOptions.approvalPolicy == null && threadOptions.approvalsReviewer == null ? "denyAll" : undefined)
})

/** Returns the lasting options that a call sets. */
export const lastingOf = (config: CallConfig): Lasting =>
  Object.fromEntries(lasting.flatMap((key) => config[key] == null ? [] : [[key, config[key]]]))
