// A program for experiments: see README.md.
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

Effect.runFork(Console.log("scratchpad"))
