/** The spawner over stdio: without a sandbox, and in one; Node's own is the control. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as layers from "./layers.ts"
import { spawnerSuite } from "./suites/spawner.ts"

spawnerSuite("NodeServices, the control", NodeServices.layer, { signals: true, sharedProcesses: true })
spawnerSuite("stdio", layers.unsandboxed(layers.stdio), { signals: true, sharedProcesses: true })
spawnerSuite("stdio, in a sandbox", layers.sandboxed(layers.stdio), { signals: false, sharedProcesses: false })
