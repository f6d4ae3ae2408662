/**
 * The command `timeline FILE`: writes the timeline of a recording as a page, and opens it.
 */
import * as Recording from "@effect-codex/recording/Recording"
import * as Timeline from "@effect-codex/recording/Timeline"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "node:path"
import { openFile } from "./openFile.ts"

const file = Argument.String("file").pipe(
  Argument.withDescription("A recording, as `Recorder` of @effect-codex/recording writes it")
)

const out = Flag.String("out").pipe(
  Flag.withAlias("o"),
  Flag.withDescription("The file to write the page to; by default beside the recording"),
  Flag.optional
)

const open = Flag.Boolean("open").pipe(
  Flag.withDescription("Open the page in the browser; --no-open only writes it"),
  Flag.withDefault(true)
)

/** Draws a recording. */
export const timeline = Command.make(
  "timeline",
  { file, out, open },
  Effect.fnUntraced(function*({ file, open, out }) {
    const recording = yield* Recording.read(file)
    const { dir, name } = Path.parse(file)
    const page = Path.resolve(Option.getOrElse(out, () => Path.join(dir, `${name}.html`)))
    yield* Timeline.write(recording, page)
    const opened = open && (yield* openFile(page))
    yield* Console.log(open && !opened ? `${page}\nNo program to open the page was found; open it in a browser.` : page)
  })
).pipe(
  Command.withDescription("Draw a recording as one HTML page: its threads, turns and messages over time")
)
