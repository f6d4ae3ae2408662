/**
 * Options of threads and turns: the protocol's own fields, with presets for what is long to say.
 *
 * Nothing is sent that the caller did not say.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ApprovalMode } from "./ApprovalMode.ts"
import type { Checks } from "./base/options.ts"
import * as ApprovalModes from "./model/ApprovalMode.ts"
import { check } from "./model/check.ts"
import { InvalidInputError, UnsupportedByServerError } from "./model/CodexError.ts"
import type { Limits } from "./model/Limits.ts"
import * as optionChecks from "./model/optionChecks.ts"
import type { ServerRequestHandlers } from "./model/ServerRequests.ts"
import * as ServerVersion from "./model/ServerVersion.ts"
import type { PathKind } from "./model/Transport.ts"
import type { OutputSchema } from "./Output.ts"
import * as Sandbox from "./Sandbox.ts"
import type * as Tools from "./Tools.ts"
import type { WhenBusy } from "./wire/TurnStarts.ts"

export type { WhenBusy } from "./wire/TurnStarts.ts"

/** Presets, in place of the protocol's fields. */
interface Presets {
  /** Who decides on approvals; in place of `approvalPolicy` and `approvalsReviewer`. */
  readonly approvalMode?: ApprovalMode | undefined
  /** What commands may do. */
  readonly sandbox?: Sandbox.Sandbox | undefined
}

/** Options that all ways to a thread share. `R` is what `serverRequests` require, `RT` what the `tools` do. */
export interface ThreadOptions<R = never, T extends Tools.ByName = {}, RT = never> extends Presets {
  /**
   * Answers to what the server asks on this thread; what they leave out, the client's handlers answer. Handlers that
   * require different services are best given through `ServerRequests.make`, which infers all of them.
   */
  readonly serverRequests?: ServerRequestHandlers<R> | undefined
  /**
   * Tools of this program that the agent may call: an Effect AI `Toolkit`, or one with its handlers. The server keeps what
   * it was told of a thread's tools when the thread was started, and offers a resumed or forked thread the same ones: there
   * `tools` says who answers their calls, and can't add any.
   */
  readonly tools?: Tools.Input<T, RT> | undefined
  /** Limits for the turns of this thread and of its forks; what they leave out, the Layer's say. Default: none. */
  readonly limits?: Limits | undefined
}

/**
 * Options of `threadStart`: the fields of `thread/start`, and presets.
 *
 * @category models
 */
export interface ThreadStartOptions<R = never, T extends Tools.ByName = {}, RT = never>
  extends Omit<Protocol.ThreadStartParams, "sandbox">, ThreadOptions<R, T, RT>
{}

/** Whether the response carries the turns of the thread, in place of `excludeTurns`. */
interface IncludeTurns {
  /**
   * Whether the server's response carries all turns of the thread. The handle does not hold them: `thread.read` returns
   * them at any time. Default: false; servers before 0.151.0 always send them, and setting it needs 0.151.0.
   */
  readonly includeTurns?: boolean | undefined
}

/**
 * Options of `threadResume`: the fields of `thread/resume`, and presets. What is left out stays as it was stored.
 *
 * @category models
 */
export interface ThreadResumeOptions<R = never, T extends Tools.ByName = {}, RT = never>
  extends
    Omit<Protocol.ThreadResumeParams, "threadId" | "sandbox" | "excludeTurns">,
    ThreadOptions<R, T, RT>,
    IncludeTurns
{}

/**
 * Options of `threadFork`: the fields of `thread/fork`, and presets. What is left out is inherited.
 *
 * @category models
 */
export interface ThreadForkOptions<R = never, T extends Tools.ByName = {}, RT = never>
  extends
    Omit<Protocol.ThreadForkParams, "threadId" | "sandbox" | "excludeTurns">,
    ThreadOptions<R, T, RT>,
    IncludeTurns
{}

/**
 * What is done with the events of a turn that a consumer has not read yet:
 *
 * - `"unbounded"`, the default: all are kept, however slow the consumer. A turn of 20,000 deltas takes about 10 MB.
 * - `"coalesce"`: when there are more than 256, pieces of the same text are joined. No text is lost, and no other event.
 * - `{ sliding: n }`: the newest n are kept, up to 2n for a moment. The result of `run` is complete all the same.
 *
 * @category models
 */
