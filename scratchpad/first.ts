// A place to try things. Only this file, package.json and tsconfig.json are kept in git.
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

Effect.runFork(Console.log("scratchpad"))
