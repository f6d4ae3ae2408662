/**
 * `npm run test:cuts [-- VERSION...]`: 200 cuts over 40 turns, twice on each socket of each version of the server.
 *
 * Options: `--turns`, `--cuts`, `--every` (the mean time between cuts, in milliseconds) and `--rounds`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import { install } from "../versions/binaries.ts"
import { run } from "./cuts.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    turns: { type: "string", default: "40" },
    cuts: { type: "string", default: "200" },
    every: { type: "string", default: "60" },
    rounds: { type: "string", default: "2" }
  }
})
/** Those before 0.169 name items in a history differently, and their histories may lack the latest ones for a moment. */
const versions = positionals.length > 0 ? positionals : ["0.150.0", "0.160.0", "0.169.0", "0.171.0"]

Effect.gen(function*() {
  let failures = 0
  for (const version of versions) {
    const codexPath = install(version)
    const minor = Number(version.split(".")[1])
    for (const how of ["ws", "unix"] as const) {
      for (let round = 0; round < Number(values.rounds); round++) {
        const { problems, ...report } = yield* run({
          how,
          codexPath,
          inOrder: minor >= 169,
          isWhole: minor >= 151,
          turns: Number(values.turns),
          cuts: Number(values.cuts),
          everyMillis: Number(values.every)
        })
        failures += problems.length
        yield* Console.log(version, how, JSON.stringify(report), problems.join("\n"))
      }
    }
  }
  if (failures > 0) return yield* Effect.fail(`${failures} problems`)
}).pipe(NodeRuntime.runMain)
