/**
 * Calls of the model, around what Effect does in them: a call that fails after its turn was parked stops that turn, and a call
 * that executes tools within the turn brings their handlers along.
 */
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { Handle, Handlers } from "./Execution.ts"
import * as Failure from "./Failure.ts"
import type { Conversation, RunningTurn, Threads } from "./Threads.ts"

/** One call of the model. */
export interface Call {
  /** The handlers of a call that executes its tools within the turn. */
  readonly handlers: Handlers | undefined
  /** The turn that the call has parked. */
  parked: { readonly conversation: Conversation; readonly running: RunningTurn | undefined } | undefined
}

const callWith = (handlers?: Handlers): Call => ({ handlers, parked: undefined })

/** The call that runs. */
export const CurrentCall: Context.Reference<Call | undefined> = Context.Reference<Call | undefined>(
  "@effect-codex/ai/CurrentCall",
  { defaultValue: () => undefined }
)

/** The options of a call, as far as they matter here. */
interface CallOptions {
  readonly toolkit?: unknown
  readonly concurrency?: number | "unbounded" | undefined
  readonly disableToolCallResolution?: boolean | undefined
}

type Run<A> = (options: CallOptions) => A

type Tools = Record<string, Tool.Any>

/** Wraps the service. The wrapped functions have the types of the functions in it. */
export const wrap = (
  model: LanguageModel.LanguageModel,
  options: { readonly threads: Threads; readonly executesTools: boolean }
): LanguageModel.LanguageModel => {
  const { threads } = options

  /** Prepares a call, and its options as Effect gets them. */
  const prepare = Effect.fnUntraced(function*(method: string, given: CallOptions) {
    if (!options.executesTools || given.disableToolCallResolution === true || given.toolkit === undefined) {
      return { call: callWith(), given }
    }
    const toolkit = yield* resolve(given.toolkit)
    const asking = Object.values(toolkit.tools).find(({ needsApproval }) => Boolean(needsApproval))
    if (asking !== undefined) {
      return yield* Failure.make(
        method,
        new AiError.ToolConfigurationError({
          toolName: asking.name,
          description: "It has needsApproval, and its calls are executed within the turn, where no program can approve "
            + "them. Use toolExecution \"framework\", or ask in the handler."
        })
      )
    }
    const { concurrency } = given
    const handlers: Handlers = {
      tools: toolkit.tools,
      // Tools are looked up by the names that Codex sends, which the types of `handle` can't follow.
      handle: toolkit.handle as Handle,
      context: yield* Effect.context<unknown>(),
      limit: typeof concurrency === "number" ? Semaphore.makeUnsafe(concurrency).withPermit : (effect) => effect,
      failure: undefined
    }
    return { call: callWith(handlers), given: { ...given, toolkit } }
  })

  /** Ends a call that has failed: with the error of its handler, if that was the reason. */
  const failed = (call: Call, cause: Cause.Cause<unknown>): Effect.Effect<never, unknown> =>
    Effect.andThen(release(call), Effect.failCause(call.handlers?.failure ?? cause))

  const release = ({ parked }: Call): Effect.Effect<void> =>
    Effect.suspend(() =>
      parked !== undefined && parked.conversation.state === "parked"
        && parked.conversation.running === parked.running
        ? threads.close(parked.conversation)
        : Effect.void
    )

  const effect = (method: string, run: Run<Effect.Effect<unknown, unknown, unknown>>) => (given: CallOptions) =>
    Effect.flatMap(prepare(method, given), ({ call, given }) =>
      run(given).pipe(
        Effect.provideService(CurrentCall, call),
        Effect.onInterrupt(() => release(call)),
        Effect.catchCause((cause) => failed(call, cause))
      ))

  const stream = (method: string, run: Run<Stream.Stream<unknown, unknown, unknown>>) => (given: CallOptions) =>
    Stream.unwrap(Effect.map(prepare(method, given), ({ call, given }) =>
      run(given).pipe(
        Stream.provideService(CurrentCall, call),
        Stream.onExit((exit) => Exit.isFailure(exit) ? release(call) : Effect.void),
        Stream.catchCause((cause) => Stream.fromEffect(failed(call, cause)))
      )))

  return {
    ...model,
    generateText: around(
      model.generateText,
      (run: Run<Effect.Effect<unknown, unknown, unknown>>) => effect("generateText", run)
    ),
    generateObject: around(
      model.generateObject,
      (run: Run<Effect.Effect<unknown, unknown, unknown>>) => effect("generateObject", run)
    ),
    streamText: around(
      model.streamText,
      (run: Run<Stream.Stream<unknown, unknown, unknown>>) => stream("streamText", run)
    )
  }
}

/** Replaces a function by one around it, of the same type: its overloads can't be written down again. */
const around = <F extends object, A>(
  f: F,
  wrapped: (run: Run<A>) => Run<unknown>
): F =>
  new Proxy(f, {
    apply: (target, self, [given]: [CallOptions]) =>
      wrapped((options) => Reflect.apply(asFunction(target), self, [options]))(given)
  })

const asFunction = <A>(f: object): Run<A> => f as Run<A>

const isToolkit = (value: unknown): value is Toolkit.WithHandler<Tools> =>
  Predicate.hasProperty(value, "tools") && Predicate.hasProperty(value, "handle")

/** Returns a toolkit with its handlers. */
const resolve = (toolkit: unknown): Effect.Effect<Toolkit.WithHandler<Tools>, unknown, unknown> => {
  if (isToolkit(toolkit)) return Effect.succeed(toolkit)
  return Effect.isEffect(toolkit)
    ? Effect.flatMap(toolkit, resolve)
    : Effect.die(new TypeError("toolkit is not a Toolkit"))
}