export type Buffer = "unbounded" | "coalesce" | { readonly sliding: number }

/**
 * Options of `run`, `turn` and `stream`: the fields of `turn/start`, and presets. Most hold for this turn and the later
 * ones of the thread; `serviceTierForTurn`, `outputSchema` and `turnTrigger` for this turn alone.
 *
 * @category models
 */
export interface TurnOptions extends Omit<Protocol.TurnStartParams, "threadId" | "input" | "toolOutput">, Presets {
  /** What to do while another turn of the thread runs. Default: `"wait"` for its end. */
  readonly whenBusy?: WhenBusy | undefined
  /** What is done with events that are not read: see {@link Buffer}. `run` keeps none. Default: `"unbounded"`. */
  readonly buffer?: Buffer | undefined
  /** Limits of this turn; what they leave out, those of the thread and of the Layer say. Default: none. */
  readonly limits?: Limits | undefined
  /**
   * What happens to the turn's sub-agents when it is stopped, by `interrupt`, a limit, or the interruption of the fiber that
   * runs it: `"stop"`, the default, interrupts them too, `"leave"` lets them go on.
   */
  readonly subagents?: "stop" | "leave" | undefined
  /** How long the server may take to accept the turn. Default: the client's `requestTimeout`. */
  readonly startTimeout?: Duration.Input | undefined
  /** A Schema here makes it a typed turn: its options are {@link TypedTurnOptions}. */
  readonly output?: undefined
}

/**
 * As {@link TurnOptions}, with a Schema for the final answer.
 *
 * @category models
 */
export interface TypedTurnOptions<A, RD = never> extends Omit<TurnOptions, "output" | "outputSchema" | "whenBusy"> {
  /** The model is held to this Schema, and its final answer is decoded with it. */
  readonly output: OutputSchema<A, RD>
  /** As in {@link TurnOptions}, without `"steer"`: the turn that runs was started without this Schema. */
  readonly whenBusy?: Exclude<WhenBusy, "steer"> | undefined
}

/** What options can be refused with, before anything is sent. */
export type OptionsError = InvalidInputError | UnsupportedByServerError

/**
 * Fields by the version that brought them. An older server does not refuse them: it does as if they were not there. Where
 * that version is not known exactly, it is the first one that was looked at: test/versions/Options.test.ts looks.
 */
const introduced = {
  "0.140.0": [
    "additionalContext",
    "clientUserMessageId",
    "initialTurnsPage",
    "runtimeWorkspaceRoots",
    "selectedCapabilityRoots"
  ],
  "0.150.0": [
    "allowProviderModelFallback",
    "ancestorThreadId",
    "beforeTurnId",
    "deferGoalContinuation",
    "historyMode",
    "lastTurnId",
    "multiAgentMode",
    "parentThreadId",
    "projectId",
    "sectionId"
  ],
  "0.151.0": ["excludeTurns", "serviceTierForTurn", "toolOutput", "turnTrigger"],
  "0.160.0": ["cyberAccessProgram", "daybreakEnabled", "disabledPluginIds", "originators"],
  "0.169.0": [
    "attachToSource",
    "attachedToThreadId",
    "currentAccountOnly",
    "excludedThreadIds",
    "experimentalDisablePredictionMcp",
    "experimentalPredictionMode",
    "includeAttachedThreads",
    "parentTurnId",
    "responsesapiClientMetadataPatch",
    "rootTurnId"
  ],
  "0.171.0": ["includedThreadIds"]
}

const needed = new Map(
  Object.entries(introduced).flatMap(([version, fields]) => fields.map((field) => [field, version] as const))
)

/** Whether a server of this version knows a field of the parameters. */
export const isKnown = (field: string, serverVersion: string): boolean =>
  ServerVersion.isAtLeast(serverVersion, needed.get(field) ?? "0.0.0")

/** What a caller calls these fields. */
const optionOf: { readonly [field: string]: string } = {
  toolOutput: "Input.externalMessage",
  excludeTurns: "includeTurns"
}

