/**
 * The command `doctor`: checks that Codex works on this machine, and says what to do if it does not.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import { runAll } from "../doctor/Check.ts"
import { pinned } from "../doctor/pinned.ts"
import * as report from "../doctor/report.ts"
import { Situation } from "../doctor/Situation.ts"

/** The error of a machine on which Codex does not work. */
class ChecksFailed extends Schema.TaggedError<ChecksFailed>("@effect-codex/cli/ChecksFailed")("ChecksFailed", {
  names: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `Failed: ${this.names.join(", ")}.`
  }
}

const flags = {
  live: Flag.Boolean("live").pipe(
    Flag.withDescription("Also run a turn on your account; it costs a few tokens"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print one JSON object instead of lines"),
    Flag.withDefault(false)
  ),
  codexPath: Flag.String("codex-path").pipe(
    Flag.withDescription("The binary to check, as the option codexPath of Codex.layer"),
    Flag.optional
  ),
  codexHome: Flag.String("codex-home").pipe(
    Flag.withDescription("The home to check, as the option codexHome of Codex.layer"),
    Flag.optional
  ),
  timeout: Flag.Finite("timeout").pipe(
    Flag.withDescription("The time limit of each check, in seconds"),
    Flag.filter((seconds) => seconds > 0, (seconds) => `${seconds} is no time: pass a positive number of seconds`),
    Flag.withDefault(60)
  )
}

/** Checks this machine. */
export const doctor = Command.make(
  "doctor",
  flags,
  Effect.fnUntraced(function*({ codexHome, codexPath, json, live, timeout }) {
    const print = report.printing(process.env)
    // The other commands start faster without the SDK.
    const { all, offline } = yield* Effect.promise(() => import("../doctor/checks.ts"))
    const results = (yield* runAll(
      live ? all : offline,
      Duration.seconds(timeout),
      (result) => json ? Effect.void : Console.log(report.line(print(result)))
    ).pipe(
      Effect.provideService(Situation, {
        options: { codexPath: Option.getOrUndefined(codexPath), codexHome: Option.getOrUndefined(codexHome) },
        pinned,
        nodeVersion: process.versions.node
      }),
      Effect.provideService(References.MinimumLogLevel, "None")
    )).map(print)
    if (json) yield* Console.log(report.json(results))
    const names = results.filter(report.isFailed).map(({ name }) => name)
    if (names.length > 0) return yield* new ChecksFailed({ names })
  })
).pipe(
  Command.withDescription("Check that Codex works on this machine: Node, binary, home, login, sandbox, and a turn")
)
