/**
 * Commands that the server runs in its sandbox, with their output as it is printed.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const { client } = yield* Codex.Codex

  const { exitCode, stdout } = yield* client.request("command/exec", { command: ["echo", "hello"] })
  yield* Console.log("echo exited with", exitCode, JSON.stringify(stdout))

  /** Streams the output of a process. The client chooses the process id. */
  const outputOf = (processId: string) =>
    client.notifications.pipe(
      Stream.filter((event) => event.method === "command/exec/outputDelta"),
      Stream.filter(({ params }) => params.processId === processId),
      Stream.map(({ params }) => `${params.stream} ${Buffer.from(params.deltaBase64, "base64").toString().trim()}`)
    )

  yield* outputOf("counting").pipe(
    Stream.runForEach((text) => Console.log(text)),
    Effect.forkChild({ startImmediately: true })
  )
  const counting = yield* client.request("command/exec", {
    command: ["sh", "-c", "for i in one two three; do echo $i; sleep 0.1; done; exit 4"],
    processId: "counting",
    streamStdoutStderr: true
  })
  yield* Console.log("sh exited with", counting.exitCode)

  // Terminates a command that does not end by itself, at its first output.
  yield* outputOf("sleeping").pipe(
    Stream.runForEach(() => client.request("command/exec/terminate", { processId: "sleeping" })),
    Effect.forkChild({ startImmediately: true })
  )
  const sleeping = yield* client.request("command/exec", {
    command: ["sh", "-c", "echo I sleep; exec sleep 60"],
    processId: "sleeping",
    streamStdoutStderr: true
  })
  yield* Console.log("sleep ended with", sleeping.exitCode)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
