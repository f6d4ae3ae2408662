/**
 * `@effect-codex/testing` for `npm run test:sockets`, which runs the tests of `test/real` over a socket: `TestCodex.layer` starts
 * a server that listens, and connects to it. The environment variable CODEX_TRANSPORT chooses the socket: `ws` or `unix`.
 */
export * as CodexHome from "@effect-codex/testing/CodexHome"
export * as FakeAppServer from "@effect-codex/testing/FakeAppServer"
export * as Fixture from "@effect-codex/testing/Fixture"
export * as Gate from "@effect-codex/testing/Gate"
export * as Item from "@effect-codex/testing/Item"
export * as ModelRequest from "@effect-codex/testing/ModelRequest"
export * as Reply from "@effect-codex/testing/Reply"
export * as ScriptedModel from "@effect-codex/testing/ScriptedModel"
export * as Step from "@effect-codex/testing/Step"
export * as TestCodex from "./SocketTestCodex.ts"
