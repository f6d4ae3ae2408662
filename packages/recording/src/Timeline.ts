/**
 * A timeline of a recording: one self-contained HTML page with the threads as lanes, their turns and items over time, and
 * every message on the wire.
 *
 * `npx @effect-codex/cli timeline run.jsonl` writes the page and opens it. Use this module to write it from a program, for
 * example as an artifact of a test run. `TimelineServer` shows a recording while it grows. The package's index does not
 * export the module, so programs that only record do not load it.
 *
 * ```ts
 * import * as Timeline from "@effect-codex/recording/Timeline"
 *
 * const write = Timeline.writeFile("run.jsonl", "run.html")
 * ```
 */
import * as Effect from "effect/Effect"
import * as Path from "node:path"
import { type Recording, RecordingError } from "./format/Recording.ts"
import { isSameFile, replaceFile } from "./timeline/file.ts"
import * as whole from "./timeline/whole.ts"

/**
 * Options of a timeline.
 *
 * @category models
 */
export interface Options {
  /** The title of the page. Default: the name of the recording's file. */
  readonly title?: string | undefined
}

const titleOf = (file: string, options: Options): string => options.title ?? Path.basename(file)

/**
 * Returns the page as a text. The page loads nothing: it contains its data, its style and its program, and its content
 * security policy forbids everything else. It shows the recorded values, which the recorder has masked.
 *
 * The program of the page is read from files of this package, so a bundler must leave the package external.
 *
 * @category constructors
 */
export const html = (recording: Recording, options: Options = {}): string =>
  whole.ofRecording(recording, titleOf(recording.file, options)).join("")

/**
 * Writes the page to a file, and creates missing directories. An existing file is replaced, unless it is the recording
 * itself, by whatever name or link.
 *
 * @category constructors
 */
export const write = (recording: Recording, file: string, options: Options = {}): Effect.Effect<void, RecordingError> =>
  writeParts(recording.file, file, () => whole.ofRecording(recording, titleOf(recording.file, options)))

/**
 * Writes the page of a recording that lies in a file, like {@link write}. It reads the recording piece by piece, so the
 * recording may be larger than the memory.
 *
 * @category constructors
 */
export const writeFile = (
  recording: string,
  file: string,
  options: Options = {}
): Effect.Effect<void, RecordingError> =>
  writeParts(recording, file, () => whole.ofFile(recording, titleOf(recording, options)))

const writeParts = (
  recording: string,
  file: string,
  make: () => ReadonlyArray<string> | Promise<ReadonlyArray<string>>
): Effect.Effect<void, RecordingError> =>
  Effect.suspend(() => {
    if (isSameFile(file, recording)) {
      return Effect.fail(
        new RecordingError({ file, detail: "the page would replace the recording; write it to another file" })
      )
    }
    return Effect.tryPromise({
      try: async () => replaceFile(file, await make()),
      catch: (cause) =>
        cause instanceof RecordingError
          ? cause
          : new RecordingError({ file, detail: "the page can't be written", cause })
    })
  })
