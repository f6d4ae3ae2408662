/** The layers under test, over stdio and over sockets. */
import { CodexServices } from "@effect-codex/platform"
import { CodexHome, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { Codex, type CodexClient } from "effect-codex"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as server from "../../codex/test/sockets/server.ts"

/** Whether all suites run over all connections, as in `npm run test:platform`. */
export const isWhole = process.env["CODEX_PLATFORM"] === "whole"

/** The services that every suite needs. */
export type Services = FileSystem.FileSystem | Path.Path | ChildProcessSpawner

/** A connection to a server, with its home. */
export const stdio = TestCodex.layer()

/** A home without a server, and its model. */
export const home = CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer(TestCodex.echo)))

/** The kinds of sockets that a server listens on. */
export type Kind = "ws" | "unix"

/** The home of a server that listens. */
export const homeOf = Layer.effect(CodexHome.CodexHome, CodexHome.CodexHome)

/** A connection to a server that listens already, with its home. */
export const connected = (kind: Kind, options: Omit<CodexClient.WebSocketLayerOptions, "url"> = {}) =>
  Layer.unwrap(server.ListeningServer.useSync(({ address }) =>
    kind === "ws"
      ? Codex.layerWebSocket({ ...options, url: address })
      : Codex.layerUnixSocket({ ...options, path: address })
  )).pipe(Layer.merge(homeOf))

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
export const unsandboxed = <E, R = never>(
  connection: Layer.Layer<Codex.Services, E, R>,
  options: Partial<CodexServices.Options> = {}
) => CodexServices.layer({ ...options, sandbox: "none" }).pipe(Layer.provideMerge(connection))

/** The services over a connection, in a sandbox that may write in the workspace and in the temporary directory. */
export const sandboxed = <E, R = never>(
  connection: Layer.Layer<Codex.Services | CodexHome.CodexHome, E, R>,
  options: Partial<CodexServices.Options> = {}
) =>
  Layer.unwrap(
    CodexHome.CodexHome.useSync((home) => CodexServices.layer({ ...options, sandbox: workspaceWrite(home.workspace) }))
  ).pipe(Layer.provideMerge(connection))
