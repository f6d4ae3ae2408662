/**
 * A server of a timeline that grows with its recording: a page on this machine that draws each message as it is recorded.
 *
 * `npx @effect-codex/cli timeline run.jsonl --follow` does this for another program. Use this module in a program that records
 * itself. It needs the package `@effect/platform-node`.
 *
 * ```ts
 * import { Recorder } from "@effect-codex/recording"
 * import * as TimelineServer from "@effect-codex/recording/TimelineServer"
 * import { Codex } from "effect-codex"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const { url } = yield* TimelineServer.make("run.jsonl")
 *   yield* Console.log(url)
 *   const codex = yield* Codex.Codex
 *   const thread = yield* codex.threadStart({ sandbox: "readOnly" })
 *   return yield* thread.run("Which files have no tests?")
 * }).pipe(Effect.scoped, Effect.provide(Recorder.layerCodex("run.jsonl")))
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import type { RecordingError } from "./format/Recording.ts"
import { follow } from "./timeline/follow.ts"
import { serve } from "./timeline/serve.ts"

/**
 * Options of a server of a timeline.
 *
 * @category models
 */
export interface Options {
  /** The title of the page. Default: the name of the recording's file. */
  readonly title?: string | undefined
  /** The port to listen on. Default: any free port. */
  readonly port?: number | undefined
}

/**
 * A running server.
 *
 * @category services
 */
export class TimelineServer extends Context.Service<TimelineServer, {
  /**
   * The URL of the page. It contains a secret: whoever knows it, and can reach the loopback interface of this machine, can read
   * the recording.
   */
  readonly url: string
  /** The recording. */
  readonly file: string
  /**
   * Messages about the file for a person: the server waits for it, it was replaced, it is damaged. The page shows them too. The
   * last one is repeated to each new reader.
   */
  readonly notices: Stream.Stream<string>
}>()("@effect-codex/recording/TimelineServer") {}

/**
 * Serves the timeline of a recording until the scope closes. The recording may be complete, may still grow, and need not exist
 * yet: the page waits for it. If another recording takes its place, the page keeps what it has and offers to show the new one.
 *
 * The server listens on 127.0.0.1 only. Fails if the file exists and is not a recording, or if the port is not free.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  file: string,
  options: Options = {}
): Effect.fn.Return<TimelineServer["Service"], RecordingError, Scope.Scope> {
  const title = options.title ?? Path.basename(file)
  const follower = yield* follow(file, title)
  const url = yield* serve(follower, { file, title, port: options.port ?? 0 })
  return TimelineServer.of({ url, file, notices: Stream.filter(follower.notices, (text) => text !== "") })
})

/**
 * A Layer of a server of a timeline: see {@link make}.
 *
 * @category layers
 */
export const layer = (file: string, options?: Options): Layer.Layer<TimelineServer, RecordingError> =>
  Layer.effect(TimelineServer, make(file, options))
