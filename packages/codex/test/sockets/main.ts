/** `npm run test:cuts`: the long form, 200 cuts over 40 turns. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { respond, run } from "./cuts.ts"
import * as server from "./server.ts"

const [turns = 40, cuts = 200, everyMillis = 60] = process.argv.slice(2).map(Number)

run({ turns, cuts, everyMillis }).pipe(
  Effect.tap(({ problems, ...report }) => Console.log(JSON.stringify(report), problems.join("\n"))),
  Effect.flatMap(({ problems }) => problems.length === 0 ? Effect.void : Effect.fail(`${problems.length} problems`)),
  Effect.provide(server.layer("ws", { script: { respond } })),
  NodeRuntime.runMain
)
