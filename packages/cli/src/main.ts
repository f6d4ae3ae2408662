#!/usr/bin/env node
/**
 * The command line of effect-codex: `npx @effect-codex/cli`. Each command is a module of `commands/`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { doctor } from "./commands/doctor.ts"
import { timeline } from "./commands/timeline.ts"
import { version } from "./version.ts"

const main = Command.make("effect-codex").pipe(
  Command.withDescription("Tools for programs that drive Codex with effect-codex"),
  Command.withSubcommands([doctor, timeline])
)

/** Prints an error as its message. The command line itself has printed errors of usage, with the help. */
const print = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const error = Cause.squash(cause)
  if (CliError.isCliError(error)) return Effect.void
  return Console.error(Cause.hasDies(cause) || !(error instanceof Error) ? Cause.pretty(cause) : error.message)
}

Command.run(main, { version }).pipe(
  Effect.tapCause(print),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
