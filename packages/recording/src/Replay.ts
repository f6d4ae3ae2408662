/**
 * A replay of a recording: a Transport that answers from the file, without a binary and without a network. Use it to test
 * programs that use Codex in CI, unchanged.
 *
 * A replay is strict. Within a thread, the program must send the recorded requests, with the recorded parameters, in the
 * recorded order. The server's requests are repeated, and the program must send the recorded responses. Threads are
 * independent of each other, and so are requests that belong to no thread: their order may change. Differences are allowed
 * in the ids of requests, the trace context, the version in `clientInfo`, masked values (see `Masking`), and the paths that
 * {@link Options.ignore} lists.
 *
 * When the program departs from the recording, the connection ends. Pending and later calls fail with a
 * `CodexConnectionError` whose message shows the difference and whose cause is a {@link ReplayMismatchError}.
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
import * as Recording from "./format/Recording.ts"
import { Masker } from "./masking/Masker.ts"
import type * as Masking from "./masking/Options.ts"
import * as difference from "./replay/difference.ts"
import { Player, type Problem } from "./replay/Player.ts"
import * as Script from "./replay/Script.ts"

/**
 * Options of a replay. The options of masking must be those of the recorder.
 *
 * @category models
 */
export interface Options extends Masking.Options {
  /**
   * Paths that may differ in the parameters of requests and in the results of responses to the server, by method. The
   * method `"*"` stands for every method, and `*` in a path for any field or index. Example:
   * `{ "thread/start": ["cwd"], "turn/start": ["input.*.text"] }`.
   */
  readonly ignore?: { readonly [method: string]: ReadonlyArray<string> } | undefined
  /**
   * Speed of the server, as a multiple of the recorded pace: 1 is the recorded pace, 2 is twice as fast. It uses the
   * `Clock`, so a `TestClock` can drive it. Default: no delays.
   */
  readonly speed?: number | undefined
  /**
   * Time that the program may take beyond the recorded time, while it waits for a message that the server sends only after
   * a further request. Then the replay fails. It is measured in real time, whatever the `Clock`. Default: 3 seconds.
   */
  readonly patience?: Duration.Input | undefined
}

/**
 * The program departed from the recording. Values are masked as in the recording.
 *
 * @category errors
 */
export class ReplayMismatchError
  extends Schema.TaggedError<ReplayMismatchError>("@effect-codex/recording/ReplayMismatchError")(
    "ReplayMismatchError",
    {
      /** The recording. */
      file: Schema.String,
      /** A description of the difference. */
      detail: Schema.String,
      /** The next line of the recording that the program was to reach, counted from 1. */
      line: Schema.optionalKey(Schema.Number),
      /**
       * The differences between the recorded values and those of the program, if only the values differ. An absent value is
       * left out.
       */
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
      `The program departed from the recording ${this.file}${
        this.line === undefined ? "" : ` at line ${this.line}`
      }: ${this.detail}.`,
      ...(this.differences.length === 0 ? [] : [difference.render(this.differences)]),
      "If the change is intended, record again. If the value differs from run to run, list its path in `ignore`."
    ].join("\n")
  }
}

/**
 * The state of a replay, for tests to check.
 *
 * @category services
 */
export class Replay extends Context.Service<Replay, {
  /** Succeeds if the program has sent every recorded message; fails with the first one that it has not sent. */
  readonly done: Effect.Effect<void, ReplayMismatchError>
  /** The recording that is replayed. */
  readonly recording: Recording.Recording
}>()("@effect-codex/recording/Replay") {}

/** Returns the mismatch that caused an error, at any depth; undefined if there is none. */
export const mismatch = (error: unknown): ReplayMismatchError | undefined => {
  let current = error
  while (typeof current === "object" && current !== null) {
    if (current instanceof ReplayMismatchError) return current
    current = "cause" in current ? current.cause : undefined
  }
  return undefined
}

/**
 * Creates a replay of a recording that is in memory.
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
      return yield* departed(mismatched({
        detail: `the program opened another connection, and the recording has ${
          scripts.length === 1 ? "only one" : `only ${scripts.length}`
        }`
      }))
    }
    const { asks, ending } = script
    // The recorded program failed to connect.
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
      (problem) => fail(departed(mismatched(problem)))
    )
    player.start()

    return {
      receive: Transport.receiveStream(Stream.fromQueue(messages)),
      send: (message) =>
        Effect.suspend(() => {
          if (end !== undefined) return Effect.fail(end)
          const problem = player.accept(message)
          return problem === undefined ? Effect.void : Effect.fail(fail(departed(mismatched(problem))))
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
          detail: `${Script.describe(ask)} was recorded, but the program did not send it`,
          line: ask.line
        }))
      })
    })
  }
}

/** Returns a script for each recorded connection. */
const byConnection = ({ entries }: Recording.Recording): ReadonlyArray<Script.Script> => {
  const numbers = Array.from(new Set(entries.map((entry) => entry.connection))).sort((a, b) => a - b)
  return numbers.map((connection) => Script.make(entries.filter((entry) => entry.connection === connection)))
}

/** The end of a connection because the program departed from the recording. */
const departed = (cause: ReplayMismatchError): CodexConnectionError =>
  new CodexConnectionError({ reason: { _tag: "Closed" }, cause })

/** Returns true if the client closed the connection. */
const isClosing = (error: Recording.Ending): boolean =>
  error._tag === "CodexConnectionError" && error.reason._tag === "Closed"

const lost = (error: Recording.Ending): CodexConnectionError =>
  error._tag === "CodexConnectionError"
    ? error
    : new CodexConnectionError({ reason: { _tag: "Disconnected" }, cause: error })

/** Fails a program that waits for a message that will never come. */
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
 * A Layer of a Transport that answers from a recording. Building it reads the file, and fails if it can't be read.
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
 * A Layer of Codex that answers from a recording, in place of `Codex.layer` or `Recorder.layerCodex`.
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
