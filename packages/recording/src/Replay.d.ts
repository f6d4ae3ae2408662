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
import * as Codex from "effect-codex/Codex"
import type * as CodexConfig from "effect-codex/CodexConfig"
import { type ConnectError } from "effect-codex/CodexError"
import * as Transport from "effect-codex/Transport"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
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
  readonly ignore?: {
    readonly [method: string]: ReadonlyArray<string>
  } | undefined
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
declare const ReplayMismatchError_base: Schema.Class<
  ReplayMismatchError,
  Schema.TaggedStruct<"ReplayMismatchError", {
    /** The recording. */
    readonly file: Schema.String
    /** What happened instead of what was recorded. */
    readonly detail: Schema.String
    /** The line of the recording that was expected next, counted from 1. */
    readonly line: Schema.optionalKey<Schema.Number>
    /** Where the values differ, if the right thing was asked with other ones. A value that is not there is left out. */
    readonly differences: Schema.$Array<
      Schema.Struct<{
        readonly path: Schema.String
        readonly recorded: Schema.optionalKey<Schema.Unknown>
        readonly asked: Schema.optionalKey<Schema.Unknown>
      }>
    >
  }>,
  Cause.YieldableError
>
/**
 * The program is not the one that was recorded. Masked values show as they are in the recording.
 *
 * @category errors
 */
export declare class ReplayMismatchError extends ReplayMismatchError_base {
  get message(): string
}
declare const Replay_base: Context.ServiceClass<Replay, "@effect-codex/recording/Replay", {
  /** Succeeds if everything that was recorded has been asked; fails with the first thing that was not. */
  readonly done: Effect.Effect<void, ReplayMismatchError>
  /** What was recorded, read from the file. */
  readonly recording: Recording.Recording
}>
/**
 * What a replay has come to.
 *
 * @category services
 */
export declare class Replay extends Replay_base {
}
/** The mismatch that an error comes from, however deep. */
export declare const mismatch: (error: unknown) => ReplayMismatchError | undefined
/**
 * A replay of a recording that was read.
 *
 * @category constructors
 */
export declare const make: (recording: Recording.Recording, options?: Options) => {
  readonly transport: Transport.Transport["Service"]
  readonly replay: Replay["Service"]
}
/**
 * A Transport that answers from a recording. The file is read when the Layer is built, which fails if it can't be.
 *
 * ```ts
 * Codex.layerTransport(config).pipe(Layer.provideMerge(Replay.layer("run.jsonl", { config })))
 * ```
 *
 * @category layers
 */
export declare const layer: (
  file: string,
  options?: Options
) => Layer.Layer<Transport.Transport | Replay, Recording.RecordingError>
/**
 * Codex that answers from a recording: what stands in for `Codex.layer`, and for `Recorder.layerCodex`.
 *
 * @category layers
 */
export declare const layerCodex: <R = never>(
  file: string,
  config?: CodexConfig.CodexConfig<R>,
  options?: Omit<Options, "config">
) => Layer.Layer<Codex.Services | Replay, ConnectError | Recording.RecordingError, R>
export {}
// # sourceMappingURL=Replay.d.ts.map
