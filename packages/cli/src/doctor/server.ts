/**
 * Checks that start an app-server. All but `live` use a temporary home, a temporary workspace and a scripted model.
 */
import * as CodexHome from "@effect-codex/testing/CodexHome"
import * as TestCodex from "@effect-codex/testing/TestCodex"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Codex from "effect-codex/Codex"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { failed, ok, warning } from "./Check.ts"
import { lastLine } from "./local.ts"
import { Situation } from "./Situation.ts"

/** A server of its own, on a scripted model that repeats the prompt. */
const scripted = Layer.unwrap(
  Situation.useSync(({ options: { codexPath } }) =>
    TestCodex.layer({ script: TestCodex.echo, client: { codexPath, stderr: "ignore" } })
  )
)

/** Checks that commands run in the sandbox, and that the sandbox holds: a command that writes must fail. */
export const sandbox = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const { workspace } = yield* CodexHome.CodexHome
  if (process.platform === "win32") {
    const { status } = yield* codex.client.request("windowsSandbox/readiness")
    return status === "ready"
      ? ok("the Windows sandbox is ready")
      : warning(`the Windows sandbox is ${status}`, "Start codex once and set up its sandbox")
  }
  const { exitCode, stderr, stdout } = yield* codex.client.request("command/exec", {
    command: ["/bin/sh", "-c", "echo runs; echo text > written"],
    cwd: workspace,
    sandboxPolicy: { type: "readOnly" }
  })
  if (Fs.existsSync(Path.join(workspace, "written"))) {
    return failed("a command could write in a read-only sandbox", "Do not run untrusted work on this machine")
  }
  if (!stdout.includes("runs")) {
    return failed(`no command runs in it (exit code ${exitCode}): ${lastLine(stderr)}`, prerequisites)
  }
  return process.platform === "linux" && !isOnPath("bwrap")
    ? ok("commands run, and may not write; codex uses its bundled bubblewrap")
    : ok("commands run, and may not write")
}).pipe(Effect.provide(scripted))

const prerequisites = process.platform === "linux"
  ? "Install bubblewrap, and allow user namespaces (sysctl user.max_user_namespaces, and "
    + "kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu). In a container, run it with the rights for them"
  : "See https://developers.openai.com/codex/concepts/sandboxing#prerequisites"

const isOnPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(Path.delimiter).some((directory) =>
    Path.isAbsolute(directory) && Fs.existsSync(Path.join(directory, program))
  )

/** Checks that a turn runs, from the prompt to the answer. */
export const turn = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  const { finalResponse } = yield* thread.run("ping")
  return finalResponse === "ping"
    ? ok("a turn on a scripted model was answered")
    : failed(`a turn on a scripted model ended with ${JSON.stringify(finalResponse)} instead of its answer`)
}).pipe(Effect.provide(scripted))

/**
 * Checks that a turn runs on the user's account. Only this check uses the user's own home and the network. Its thread is not stored,
 * works in a temporary directory and may not write.
 */
export const live = Effect.gen(function*() {
  const { workspace } = yield* CodexHome.make()
  const { options } = yield* Situation
  return yield* Effect.gen(function*() {
    const codex = yield* Codex.Codex
    if (!(yield* codex.isLoggedIn)) return failed("not logged in", "Run: npx codex login")
    const thread = yield* codex.threadStart({ ephemeral: true, sandbox: "readOnly", approvalMode: "denyAll" })
    const { finalResponse, usage } = yield* thread.run("Reply with the word ok. Do nothing else.")
    return finalResponse === null
      ? failed("a turn ended without an answer")
      : ok(`${thread.model} answered, with ${usage?.turn.totalTokens ?? "unknown"} tokens`)
  }).pipe(Effect.provide(Codex.layer({ ...options, cwd: workspace, stderr: "ignore" })))
}).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
