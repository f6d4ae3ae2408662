/**
 * File operations through the server. `codex.client.request` calls any method of the protocol, with types.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const { client } = yield* Codex.Codex
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped()

  // File contents are base64, in both directions.
  const path = `${directory}/notes/hello.txt`
  yield* client.request("fs/createDirectory", { path: `${directory}/notes`, recursive: true })
  yield* client.request("fs/writeFile", { path, dataBase64: Buffer.from("Hello.").toString("base64") })
  yield* client.request("fs/copy", { sourcePath: path, destinationPath: `${directory}/notes/copy.txt` })

  const { entries } = yield* client.request("fs/readDirectory", { path: `${directory}/notes` })
  yield* Console.log("entries ", entries.map(({ fileName }) => fileName).sort())

  const { dataBase64 } = yield* client.request("fs/readFile", { path: `${directory}/notes/copy.txt` })
  yield* Console.log("content ", Buffer.from(dataBase64, "base64").toString())

  const { isFile, modifiedAtMs } = yield* client.request("fs/getMetadata", { path })
  yield* Console.log("metadata", { isFile, modified: modifiedAtMs > 0 })

  yield* client.request("fs/remove", { path, force: false, recursive: false })
  const gone = yield* Effect.flip(client.request("fs/readFile", { path }))
  yield* Console.log("removed ", gone.message)
}).pipe(Effect.scoped)

program.pipe(Effect.provide([ExampleCodex.layer(), NodeServices.layer]), NodeRuntime.runMain)
