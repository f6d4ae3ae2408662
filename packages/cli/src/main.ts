#!/usr/bin/env node
/**
 * The command line of this package: `npx effect-codex`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { timeline } from "./Timeline.ts"
import { version } from "./version.ts"

const main = Command.make("effect-codex").pipe(
  Command.withDescription("Tools for programs that drive Codex with effect-codex"),
  Command.withSubcommands([timeline])
)

Command.run(main, { version }).pipe(
  Effect.tapErrorTag("RecordingError", (error) => Console.error(error.message)),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
