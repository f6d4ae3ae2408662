/**
 * Answers from a recording: a Transport with no binary and no network behind it, for programs that use Codex to be tested
 * in CI as they are.
 *
 * A replay is strict. Whatever the program asks must have been asked when it was recorded, with the same method and the
 * same parameters, in the same order within a thread; whatever the server had asked is asked again, and the program's
 * answers must be the same. Threads are independent of each other, and so are requests that belong to none: they may come
 * in another order. What may differ in any case: the ids of requests, the trace context, the version in `clientInfo`,
 * what is masked (see {@link Masking}) and what {@link Options.ignore} lists.
 *
 * When the program leaves the recording, the connection ends: whatever is under way, and every later call, fails with a
 * `CodexConnectionError` whose message shows the difference, and whose cause is the {@link ReplayMismatchError}.
 *
 * ```ts
 * it.live("says hello", () =>
 *   program.pipe(Effect.provide(Replay.layerCodex("test/recordings/hello.jsonl", config))))
 * ```
 */
import * as ClientOptions from "effect-codex/ClientOptions"
import * as Codex from "effect-codex/Codex"
import { CodexConnectionError, type ConnectError } from "effect-codex/CodexError"
import * as Transport from "effect-codex/Transport"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as difference from "./internal/difference.ts"
import { Masker } from "./internal/Masker.ts"
import { Player, type Problem } from "./internal/Player.ts"
import * as Script from "./internal/Script.ts"
import type * as Masking from "./Masking.ts"
import * as Recording from "./Recording.ts"

/**
 * Options of a replay. What to mask must be what the recorder was told.
 *
 * @category models
 */
export interface Options extends Masking.Options {
  /**
   * Parameters, and answers to the server's requests, that may differ: paths by method, `"*"` for every method; `*` in a
   * path stands for any field or index. E.g. `{ "thread/start": ["cwd"], "turn/start": ["input.*.text"] }`.
   */
  readonly ignore?: { readonly [method: string]: ReadonlyArray<string> } | undefined
  /**
   * How fast the server speaks, as a multiple of the recorded pace: 1 is as it was, 2 is twice as fast. Default: without
   * any delay. Uses the `Clock`, so a `TestClock` can drive it.
   */
  readonly speed?: number | undefined
  /**
   * How much longer than the recorded one the program may take to ask the next thing, while it waits for something that
   * the server says only then; after that the replay fails. In real time, whatever the `Clock`. Default: 3 seconds.
   */
  readonly patience?: Duration.Input | undefined
}

/**
 * The program is not the one that was recorded. Masked values show as they are in the recording.
 *
 * @category errors
 */
export class ReplayMismatchError
  extends Schema.TaggedError<ReplayMismatchError>("@effect-codex/testing/ReplayMismatchError")(
    "ReplayMismatchError",
    {
      /** The recording. */
      file: Schema.String,
      /** What happened instead of what was recorded. */
      detail: Schema.String,
      /** The line of the recording that was expected next, counted from 1. */
      line: Schema.optionalKey(Schema.Number),
      /** Where the values differ, if the right thing was asked with other ones. A value that is not there is left out. */
      differences: Schema.Array(Schema.Struct({
        path: Schema.String,
        recorded: Schema.optionalKey(Schema.Unknown),
        asked: Schema.optionalKey(Schema.Unknown)
      }))
    }
  )
{
  override get message(): string {
    return [
      `The program has left the recording ${this.file}${
        this.line === undefined ? "" : ` at line ${this.line}`
      }: ${this.detail}.`,
      ...(this.differences.length === 0 ? [] : [difference.render(this.differences)]),
      "If the change is meant, record it again; if the value changes from run to run, list it in `ignore`."
    ].join("\n")
  }
}

/**
 * What a replay has come to.
 *
 * @category services
 */
export class Replay extends Context.Service<Replay, {
  /** Succeeds if everything that was recorded has been asked; fails with the first thing that was not. */
  readonly done: Effect.Effect<void, ReplayMismatchError>
  /** What was recorded, read from the file. */
  readonly recording: Recording.Recording
}>()("@effect-codex/recording/Replay") {}

/** The mismatch that an error comes from, however deep. */
export const mismatch = (error: unknown): ReplayMismatchError | undefined => {
  let current = error
  while (typeof current === "object" && current !== null) {
    if (current instanceof ReplayMismatchError) return current
    current = "cause" in current ? current.cause : undefined
  }
  return undefined
}

/**
 * A replay of a recording that was read.
 *
 * @category constructors
 */
