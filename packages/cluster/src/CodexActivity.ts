/**
 * Turns and approvals as steps of durable workflows (`effect/workflow`).
 *
 * A workflow that is replayed on another machine does not repeat completed turns: the key of a step comes from its workflow's
 * execution, and a run with a known key returns its stored answer.
 */
import type * as CodexError from "effect-codex/CodexError"
import type * as Input from "effect-codex/Input"
import * as Output from "effect-codex/Output"
import { TurnResult } from "effect-codex/TurnResult"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import type { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import { HostedError } from "./HostedThreadError.ts"
import * as HostedThreads from "./HostedThreads.ts"

/**
 * Options of {@link turn}, in addition to those of a run.
 *
 * @category models
 */
export interface TurnStep {
  /** The name of the step, unique in its workflow. */
  readonly name: string
  /** The name of the hosted thread. */
  readonly thread: string
  /** The input of the turn. */
  readonly input: Input.Input
}

/**
 * Runs a turn on a hosted thread, once for each execution of the workflow. The turn continues if the workflow's machine fails,
 * and the replayed workflow waits for that same turn. Interrupt it with `thread.interrupt({ turnKey })`; the key is a hash of the
 * execution's id and the step's name, which `thread.where` returns while the turn runs.
 *
 * @example
 * ```ts
 * import * as CodexActivity from "@effect-codex/cluster/CodexActivity"
 * import { HostedError } from "@effect-codex/cluster/HostedThreadError"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 * import * as Workflow from "effect/workflow/Workflow"
 *
 * const Ticket = Workflow.make("Ticket", {
 *   payload: { id: Schema.String },
 *   success: Schema.NullOr(Schema.String),
 *   error: HostedError,
 *   idempotencyKey: ({ id }) => id
 * })
 *
 * const TicketLayer = Ticket.toLayer(Effect.fnUntraced(function*({ id }) {
 *   const thread = `ticket-${id}`
 *   yield* CodexActivity.turn({ name: "plan", thread, input: "Plan the work." })
 *   const { finalResponse } = yield* CodexActivity.turn({ name: "do", thread, input: "Do it.", onCutOff: "continue" })
 *   return finalResponse
 * }))
 * ```
 *
 * @category constructors
 */
export function turn<A, RD = never>(
  options: TurnStep & Omit<HostedThreads.TypedHostedTurnOptions<A, RD>, "turnKey">
): Effect.Effect<
  Output.TypedResult<A>,
  HostedError | CodexError.TypedRunError,
  RD | HostedThreads.HostedThreads | WorkflowEngine | WorkflowInstance
>
export function turn(
  options: TurnStep & Omit<HostedThreads.HostedTurnOptions, "turnKey">
): Effect.Effect<TurnResult, HostedError, HostedThreads.HostedThreads | WorkflowEngine | WorkflowInstance>
export function turn<A, RD>(
  options: TurnStep & Omit<HostedThreads.HostedTurnOptions | HostedThreads.TypedHostedTurnOptions<A, RD>, "turnKey">
) {
  const { input, name, output, thread, ...rest } = options
  if (output === undefined) return plain({ name, thread, input }, rest)
  return Effect.flatMap(
    Output.codec(output),
    ({ decode, jsonSchema }) =>
      Effect.flatMap(plain({ name, thread, input }, { ...rest, outputSchema: jsonSchema }), decode)
  )
}

const plain = ({ input, name, thread }: TurnStep, options: HostedThreads.HostedTurnOptions) =>
  Activity.make({
    name,
    success: TurnResult,
    error: HostedError,
    execute: Effect.gen(function*() {
      const threads = yield* HostedThreads.HostedThreads
      const turnKey = yield* Activity.idempotencyKey(name)
      // `turn`, not `run`: the shutdown of this machine must not interrupt the turn.
      const turn = yield* threads.thread(thread).turn(input, { ...options, turnKey })
      return yield* turn.run
    })
  })

/**
 * The answer of a person to an {@link approval}.
 *
 * @category models
 */
export interface Approval {
  /** True if the work may continue. */
  readonly approved: boolean
  /** The reason, for the agent. */
  readonly note?: string | undefined
}
/** The Schema of {@link Approval}. */
export const Approval: Schema.Codec<Approval> = Schema.Struct({
  approved: Schema.Boolean,
  note: Schema.optional(Schema.String)
})

const deferred = (name: string) => DurableDeferred.make(`CodexApproval/${name}`, { success: Approval })

/**
 * Options of {@link approval}.
 *
 * @category models
 */
export interface ApprovalOptions<R = never> {
  /** The name of the step, unique in its workflow. */
  readonly name: string
  /**
   * Notifies a person that the workflow waits, and passes on the token for {@link approve}, for example by mail or as a row in
   * a table. Runs once, as a step.
   */
  readonly ask: (token: string) => Effect.Effect<void, never, R>
}

/**
 * Waits for the answer of a person, for days if necessary. Nothing runs meanwhile, and every machine may fail. It is a wait
 * between turns, because a turn that waits lives in one process and dies with it. Let the turn before it end with a description
 * of what needs approval, and start the next one with the answer.
 *
 * @category constructors
 */
export const approval = <R = never>(
  { ask, name }: ApprovalOptions<R>
): Effect.Effect<Approval, never, R | WorkflowEngine | WorkflowInstance> =>
  Effect.gen(function*() {
    const waiting = deferred(name)
    const token = yield* DurableDeferred.token(waiting)
    yield* Activity.make({ name: `CodexApproval/${name}/ask`, execute: ask(token) })
    return yield* DurableDeferred.await(waiting)
  })

/**
 * Answers an {@link approval}, from any program that has the workflow engine.
 *
 * @category combinators
 */
export const approve = (name: string, token: string, answer: Approval): Effect.Effect<void, never, WorkflowEngine> =>
  DurableDeferred.succeed(deferred(name), { token: DurableDeferred.Token.make(token), value: answer })
