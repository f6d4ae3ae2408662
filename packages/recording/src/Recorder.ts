/**
 * Records the wire of a run: everything that goes to the app-server and comes from it, with times, as a file of JSON
 * lines. Keys, tokens, e-mail addresses and the paths of this machine are masked: see {@link Masking}.
 *
 * `Replay` answers from the file, without a binary and without a network; `npx effect-codex timeline` draws it; the format
 * is described by `effect-codex/Recording`.
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
import { Log } from "./internal/Log.ts"
import { Masker } from "./internal/Masker.ts"
import type * as Masking from "./Masking.ts"
import * as Recording from "./Recording.ts"

/**
 * Options of a recorder: what to mask.
 *
 * @category models
 */
export interface Options extends Masking.Options {}

/**
 * Wraps a Transport, so that whatever goes over it is recorded.
 *
 * The file is written as things happen: a program that dies leaves a recording up to that moment. What follows within a
 * word that has come in pieces is written when the word is complete, for a key must not pass in two halves. A file that
 * exists is replaced, unless another recorder is still writing it; directories are made. If the file can't be written any
 * more, a warning is logged, and the program goes on.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  transport: Transport.Transport["Service"],
  file: string,
  options: Options = {}
): Effect.fn.Return<Transport.Transport["Service"], Recording.RecordingError, Scope.Scope> {
  const path = Path.resolve(file)
  const descriptor = yield* Effect.acquireRelease(
    open(file, path),
    (descriptor) =>
      Effect.sync(() => {
        Fs.closeSync(descriptor)
        recording.delete(path)
      })
  )
  const log = new Log((lines) => void Fs.writeSync(descriptor, lines), new Masker(options))
  yield* Effect.addFinalizer(() => report(file, log, () => log.close()))
  let connections = 0

  const connect = Effect.gen(function*() {
    const connection = ++connections
    const { receive, send, ...rest } = yield* Effect.tapError(
      transport.connect,
      (error) => report(file, log, () => log.ended(connection, error))
    )
    yield* Effect.addFinalizer(() => report(file, log, () => log.ended(connection, closed())))
    return {
      ...rest,
      receive: (accept) =>
        receive((texts) => {
          const reported = attempt(file, log, () => log.received(connection, texts))
          const accepted = accept(texts)
          return reported === undefined ? accepted : Effect.andThen(reported, accepted ?? Effect.void)
        }).pipe(Effect.tapError((error) => report(file, log, () => log.ended(connection, error)))),
      // Recorded before it is sent: the answer comes after.
      send: (message) => Effect.andThen(report(file, log, () => log.sent(connection, message)), send(message))
    } satisfies Transport.Connection
  })

  return Transport.Transport.of({ ...transport, connect })
})

const closed = () => new CodexConnectionError({ reason: { _tag: "Closed" } })

/** The files that are being written: a recording is of one client. */
const recording = new Set<string>()

const open = (file: string, path: string): Effect.Effect<number, Recording.RecordingError> =>
  Effect.suspend(() => {
    if (recording.has(path)) {
      const detail = "another recorder of this program is writing it; give each client a file of its own"
      return Effect.fail(new Recording.RecordingError({ file, detail }))
    }
    return Effect.try({
      try: () => {
        Fs.mkdirSync(Path.dirname(path), { recursive: true })
        const descriptor = Fs.openSync(path, "w")
        recording.add(path)
        return descriptor
      },
      catch: (cause) => new Recording.RecordingError({ file, detail: "the file can't be written", cause })
    })
  })

/** Records something. A recorder never breaks the program: if it can't, it says so once, and stops. */
const report = (file: string, log: Log, record: () => void): Effect.Effect<void> =>
  Effect.suspend(() => attempt(file, log, record) ?? Effect.void)

/** As {@link report}, at once: returns an Effect only if it has something to say. */
const attempt = (file: string, log: Log, record: () => void): Effect.Effect<void> | undefined => {
  if (log.broken) return undefined
  try {
    record()
    return undefined
  } catch (cause) {
    log.broken = true
    return Effect.logWarning(`Recording stopped: ${file} can't be written.`, cause)
  }
}

/**
 * A Transport that records what goes over the one below it.
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
 * Codex on an app-server of its own, recorded: `Codex.layer`, and nothing else is different.
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