export const make = (recording: Recording.Recording, options: Options = {}): {
  readonly transport: Transport.Transport["Service"]
  readonly replay: Replay["Service"]
} => {
  const { file } = recording
  const scripts = byConnection(recording)
  let connections = 0

  const mismatched = ({ detail, differences = [], line }: Problem) =>
    new ReplayMismatchError({
      file,
      detail,
      ...(line === undefined ? {} : { line }),
      differences
    })

  const connect = Effect.gen(function*() {
    const connection = connections++
    const script = scripts[connection]
    if (script === undefined) {
      return yield* left(mismatched({
        detail: `the program connects once more, and the recording has ${scripts.length} connection${
          scripts.length === 1 ? "" : "s"
        }`
      }))
    }
    const { asks, ending } = script
    // Nothing was said: connecting failed.
    if (asks.length === 0 && ending !== undefined && !isClosing(ending.error)) return yield* ending.error

    const scope = yield* Effect.scope
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const messages = yield* Queue.unbounded<string, CodexConnectionError>()
    let end: CodexConnectionError | undefined
    const fail = (error: CodexConnectionError) => {
      end ??= error
      Queue.failCauseUnsafe(messages, Cause.fail(end))
      return end
    }
    const player = new Player(script, {
      masker: new Masker(options),
      ignore: options.ignore ?? {},
      say: (text) => Queue.offerUnsafe(messages, text),
      delay: (millis, proceed) => {
        const wait = millis / (options.speed ?? Infinity)
        if (wait > 0) fork(Effect.forkIn(Effect.andThen(Effect.sleep(wait), Effect.sync(proceed)), scope))
        return wait > 0
      },
      finished: () => {
        if (ending !== undefined && !isClosing(ending.error)) fail(lost(ending.error))
      }
    })
    yield* watch(
      player,
      Duration.fromInputUnsafe(options.patience ?? "3 seconds"),
      (problem) => fail(left(mismatched(problem)))
    )
    player.start()

    return {
      receive: Transport.receiveStream(Stream.fromQueue(messages)),
      send: (message) =>
        Effect.suspend(() => {
          if (end !== undefined) return Effect.fail(end)
          const problem = player.accept(message)
          return problem === undefined ? Effect.void : Effect.fail(fail(left(mismatched(problem))))
        })
    } satisfies Transport.Connection
  })

  return {
    transport: Transport.Transport.of({ connect }),
    replay: Replay.of({
      recording,
      done: Effect.suspend(() => {
        const ask = scripts.flatMap((script) => script.asks).find((ask) => ask.asked === undefined)
        return ask === undefined ? Effect.void : Effect.fail(mismatched({
          detail: `${Script.describe(ask)} was recorded, and not asked`,
          line: ask.line
        }))
      })
    })
  }
}

/** The recorded connections, each as a script. */
const byConnection = ({ entries }: Recording.Recording): ReadonlyArray<Script.Script> => {
  const numbers = Array.from(new Set(entries.map((entry) => entry.connection))).sort((a, b) => a - b)
  return numbers.map((connection) => Script.make(entries.filter((entry) => entry.connection === connection)))
}

/** The end of a connection because the program is not the recorded one. */
const left = (cause: ReplayMismatchError): CodexConnectionError =>
  new CodexConnectionError({ reason: { _tag: "Closed" }, cause })

/** Whether it was the client that closed. */
const isClosing = (error: Recording.Ending): boolean =>
  error._tag === "CodexConnectionError" && error.reason._tag === "Closed"

const lost = (error: Recording.Ending): CodexConnectionError =>
  error._tag === "CodexConnectionError"
    ? error
    : new CodexConnectionError({ reason: { _tag: "Disconnected" }, cause: error })

/** Fails a program that waits for what will never be said. */
const watch = (
  player: Player,
  patience: Duration.Duration,
  fail: (problem: Problem) => void
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      const millis = Math.min(Duration.toMillis(patience), 2 ** 30)
      const timer = setInterval(() => {
        const problem = player.stall(millis)
        if (problem === undefined) return
        clearInterval(timer)
        fail(problem)
      }, Math.max(10, millis / 10))
      return timer
    }),
    (timer) => Effect.sync(() => clearInterval(timer))
  ))

/**
 * A Transport that answers from a recording. The file is read when the Layer is built, which fails if it can't be.
 *
 * ```ts
 * Codex.layerTransport().pipe(Layer.provideMerge(Replay.layer("run.jsonl")))
 * ```
 *
 * @category layers
 */
export const layer = (
  file: string,
  options?: Options
): Layer.Layer<Transport.Transport | Replay, Recording.RecordingError> =>
  Layer.effectContext(Effect.map(Recording.read(file), (recording) => {
    const { replay, transport } = make(recording, options)
    return Context.make(Transport.Transport, transport).pipe(Context.add(Replay, replay))
  }))

/**
 * Codex that answers from a recording: what stands in for `Codex.layer`, and for `Recorder.layerCodex`.
 *
 * @category layers
 */
export const layerCodex = <R = never>(
  file: string,
  config: Codex.LayerOptions<R> = {},
  options?: Omit<Options, "config">
): Layer.Layer<
  Codex.Services | Replay,
  ConnectError | Recording.RecordingError,
  R
> => {
  const replay = layer(file, { ...options, config })
  return Codex.layerTransport(ClientOptions.pick<R>(config)).pipe(Layer.provideMerge(replay))
}
