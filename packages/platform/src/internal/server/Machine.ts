/**
 * The server's machine as the layers of this package see it: its facts, and a way to start programs there.
 */
import * as CodexClient from "effect-codex/CodexClient"
import type * as CodexError from "effect-codex/CodexError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import { CodexPlatformError, invalidOption, requestFailed, unsupported } from "../model/CodexPlatformError.ts"
import { problemOf, type Sandbox } from "../model/Sandbox.ts"
import * as Facts from "./Facts.ts"
import type { Fault } from "./Fault.ts"
import { makeRunner, type Runner } from "./RemoteProcess.ts"
import * as Residents from "./Residents.ts"
import * as Shells from "./Shells.ts"
import * as Subscription from "./Subscription.ts"

/** Options that all layers share. */
export interface Options {
  readonly sandbox: Sandbox
  readonly cwd?: string | undefined
  readonly concurrency?: number | undefined
}

/** A command that may outlive the layer. */
export interface Running {
  readonly isReferenced: boolean
  /** Kills it. */
  readonly terminate: Effect.Effect<void>
}

/** A machine that runs Unix, with a shell. */
export interface Machine {
  readonly client: CodexClient.CodexClient["Service"]
  readonly sandbox: Sandbox
  readonly cwd: string
  readonly os: string | undefined
  readonly facts: Facts.Facts
  readonly runner: Runner
  readonly residents: Residents.Residents
  readonly shells: Shells.Shells
  /** Commands that end with the layer, if they have not ended before. */
  readonly running: Set<Running>
  /** The most helpers of one kind. */
  readonly concurrency: number
}

/** Fails with the first mistake in options that every layer has. */
export const validate = (
  options: unknown,
  known: ReadonlyArray<string>,
  os: string | undefined
): Effect.Effect<void, CodexPlatformError> => {
  if (!Predicate.isObject(options)) return Effect.fail(invalidOption("options", "pass an object with a sandbox"))
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    return Effect.fail(invalidOption(unknown, `it is not an option; the options are ${known.join(", ")}`))
  }
  const sandbox = problemOf(options["sandbox"])
  if (known.includes("sandbox") && sandbox !== undefined) return Effect.fail(invalidOption("sandbox", sandbox))
  const { cwd, concurrency } = options
  const isAbsolute = os === "windows" ? /^[A-Za-z]:[\\/]/ : /^\//
  if (cwd !== undefined && !(typeof cwd === "string" && isAbsolute.test(cwd) && !cwd.includes("\0"))) {
    return Effect.fail(invalidOption("cwd", "it is not an absolute path of the server's machine"))
  }
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && Number(concurrency) > 0)) {
    return Effect.fail(invalidOption("concurrency", "it is not a whole number above 0"))
  }
  return Effect.void
}

const noExperimentalApi = /experimentalApi/
const noMethod = /unknown variant|unknown method|method not found/i

/** Explains why the first process did not start. */
export const explain = (fault: Fault): CodexPlatformError => {
  switch (fault._tag) {
    case "Refused":
    case "Unsupported":
    case "HelperEnded":
      return unsupported("processes", `a shell that stays: ${fault.detail}`, fault)
    case "CodexRpcError":
      if (noExperimentalApi.test(fault.serverMessage)) {
        return unsupported("process/spawn", "the client option experimentalApi", fault)
      }
      if (noMethod.test(fault.serverMessage)) return unsupported("process/spawn", "version 0.130 or newer", fault)
      return requestFailed(fault)
    default:
      return requestFailed(fault satisfies CodexError.RequestError)
  }
}

/** Reads the facts of the machine, and gets ready to start programs there. */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Machine, CodexPlatformError, CodexClient.CodexClient | Scope.Scope> {
  const client = yield* CodexClient.CodexClient
  const os = client.metadata.platformOs
  if (os === "windows") return yield* unsupported("processes and helpers", "a server on Linux or macOS")
  const facts = yield* Facts.read(client, options.sandbox, false)
  const cwd = options.cwd ?? facts.cwd
  // It closes last: the finalizers below end the processes whose requests wait in it.
  const scope = yield* Scope.fork(yield* Effect.scope)
  const subscription = yield* Subscription.make(client)
  const runner = makeRunner(client, options.sandbox, subscription, scope)
  const residents = yield* Residents.make(runner)
  const running = new Set<Running>()
  yield* Effect.addFinalizer(() =>
    Effect.forEach(
      Array.from(running).filter(({ isReferenced }) => isReferenced),
      ({ terminate }) => Effect.ignore(Effect.timeout(terminate, "1 second")),
      { concurrency: "unbounded", discard: true }
    )
  )
  const concurrency = options.concurrency ?? 4
  // Helpers start in a directory that cannot be removed under them.
  const shells = Shells.make(residents, { cwd: "/", limit: concurrency })
  return { client, sandbox: options.sandbox, cwd, os, facts, runner, residents, shells, running, concurrency }
})
