/**
 * A runner of measurement scripts. Each runs in its own process, so that no measurement warms up or fills the heap of another.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as PlatformError from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { fileURLToPath } from "node:url"

export class ScriptError extends Data.TaggedError("ScriptError")<{ readonly message: string }> {}

export interface Options {
  readonly flags?: ReadonlyArray<string>
  readonly env?: { readonly [name: string]: string }
}

/** Runs a script of this package with the same Node and decodes the JSON that it prints. */
export const run = <A>(
  name: string,
  args: ReadonlyArray<string>,
  options: Options = {}
): Effect.Effect<A, ScriptError | PlatformError.PlatformError, ChildProcessSpawner> =>
  ChildProcessSpawner.use((spawner) => {
    const script = path(name)
    return spawner.string(ChildProcess.make(
      process.execPath,
      [...process.execArgv, ...options.flags ?? [], script, ...args],
      { stderr: "inherit", env: options.env ?? {}, extendEnv: true }
    ))
  }).pipe(
    Effect.flatMap((output) =>
      Effect.try({
        try: () => JSON.parse(output) as A,
        catch: () =>
          new ScriptError({
            message: `${name} ${args.join(" ")} printed no result. The reason is in its output above.`
          })
      })
    )
  )

/** Returns the path of a script. */
export const path = (name: string): string => fileURLToPath(import.meta.resolve(`./scripts/${name}.ts`))
