/**
 * `effect-codex timeline FILE`: writes the timeline of a recording as a page, and opens it.
 */
import * as Recording from "@effect-codex/recording/Recording"
import * as Timeline from "@effect-codex/recording/Timeline"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { spawn } from "node:child_process"
import * as Path from "node:path"

const file = Argument.String("file").pipe(
  Argument.withDescription("A recording, as `Recorder` of @effect-codex/testing writes it")
)

const out = Flag.String("out").pipe(
  Flag.withAlias("o"),
  Flag.withDescription("Where to write the page; by default beside the recording"),
  Flag.optional
)

const open = Flag.Boolean("open").pipe(
  Flag.withDescription("Open the page in the browser; --no-open does not"),
  Flag.withDefault(true)
)

/** The program that opens a file with what the user has chosen for it. */
const opener: readonly [program: string, ...args: ReadonlyArray<string>] = process.platform === "darwin"
  ? ["open"]
  : process.platform === "win32"
  ? ["cmd", "/c", "start", "\"\""]
  : ["xdg-open"]

/** Hands a file to the browser; false if there is nothing to hand it to. */
const openFile = (file: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const [program, ...args] = opener
    const child = spawn(program, [...args, file], { detached: true, stdio: "ignore", windowsHide: true })
    child.once("error", () => resume(Effect.succeed(false)))
    child.once("spawn", () => {
      child.unref()
      resume(Effect.succeed(true))
    })
  })

/** The command. */
export const timeline = Command.make(
  "timeline",
  { file, out, open },
  Effect.fnUntraced(function*({ file, open, out }) {
    const recording = yield* Recording.read(file)
    const { dir, name } = Path.parse(file)
    const page = Path.resolve(Option.getOrElse(out, () => Path.join(dir, `${name}.html`)))
    yield* Timeline.write(recording, page)
    const opened = open && (yield* openFile(page))
    yield* Console.log(open && !opened ? `${page}\nNo browser was found: open the page in one.` : page)
  })
).pipe(
  Command.withDescription("Draw a recording: one HTML page with all threads, turns and messages over time")
)
