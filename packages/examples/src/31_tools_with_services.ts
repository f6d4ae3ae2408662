/**
 * Tools in a namespace, with services, a time limit, and an image as a result.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Codex, Tools } from "effect-codex"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { fileURLToPath } from "node:url"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const picture = fileURLToPath(new URL("shared/square.png", import.meta.url))

class Customers extends Context.Service<Customers, {
  readonly find: (name: string) => Effect.Effect<ReadonlyArray<string>>
}>()("examples/Customers") {
  static readonly layer = Layer.succeed(Customers, {
    find: (name) => Effect.succeed(name === "Ada" ? ["Ada Lovelace"] : [])
  })
}

const crm = { name: "crm", description: "What we know of our customers" }

const Find = Tool.make("find_customer", {
  description: "Finds customers by part of their name",
  parameters: Schema.Struct({ name: Schema.String }),
  success: Schema.Array(Schema.String)
}).annotate(Tools.Namespace, crm).annotate(Tools.Timeout, "5 seconds")

const Portrait = Tool.make("portrait", {
  description: "Returns a picture of a customer",
  parameters: Schema.Struct({ name: Schema.String }),
  success: Schema.Uint8Array,
  // The model sees this in place of the result.
  toModelOutput: (data) => [Prompt.filePart({ mediaType: "image/png", data })]
}).annotate(Tools.Namespace, crm)

const toolkit = Toolkit.make(Find, Portrait)

// The Layer of the handlers requires the services. The program itself does not need them.
const handlers = toolkit.toLayer(Effect.gen(function*() {
  const customers = yield* Customers
  const fs = yield* FileSystem.FileSystem
  return toolkit.of({
    find_customer: ({ name }) => Effect.tap(customers.find(name), (found) => Console.log("found:", found)),
    portrait: ({ name }) => Effect.andThen(Console.log("a picture of", name), Effect.orDie(fs.readFile(picture)))
  })
})).pipe(Layer.provide([Customers.layer, NodeServices.layer]))

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart({ tools: toolkit })
  const found = yield* thread.run(`Is there a customer "Ada"?`)
  yield* Console.log(found.finalResponse)

  // The server remembers the tools of a thread. A client that forks or resumes it must provide their handlers.
  const fork = yield* codex.threadFork(thread.id, { tools: toolkit })
  const seen = yield* fork.run(`Show me the customer "Ada".`)
  yield* Console.log(seen.finalResponse)
})

program.pipe(Effect.provide([handlers, ExampleCodex.layer()]), NodeRuntime.runMain)
