/** The same random operations on our file system and on Node's, one by one, with the same results and the same files. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer, type Vitest } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as server from "../../codex/test/sockets/server.ts"
import { nextOperation, random, snapshot } from "./differential.ts"
import * as layers from "./layers.ts"

/** Node's file system beside ours. */
class Control extends Context.Service<Control, FileSystem.FileSystem>()("test/Control") {
  static readonly layer = Layer.effect(Control, FileSystem.FileSystem).pipe(Layer.provide(NodeServices.layer))
}

const on = (fs: FileSystem.FileSystem) => Effect.provideService(FileSystem.FileSystem, fs)

const seeds = [1, 2, 3, 4]
const operations = 200

const operationsAgree = (it: Vitest.MethodsNonLive<FileSystem.FileSystem | Control>): void => {
  for (const seed of seeds) {
    it.effect(`${operations} operations from seed ${seed}`, () =>
      Effect.gen(function*() {
        const ours = yield* FileSystem.FileSystem
        const nodes = yield* Control
        const [left, right] = [yield* nodes.makeTempDirectoryScoped(), yield* nodes.makeTempDirectoryScoped()]
        const numbers = random(seed)
        const differences: Array<string> = []
        for (let index = 0; index < operations; index++) {
          const operation = nextOperation(numbers)
          const node = yield* operation.run(left).pipe(on(nodes))
          const our = yield* operation.run(right).pipe(on(ours))
          const [leftFiles, rightFiles] = [
            yield* snapshot(left).pipe(on(nodes)),
            yield* snapshot(right).pipe(on(nodes))
          ]
          if (node !== our) differences.push(`${index} ${operation.shown}: node ${node}, ours ${our}`)
          if (leftFiles !== rightFiles) {
            differences.push(`${index} ${operation.shown}\n--- node\n${leftFiles}\n--- ours\n${rightFiles}`)
            break
          }
        }
        assert.deepStrictEqual(differences, [])
      }))
  }
}

const options = { timeout: 60_000, excludeTestServices: true }

layer(Layer.provideMerge(layers.unsandboxed(layers.stdio), Control.layer), options)("differential", operationsAgree)

// `npm run test:platform`
for (const kind of layers.isWhole ? (["ws", "unix"] as const) : []) {
  const services = layers.unsandboxed(layers.connected(kind)).pipe(Layer.provide(server.layer(kind)))
  layer(Layer.provideMerge(services, Control.layer), options)(`differential over ${kind}`, operationsAgree)
}
