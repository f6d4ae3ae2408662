/**
 * The benchmark, `npm run bench`. It measures the SDK relative to the floor and to other clients, on this machine and in one run.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Cluster from "./Cluster.ts"
import * as Delivery from "./Delivery.ts"
import * as EndToEnd from "./EndToEnd.ts"
import * as Firehose from "./Firehose.ts"
import * as Imports from "./Imports.ts"
import { render } from "./Measure.ts"
import * as RoundTrip from "./RoundTrip.ts"
import * as Startup from "./Startup.ts"

const parts = {
  firehose: Firehose.run,
  sockets: Firehose.runSockets,
  delivery: Delivery.run,
  requests: RoundTrip.run,
  turns: EndToEnd.run,
  startup: Startup.run,
  cluster: Cluster.run,
  imports: Imports.run
}
const partNames = ["firehose", "sockets", "delivery", "requests", "turns", "startup", "cluster", "imports"] as const

const bench = Command.make("bench", {
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print the rows as JSON"), Flag.withDefault(false)),
  quick: Flag.Boolean("quick").pipe(
    Flag.withDescription("Use less traffic and fewer rounds: a minute or two, and noisier"),
    Flag.withDefault(false)
  ),
  only: Flag.Literals("only", partNames).pipe(Flag.withDescription("Run only one part"), Flag.optional)
}, ({ json, only, quick }) =>
  Effect.gen(function*() {
    const chosen = only._tag === "Some" ? [only.value] : partNames
    const rows = (yield* Effect.forEach(chosen, (part) => parts[part](quick))).flat()
    yield* Console.log(json ? JSON.stringify(rows, null, 2) : render(rows))
  })).pipe(Command.withDescription("Measures effect-codex relative to the floor of any reader and to other clients"))

bench.pipe(
  Command.run({ version: "0.0.0" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
