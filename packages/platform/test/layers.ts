/** The layers under test, each over stdio. A socket is one more function of this kind. */
import { CodexServices } from "@effect-codex/platform"
import { CodexHome, TestCodex } from "@effect-codex/testing"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"

/** The services that every suite needs. */
export type Services = FileSystem.FileSystem | Path.Path | ChildProcessSpawner

/** A connection to a server, with its home. */
export const stdio = TestCodex.layer()

/** A sandbox that may write in the home's workspace and in the temporary directory. */
export const workspaceWrite = (root: string) =>
  ({
    type: "workspaceWrite",
    writableRoots: [root],
    networkAccess: false,
    excludeSlashTmp: false,
    excludeTmpdirEnvVar: false
  }) as const

/** A sandbox that may write nowhere. */
export const readOnly = { type: "readOnly", networkAccess: false } as const

/** The services over a connection, without a sandbox. */
export const unsandboxed = <E>(
  connection: Layer.Layer<TestCodex.Services, E>,
  options: Partial<CodexServices.Options> = {}
) => CodexServices.layer({ ...options, sandbox: "none" }).pipe(Layer.provideMerge(connection))

/** The services over a connection, in a sandbox that may write in the workspace and in the temporary directory. */
export const sandboxed = <E>(
  connection: Layer.Layer<TestCodex.Services, E>,
  options: Partial<CodexServices.Options> = {}
) =>
  Layer.unwrap(
    CodexHome.CodexHome.useSync((home) => CodexServices.layer({ ...options, sandbox: workspaceWrite(home.workspace) }))
  ).pipe(Layer.provideMerge(connection))
