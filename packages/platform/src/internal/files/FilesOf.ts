/**
 * The choice of a helper for the file operations of a machine.
 */
import type * as CodexClient from "effect-codex/CodexClient"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Scope from "effect/Scope"
import { CodexPlatformError, invalidOption } from "../model/CodexPlatformError.ts"
import type { Sandbox } from "../model/Sandbox.ts"
import * as Facts from "../server/Facts.ts"
import type { Fault } from "../server/Fault.ts"
import { explain, type Machine } from "../server/Machine.ts"
import * as Subscription from "../server/Subscription.ts"
import type { Files } from "./Files.ts"
import { make as makeFileSystem } from "./FileSystem.ts"
import * as PerlFiles from "./PerlFiles.ts"
import * as PerlHelpers from "./PerlHelpers.ts"
import * as ServerFiles from "./ServerFiles.ts"
import * as ShellFiles from "./ShellFiles.ts"
import * as Watch from "./Watch.ts"

/** Which helper does the file operations. */
export type Helpers = "auto" | "perl" | "sh" | "none"

const helperMissing = (names: ReadonlyArray<string>, cause?: unknown) =>
  new CodexPlatformError({ reason: { _tag: "HelperMissing", names }, cause })

const isHelperFault = (fault: Fault): boolean => fault._tag === "HelperEnded" || fault._tag === "Refused"

/** Makes file operations by the helper that was asked for; by `"auto"`, by perl if it works there. */
const choose = Effect.fnUntraced(function*(
  machine: Machine,
  helpers: Exclude<Helpers, "none">
): Effect.fn.Return<Files, CodexPlatformError, Scope.Scope> {
  const { concurrency, facts, residents, shells } = machine
  if (helpers !== "sh" && facts.perl !== undefined) {
    const perls = yield* PerlHelpers.make(residents, { perl: facts.perl, cwd: "/", limit: concurrency })
    const files = PerlFiles.make(perls)
    // The first call shows whether it runs.
    const works = yield* files.access("/", 0).pipe(
      Effect.as(true),
      Effect.catch((fault) => isHelperFault(fault) ? Effect.succeed(false) : Effect.fail(explain(fault)))
    )
    if (works) return files
  }
  if (helpers === "perl") return yield* helperMissing(["perl"])
  const { missing } = yield* Facts.read(machine.client, machine.sandbox, true)
  if (missing.length > 0) return yield* helperMissing(helpers === "auto" ? ["perl", ...missing] : missing)
  yield* Effect.mapError(shells.run("true"), explain)
  return ShellFiles.make(shells)
})

/** Makes the file system of a machine with helpers. */
export const make = Effect.fnUntraced(function*(machine: Machine, helpers: Exclude<Helpers, "none">) {
  const files = yield* choose(machine, helpers)
  const watcher = machine.sandbox === "none"
    ? Watch.native(machine.client, machine.runner.subscription, files)
    : Watch.polling(files)
  const { cwd, facts: { temporary }, os } = machine
  return makeFileSystem({ files, watcher, cwd, temporary, os })
})

/** Makes the file system of a machine without helpers. */
export const makeWithoutHelpers = Effect.fnUntraced(function*(
  client: CodexClient.CodexClient["Service"],
  options: { readonly sandbox: Sandbox; readonly cwd?: string | undefined }
): Effect.fn.Return<FileSystem.FileSystem, CodexPlatformError, Scope.Scope> {
  if (options.sandbox !== "none") {
    return yield* invalidOption("helpers", "without helpers, files go through fs/*, which knows no sandbox")
  }
  const os = client.metadata.platformOs
  if (options.cwd === undefined && os === "windows") {
    return yield* invalidOption("cwd", "it is missing, and a Windows server does not tell its own")
  }
  const cwd = options.cwd ?? (yield* Facts.read(client, "none", false)).cwd
  const files = ServerFiles.make(client, os === "windows" ? "\\" : "/")
  const watcher = Watch.native(client, yield* Subscription.make(client), files)
  return makeFileSystem({ files, watcher, cwd, temporary: cwd, os })
})
