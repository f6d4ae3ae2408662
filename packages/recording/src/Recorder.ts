/**
 * A recorder for the traffic between a program and its app-server: a Transport around another one that writes every
 * message, with its time, to a file of JSON lines. Use it to test a program with `Replay`, without a binary and without a
 * network, or to look at a run with `npx @effect-codex/cli timeline`.
 *
 * Keys, tokens, e-mail addresses and the directories of this machine are masked: see `Masking`. `Recording` describes the
 * format.
 *
 * ```ts
 * const file = "test/recordings/hello.jsonl"
 * const live = process.env.RECORD === "1" ? Recorder.layerCodex(file, config) : Replay.layerCodex(file, config)
 * ```
 */
import * as ClientOptions from "effect-codex/ClientOptions"
import * as Codex from "effect-codex/Codex"
import { CodexConnectionError, type ConnectError } from "effect-codex/CodexError"
import * as ProcessOptions from "effect-codex/ProcessOptions"
import * as Transport from "effect-codex/Transport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Recording from "./format/Recording.ts"
import { Masker } from "./masking/Masker.ts"
import * as Masking from "./masking/Options.ts"
import { Log } from "./record/Log.ts"

/**
 * Options of a recorder: additions to what masking finds by itself.
 *
 * @category models
 */
export interface Options extends Masking.Options {}

/**
 * Wraps a Transport and records its traffic.
 *
 * The recorder writes the file while the program runs, so a program that dies leaves a recording up to that moment. Text
 * that ends within a word is written when the word is complete, because a key may arrive in two pieces. The recorder
 * creates missing directories and replaces an existing file. It fails if another recorder of this program is writing the
 * same file. If writing fails later, the recorder logs a warning and stops, and the program continues.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  transport: Transport.Transport["Service"],
  file: string,
  options: Options = {}
): Effect.fn.Return<Transport.Transport["Service"], Recording.RecordingError, Scope.Scope> {
  const unknown = Masking.unknownOption(options)
  if (unknown !== undefined) {
    return yield* new Recording.RecordingError({ file, detail: `${unknown} is not an option of a recorder` })
  }
  const target = yield* Effect.acquireRelease(
    open(file),
    ({ descriptor, identity }) =>
      Effect.sync(() => {
        Fs.closeSync(descriptor)
        recording.delete(identity)
      })
  )
  const log = new Log((lines) => void Fs.writeSync(target.descriptor, lines), new Masker(options))
  const attempt = attempting(file)
  const report = (record: () => void) => Effect.suspend(() => attempt(record) ?? Effect.void)
  yield* Effect.addFinalizer(() => report(() => log.close()))
  let connections = 0

  const connect = Effect.gen(function*() {
    const connection = ++connections
    const { receive, send, ...rest } = yield* Effect.tapError(
      transport.connect,
      (error) => report(() => log.ended(connection, error))
    )
    yield* Effect.addFinalizer(() => report(() => log.ended(connection, closed())))
    return {
      ...rest,
      receive: (accept) =>
        receive((texts) => {
          const reported = attempt(() => log.received(connection, texts))
          const accepted = accept(texts)
          return reported === undefined ? accepted : Effect.andThen(reported, accepted ?? Effect.void)
        }).pipe(Effect.tapError((error) => report(() => log.ended(connection, error)))),
      // A message is recorded before it is sent, because the response may follow at once.
      send: (message) => Effect.andThen(report(() => log.sent(connection, message)), send(message))
    } satisfies Transport.Connection
  })

  return Transport.Transport.of({ ...transport, connect })
})

const closed = () => new CodexConnectionError({ reason: { _tag: "Closed" } })

/** The files that are being written, whatever their names: a recording belongs to one client. */
const recording = new Set<string>()

interface Target {
  readonly descriptor: number
  readonly identity: string
}

const open = (file: string): Effect.Effect<Target, Recording.RecordingError> =>
  Effect.suspend(() => {
    let target: Target
    try {
      Fs.mkdirSync(Path.dirname(file), { recursive: true })
      // The file must not be emptied before it is known that no other recorder writes it, by this name or another.
      const descriptor = Fs.openSync(file, Fs.constants.O_WRONLY | Fs.constants.O_CREAT, 0o666)
      const { dev, ino } = Fs.fstatSync(descriptor, { bigint: true })
      target = { descriptor, identity: `${dev}:${ino}` }
    } catch (cause) {
      return Effect.fail(new Recording.RecordingError({ file, detail: "the file can't be written", cause }))
    }
    if (recording.has(target.identity)) {
      Fs.closeSync(target.descriptor)
      const detail = "another recorder of this program is writing the file; give each client a file of its own"
      return Effect.fail(new Recording.RecordingError({ file, detail }))
    }
    recording.add(target.identity)
    if (Fs.fstatSync(target.descriptor).isFile()) Fs.ftruncateSync(target.descriptor)
    return Effect.succeed(target)
  })

/**
 * Returns a function that records something at once. When the file can't be written, it returns an Effect that logs a
 * warning, and from then on does nothing.
 */
const attempting = (file: string) => {
  let isBroken = false
  return (record: () => void): Effect.Effect<void> | undefined => {
    if (isBroken) return undefined
    try {
      record()
      return undefined
    } catch (cause) {
      isBroken = true
      return Effect.logWarning(`Recording stopped: ${file} can't be written.`, cause)
    }
  }
}

/**
 * A Layer of a Transport that records the traffic of the Transport below it.
 *
 * ```ts
 * Codex.layerTransport({ requestTimeout: "30 seconds" }).pipe(
 *   Layer.provide(Recorder.layer("run.jsonl")),
 *   Layer.provide(Transport.layerStdio())
 * )
 * ```
 *
 * @category layers
 */
export const layer = (
  file: string,
  options?: Options
): Layer.Layer<Transport.Transport, Recording.RecordingError, Transport.Transport> =>
  Layer.effect(
    Transport.Transport,
    Effect.flatMap(Transport.Transport, (transport) => make(transport, file, options))
  )

/**
 * A Layer of Codex with an app-server of its own, recorded. It takes the configuration of `Codex.layer`, and behaves in the
 * same way.
 *
 * @category layers
 */
export const layerCodex = <R = never>(
  file: string,
  config: Codex.LayerOptions<R> = {},
  options?: Omit<Options, "config">
): Layer.Layer<
  Codex.Services,
  ConnectError | Recording.RecordingError,
  R
> =>
  Codex.layerTransport(ClientOptions.pick<R>(config)).pipe(
    Layer.provide(layer(file, { ...options, config })),
    Layer.provide(Transport.layerStdio(ProcessOptions.pick(config)))
  )
