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
import { CodexConnectionError } from "effect-codex/CodexError"
import * as Transport from "effect-codex/Transport"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as difference from "./internal/difference.js"
import { Masker } from "./internal/Masker.js"
import { Player } from "./internal/Player.js"
import * as Script from "./internal/Script.js"
import * as Recording from "./Recording.js"
/**
 * The program is not the one that was recorded. Masked values show as they are in the recording.
 *
 * @category errors
 */
export class ReplayMismatchError
  extends Schema.TaggedError("@effect-codex/testing/ReplayMismatchError")("ReplayMismatchError", {
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
  })
{
  get message() {
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
export class Replay extends Context.Service()("@effect-codex/recording/Replay") {
}
/** The mismatch that an error comes from, however deep. */
export const mismatch = (error) => {
  let current = error
  while (typeof current === "object" && current !== null) {
    if (current instanceof ReplayMismatchError) {
      return current
    }
    current = "cause" in current ? current.cause : undefined
  }
  return undefined
}
/**
 * A replay of a recording that was read.
 *
 * @category constructors
 */
export const make = (recording, options = {}) => {
  const { file } = recording
  const scripts = byConnection(recording)
  let connections = 0
  const mismatched = ({ detail, differences = [], line }) =>
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
    if (asks.length === 0 && ending !== undefined && !isClosing(ending.error)) {
      return yield* ending.error
    }
    const scope = yield* Effect.scope
    const fork = Effect.runForkWith(yield* Effect.context())
    const messages = yield* Queue.unbounded()
    let end
    const fail = (error) => {
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
        if (wait > 0) {
          fork(Effect.forkIn(Effect.andThen(Effect.sleep(wait), Effect.sync(proceed)), scope))
        }
        return wait > 0
      },
      finished: () => {
        if (ending !== undefined && !isClosing(ending.error)) {
          fail(lost(ending.error))
        }
      }
    })
    yield* watch(
      player,
      Duration.fromInputUnsafe(options.patience ?? "3 seconds"),
      (problem) => fail(left(mismatched(problem)))
    )
    player.start()
    return {
      messages: Stream.fromQueue(messages),
      send: (message) =>
        Effect.suspend(() => {
          if (end !== undefined) {
            return Effect.fail(end)
          }
          const problem = player.accept(message)
          return problem === undefined ? Effect.void : Effect.fail(fail(left(mismatched(problem))))
        })
    }
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
const byConnection = ({ entries }) => {
  const numbers = Array.from(new Set(entries.map((entry) => entry.connection))).sort((a, b) => a - b)
  return numbers.map((connection) => Script.make(entries.filter((entry) => entry.connection === connection)))
}
/** The end of a connection because the program is not the recorded one. */
const left = (cause) => new CodexConnectionError({ reason: "Closed", cause })
/** Whether it was the client that closed. */
const isClosing = (error) => error._tag === "CodexConnectionError" && error.reason === "Closed"
const lost = (error) =>
  error._tag === "CodexConnectionError" ? error : new CodexConnectionError({ reason: "Disconnected", cause: error })
/** Fails a program that waits for what will never be said. */
const watch = (player, patience, fail) =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      const millis = Math.min(Duration.toMillis(patience), 2 ** 30)
      const timer = setInterval(() => {
        const problem = player.stall(millis)
        if (problem === undefined) {
          return
        }
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
 * Codex.layerTransport(config).pipe(Layer.provideMerge(Replay.layer("run.jsonl", { config })))
 * ```
 *
 * @category layers
 */
export const layer = (file, options) =>
  Layer.effectContext(Effect.map(Recording.read(file), (recording) => {
    const { replay, transport } = make(recording, options)
    return Context.make(Transport.Transport, transport).pipe(Context.add(Replay, replay))
  }))
/**
 * Codex that answers from a recording: what stands in for `Codex.layer`, and for `Recorder.layerCodex`.
 *
 * @category layers
 */
export const layerCodex = (file, config = {}, options) => {
  const replay = layer(file, { ...options, config })
  return Codex.layerTransport(config).pipe(Layer.provideMerge(replay))
}
// # sourceMappingURL=Replay.js.map
