/**
 * Options of `threadStart`, `threadResume` and `threadFork`.
 *
 * An interface repeats a field of the protocol where the protocol has no description of it.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type { ServerRequestHandlers } from "../model/requests/ServerRequests.ts"
import type { Limits } from "../model/turns/Limits.ts"
import type * as Tools from "../tools/Toolkits.ts"
import type { Presets } from "./Presets.ts"

type Field<K extends keyof Protocol.ThreadStartParams> = Protocol.ThreadStartParams[K]

/** Options that `threadStart`, `threadResume` and `threadFork` share. */
export interface ThreadOptions<R = never, T extends Tools.ByName = {}, RT = never> extends Presets {
  /**
   * Handlers for the server's requests on this thread. Methods without a handler fall back to the client's handlers. To combine
   * handlers that require different services, pass them through `ServerRequests.make`, which infers all of them. Default: the
   * client's handlers.
   */
  readonly serverRequests?: ServerRequestHandlers<R> | undefined
  /**
   * Tools of this program that the agent may call: an Effect AI `Toolkit`, or one with its handlers. The server stores the tools
   * that a thread was started with, and offers a resumed or forked thread the same ones. There, `tools` provides the handlers
   * of their calls, and cannot add a tool. Default: none.
   */
  readonly tools?: Tools.Input<T, RT> | undefined
  /** Limits of the turns of this thread and of its forks. Missing fields fall back to the Layer's limits. Default: none. */
  readonly limits?: Limits | undefined
  /** The model, by its id; `codex.models` lists them. Default: that of the thread, or of the configuration. */
  readonly model?: Field<"model">
  /** The provider of the model, by its id in the configuration. Default: that of the thread, or of the configuration. */
  readonly modelProvider?: Field<"modelProvider">
  /**
   * The working directory, a path on the server's machine. It must exist. Default: that of the thread, or of the server's
   * process.
   */
  readonly cwd?: Field<"cwd">
  /**
   * The policy by which Codex asks for approval of commands, such as `"on-request"` or `"never"`. Handlers in `serverRequests`
   * answer. Default: that of the thread, or of the configuration.
   */
  readonly approvalPolicy?: Field<"approvalPolicy">
  /**
   * Codex configuration for this thread, as in `config.toml`. It overrides that of the server and is not stored with the
   * thread. Default: none.
   */
  readonly config?: Field<"config">
  /** Instructions that replace Codex's own base instructions. Default: those of the thread, or of the model. */
  readonly baseInstructions?: Field<"baseInstructions">
  /** Further instructions, which the model sees as a message of the developer. Default: those of the thread, or none. */
  readonly developerInstructions?: Field<"developerInstructions">
  /** The service tier of model requests, by its id. Default: that of the thread, or of the configuration. */
  readonly serviceTier?: Field<"serviceTier">
}

/**
 * Options of `threadStart`: the fields of `thread/start`, and presets. `R` and `RT` are the services that `serverRequests` and
 * `tools` require.
 *
 * @category models
 */
export interface ThreadStartOptions<R = never, T extends Tools.ByName = {}, RT = never>
  extends ThreadOptions<R, T, RT>, Omit<Protocol.ThreadStartParams, "sandbox">
{
  /**
   * Raw declarations of tools, whose calls arrive as `item/tool/call`. They are offered in addition to `tools`. Default: none.
   */
  readonly dynamicTools?: Field<"dynamicTools">
  /** True keeps the thread in memory: it is not stored, and cannot be resumed. Default: false. */
  readonly ephemeral?: Field<"ephemeral">
  /** A name of your service, for Codex's metrics. Default: none. */
  readonly serviceName?: Field<"serviceName">
  /** The reason why the session starts, which `SessionStart` hooks receive. Default: `"startup"`. */
  readonly sessionStartSource?: Field<"sessionStartSource">
}

/** The option that replaces `excludeTurns`. */
interface IncludeTurns {
  /**
   * True loads all turns of the thread into the server's response. The handle does not hold them: `thread.read` returns them at
   * any time. Default: false; servers before 0.151.0 always send them, and setting it needs 0.151.0.
   */
  readonly includeTurns?: boolean | undefined
}

/**
 * Options of `threadResume`: the fields of `thread/resume`, and presets. Options that are left out keep their stored values.
 *
 * @category models
 */
export interface ThreadResumeOptions<R = never, T extends Tools.ByName = {}, RT = never>
  extends
    ThreadOptions<R, T, RT>,
    IncludeTurns,
    Omit<Protocol.ThreadResumeParams, "threadId" | "sandbox" | "excludeTurns">
{}

/**
 * Options of `threadFork`: the fields of `thread/fork`, and presets. Options that are left out are inherited from the source.
 *
 * @category models
 */
export interface ThreadForkOptions<R = never, T extends Tools.ByName = {}, RT = never>
  extends
    ThreadOptions<R, T, RT>,
    IncludeTurns,
    Omit<Protocol.ThreadForkParams, "threadId" | "sandbox" | "excludeTurns">
{
  /** True keeps the fork in memory: it is not stored, and cannot be resumed. Default: false. */
  readonly ephemeral?: Protocol.ThreadForkParams["ephemeral"]
}