/** Refuses parameters that the connected server is too old for. */
export const supported = <P extends object>(
  params: P,
  serverVersion: string
): Effect.Effect<P, UnsupportedByServerError> => {
  for (const [field, value] of Object.entries(params)) {
    const needs = value === undefined || value === null ? undefined : needed.get(field)
    if (needs !== undefined && !ServerVersion.isAtLeast(serverVersion, needs)) {
      return Effect.fail(
        new UnsupportedByServerError({ feature: optionOf[field] ?? field, needs, has: serverVersion })
      )
    }
  }
  return Effect.succeed(params)
}

const approvals = Effect.fnUntraced(function*(
  options: Presets & { readonly approvalPolicy?: unknown; readonly approvalsReviewer?: unknown }
) {
  if (options.approvalMode === undefined) return {}
  for (const field of ["approvalPolicy", "approvalsReviewer"] as const) {
    if (options[field] === undefined) continue
    return yield* new InvalidInputError({
      field: "approvalMode",
      detail: `it can't be combined with ${field}; give one of them`
    })
  }
  return yield* ApprovalModes.toParams(options.approvalMode)
})

/** The options of a thread as the protocol has them. */
export const threadParams = Effect.fnUntraced(function*<
  O extends
    & Omit<ThreadOptions<unknown>, "tools">
    & IncludeTurns
    & { readonly approvalPolicy?: unknown; readonly approvalsReviewer?: unknown; readonly tools?: unknown }
>(options: O, serverVersion: string) {
  const { approvalMode: _, includeTurns, limits: __, sandbox, serverRequests: ___, tools: ____, ...fields } = options
  return yield* supported({
    ...fields,
    ...yield* approvals(options),
    ...(sandbox === undefined ? {} : { sandbox: yield* Sandbox.toMode(sandbox) }),
    ...(includeTurns === undefined ? {} : { excludeTurns: !includeTurns })
  }, serverVersion)
})

/** A check for each option: of no more, and no fewer, than the types have. */
const checks: {
  readonly threadStart: Checks<ThreadStartOptions>
  readonly threadResume: Checks<ThreadResumeOptions>
  readonly threadFork: Checks<ThreadForkOptions>
  readonly turn: Checks<TurnOptions>
} = {
  threadStart: optionChecks.threadStart,
  threadResume: optionChecks.threadResume,
  threadFork: optionChecks.threadFork,
  turn: optionChecks.turn
}

/** Fails if options of a thread have an unknown name, or a working directory that does not exist. */
export const checkThread = Effect.fnUntraced(function*(
  way: "threadStart" | "threadResume" | "threadFork",
  options: { readonly cwd?: string | null | undefined },
  look: Look | undefined
) {
  yield* check(options, checks[way])
  yield* checkDirectory(options.cwd, look)
})

/** Tells what there is at a path on the server's machine. */
type Look = (path: string) => PathKind

/** Fails if a working directory does not exist. Passes if only the server can know. */
export const checkDirectory = (
  cwd: string | null | undefined,
  look: Look | undefined
): Effect.Effect<void, InvalidInputError> =>
  Effect.suspend(() => {
    if (look === undefined || typeof cwd !== "string") return Effect.void
    const kind = look(cwd)
    if (kind === "directory" || kind === "hidden") return Effect.void
    return Effect.fail(
      new InvalidInputError({
        field: "cwd",
        detail: kind === "missing" ? `the directory ${cwd} does not exist` : `${cwd} is not a directory`
      })
    )
  })

/** The options of a turn as the protocol has them. */
export const turnParams = Effect.fnUntraced(function*(options: TurnOptions) {
  const {
    approvalMode: _,
    buffer: ____,
    limits: _____,
    sandbox,
    startTimeout: __,
    subagents: ______,
    whenBusy: ___,
    ...fields
  } = options
  yield* check(options, checks.turn)
  if (sandbox !== undefined && fields.sandboxPolicy !== undefined) {
    return yield* new InvalidInputError({
      field: "sandbox",
      detail: "it can't be combined with sandboxPolicy; give one of them"
    })
  }
  return {
    ...fields,
    ...yield* approvals(options),
    ...(sandbox === undefined ? {} : { sandboxPolicy: yield* Sandbox.toPolicy(sandbox) })
  }
})
