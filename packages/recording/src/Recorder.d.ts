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
import * as Codex from "effect-codex/Codex"
import type * as CodexConfig from "effect-codex/CodexConfig"
import { CodexConnectionError, type ConnectError } from "effect-codex/CodexError"
import * as Transport from "effect-codex/Transport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Masking from "./Masking.ts"
import * as Recording from "./Recording.ts"
/**
 * Options of a recorder: what to mask.
 *
 * @category models
 */
export interface Options extends Masking.Options {
}
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
export declare const make: (
  transport: {
    readonly connect: Effect.Effect<
      Transport.Connection,
      | import("effect-codex/CodexError").CodexSpawnError
      | CodexConnectionError
      | import("effect-codex/CodexError").InvalidInputError,
      Scope.Scope
    >
  },
  file: string,
  options?: Options | undefined
) => Effect.Effect<
  {
    readonly connect: Effect.Effect<
      Transport.Connection,
      | import("effect-codex/CodexError").CodexSpawnError
      | CodexConnectionError
      | import("effect-codex/CodexError").InvalidInputError,
      Scope.Scope
    >
  },
  Recording.RecordingError,
  Scope.Scope
>
/**
 * A Transport that records what goes over the one below it.
 *
 * ```ts
 * Codex.layerTransport(config).pipe(
 *   Layer.provide(Recorder.layer("run.jsonl", { config })),
 *   Layer.provide(Transport.layerStdio(config))
 * )
 * ```
 *
 * @category layers
 */
export declare const layer: (
  file: string,
  options?: Options
) => Layer.Layer<Transport.Transport, Recording.RecordingError, Transport.Transport>
/**
 * Codex on an app-server of its own, recorded: `Codex.layer`, and nothing else is different.
 *
 * @category layers
 */
export declare const layerCodex: <R = never>(
  file: string,
  config?: CodexConfig.CodexConfig<R>,
  options?: Omit<Options, "config">
) => Layer.Layer<Codex.Services, ConnectError | Recording.RecordingError, R>
// # sourceMappingURL=Recorder.d.ts.map
