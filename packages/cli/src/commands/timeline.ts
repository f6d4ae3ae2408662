/**
 * The command `timeline FILE`: writes the timeline of a recording as a page, or serves it while the recording grows, and opens
 * it.
 */
import * as Timeline from "@effect-codex/recording/Timeline"
import * as TimelineServer from "@effect-codex/recording/TimelineServer"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
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

const follow = Flag.Boolean("follow").pipe(
  Flag.withAlias("f"),
  Flag.withDescription("Serve the page on this machine, and draw while the recording grows, until Ctrl-C"),
  Flag.withDefault(false)
)

const port = Flag.Int("port").pipe(
  Flag.withDescription("With --follow: the port to listen on; by default any free one"),
  Flag.optional
)

const open = Flag.Boolean("open").pipe(
  Flag.withDescription("Open the page in the browser; --no-open only prints where it is"),
  Flag.withDefault(true)
)

/** Prints where the page is, and opens it on request. */
const show = Effect.fnUntraced(function*(page: string, open: boolean) {
  const opened = open && (yield* openFile(page))
  yield* Console.log(open && !opened ? `${page}\nNo program to open the page was found; open it in a browser.` : page)
})

const serve = Effect.fnUntraced(function*(file: string, port: Option.Option<number>, open: boolean) {
  const { notices, url } = yield* TimelineServer.make(file, { port: Option.getOrUndefined(port) })
  yield* show(url, open)
  yield* Stream.runForEach(notices, Console.error)
}, Effect.scoped)

/** Draws a recording. */
export const timeline = Command.make(
  "timeline",
  { file, out, follow, port, open },
  Effect.fnUntraced(function*({ file, follow, open, out, port }) {
    if (follow) {
      if (Option.isNone(out)) return yield* serve(file, port, open)
      return yield* new CliError.UserError({
        cause: "--out writes a page that does not grow; leave it out with --follow"
      })
    }
    const { dir, name } = Path.parse(file)
    const page = Path.resolve(Option.getOrElse(out, () => Path.join(dir, `${name}.html`)))
    yield* Timeline.writeFile(file, page)
    yield* show(page, open)
  })
).pipe(
  Command.withDescription("Draw a recording as one HTML page: its threads, turns and messages over time")
)
