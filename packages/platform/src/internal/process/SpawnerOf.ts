/**
 * The spawner of a machine, with its options.
 */
import * as Effect from "effect/Effect"
import type * as Spawner from "effect/process/ChildProcessSpawner"
import { type CodexPlatformError, invalidOption } from "../model/CodexPlatformError.ts"
import { explain, type Machine } from "../server/Machine.ts"
import { make } from "./Spawner.ts"

/** The options that only a spawner has. */
export interface SpawnerOptions {
  readonly highWater?: number | undefined
  readonly maxUnread?: number | undefined
}

/** The names of the options that only a spawner has. */
export const spawnerOptions = ["highWater", "maxUnread"] as const

/** Makes the spawner of a machine. */
export const makeSpawner = Effect.fnUntraced(function*(
  machine: Machine,
  options: SpawnerOptions
): Effect.fn.Return<Spawner.ChildProcessSpawner["Service"], CodexPlatformError> {
  for (const name of spawnerOptions) {
    const value = options[name]
    if (value !== undefined && !(typeof value === "number" && value > 0)) {
      return yield* invalidOption(name, "it is not a number of bytes above 0")
    }
  }
  // Shows at once whether the server runs processes for this client.
  if (machine.sandbox === "none") yield* Effect.mapError(machine.shells.run("true"), explain)
  return make(machine, {
    highWater: options.highWater ?? 4 * 1024 * 1024,
    maxUnread: options.maxUnread ?? 64 * 1024 * 1024
  })
})
