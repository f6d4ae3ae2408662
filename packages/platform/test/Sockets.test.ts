/**
 * The suites over the sockets of a running server. `npm run test:platform` runs all of them over both kinds of sockets; otherwise
 * one kind shows the files.
 */
import { layer } from "@effect/vitest"
import * as server from "../../codex/test/sockets/server.ts"
import * as layers from "./layers.ts"
import { fileSystemTests } from "./suites/fileSystem.ts"
import { spawnerTests } from "./suites/spawner.ts"

const options = { timeout: 60_000 }
const { isWhole } = layers

for (const kind of isWhole ? (["ws", "unix"] as const) : (["unix"] as const)) {
  layer(server.layer(kind), { excludeTestServices: true })(`over ${kind}`, (it) => {
    const on = layers.connected(kind)
    it.layer(layers.unsandboxed(on), options)("files", fileSystemTests({ descriptors: true }))
    if (!isWhole) return
    it.layer(layers.sandboxed(on), options)("files in a sandbox", fileSystemTests({ descriptors: true }))
    it.layer(layers.unsandboxed(on, { helpers: "sh" }), options)(
      "files by a shell",
      fileSystemTests({ descriptors: false })
    )
    it.layer(layers.unsandboxed(on), options)("processes", spawnerTests({ signals: true, sharedProcesses: true }))
    it.layer(layers.sandboxed(on), options)(
      "processes in a sandbox",
      spawnerTests({ signals: false, sharedProcesses: false })
    )
  })
}
