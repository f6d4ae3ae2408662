/** The file system over stdio: without a sandbox, in one, and with the shell helper; Node's own is the control. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as layers from "./layers.ts"
import { fileSystemSuite } from "./suites/fileSystem.ts"

fileSystemSuite("NodeServices, the control", NodeServices.layer, { descriptors: true })
fileSystemSuite("perl", layers.unsandboxed(layers.stdio), { descriptors: true })
fileSystemSuite("perl in a sandbox", layers.sandboxed(layers.stdio), { descriptors: true })
fileSystemSuite("shell", layers.unsandboxed(layers.stdio, { helpers: "sh" }), { descriptors: false })
fileSystemSuite("shell in a sandbox", layers.sandboxed(layers.stdio, { helpers: "sh" }), {
  descriptors: false
})
