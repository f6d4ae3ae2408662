/**
 * The situation that the doctor examines: the options of the command line, and the environment of this process.
 */
import * as ProcessOptions from "effect-codex/ProcessOptions"
import * as Context from "effect/Context"

/** The service. */
export interface Service {
  /** The options that name the binary and the home, as a program would pass them to `Codex.layer`. */
  readonly options: Pick<ProcessOptions.ProcessOptions, "codexPath" | "codexHome">
  /** The version of codex that the SDK is tested with. */
  readonly pinned: string
  /** The version of the Node that runs this. */
  readonly nodeVersion: string
}

/** The service tag. */
export class Situation extends Context.Service<Situation, Service>()("@effect-codex/cli/Situation") {}

/** The command that starts the app-server: its program, and its environment. */
export const command = Situation.use(({ options }) => ProcessOptions.command(options))
