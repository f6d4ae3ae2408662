/**
 * A timeline to look at: one self-contained HTML page of a recording, with the threads as lanes, their turns and items
 * over time, and everything that was said on the wire.
 *
 * `npx effect-codex timeline run.jsonl` makes one and opens it. This module is for programs that make one themselves, as
 * an artifact of a test run. It is not part of the SDK's index, so that nobody pays for it who does not use it.
 *
 * ```ts
 * import * as Recording from "@effect-codex/recording/Recording"
 * import * as Timeline from "@effect-codex/recording/Timeline"
 * import * as Effect from "effect/Effect"
 *
 * const write = Effect.gen(function*() {
 *   const recording = yield* Recording.read("run.jsonl")
 *   yield* Timeline.write(recording, "run.html")
 * })
 * ```
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import { type Recording, RecordingError } from "./Recording.ts"
import * as Model from "./timeline/Model.ts"
import * as Page from "./timeline/Page.ts"

/**
 * What a timeline is made with.
 *
 * @category models
 */
export interface Options {
  /** What the page is called. Default: the name of the recording's file. */
  readonly title?: string | undefined
}

/**
 * The page as a text. It loads nothing: its data, its style and its program are in it, and its content security policy
 * forbids the rest. It shows what the recording has, which was masked when it was written.
 *
 * The program of the page is read from files of this package: a program that is bundled has to leave the package external.
 *
 * @category constructors
 */
export const html = (recording: Recording, options: Options = {}): string =>
  Page.make(Model.make(recording, options.title ?? Path.basename(recording.file)))

/**
 * Writes the page to a file; directories are made, and a file that exists is replaced, but for the recording itself.
 *
 * @category constructors
 */
export const write = (recording: Recording, file: string, options?: Options): Effect.Effect<void, RecordingError> =>
  Effect.suspend(() => {
    if (Path.resolve(file) === Path.resolve(recording.file)) {
      return Effect.fail(
        new RecordingError({ file, detail: "the page would replace the recording; write it to another file" })
      )
    }
    return Effect.tryPromise({
      try: async () => {
        await Fs.mkdir(Path.dirname(file), { recursive: true })
        await Fs.writeFile(file, html(recording, options))
      },
      catch: (cause) => new RecordingError({ file, detail: "the page can't be written", cause })
    })
  })
