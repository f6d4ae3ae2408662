/**
 * Effect's FileSystem, Path and ChildProcessSpawner on the machine of a Codex app-server.
 */
export * as CodexChildProcessSpawner from "./CodexChildProcessSpawner.ts"
export * as CodexFileSystem from "./CodexFileSystem.ts"
export * as CodexPath from "./CodexPath.ts"
export * as CodexPlatformError from "./CodexPlatformError.ts"
export * as CodexSandbox from "./CodexSandbox.ts"
export * as CodexServices from "./CodexServices.ts"
