/**
 * A fleet on one machine: PostgreSQL, three runners in processes of their own, a gateway, and a page that shows which runner hosts
 * which thread. Kill a runner on the page: its threads move to the others and continue. `npm run fleet` starts it.
 *
 * A scripted model answers, so it needs no account. The files of the example are in `fleet/`; `fleet/runner.ts` is what a runner of
 * your own looks like, `fleet/gateway.ts` the server between the threads and the browser, `fleet/page/threads.ts` the client.
 */
import { CodexHome, ScriptedModel } from "@effect-codex/testing"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import * as Gateway from "./fleet/gateway.ts"
import * as Machine from "./fleet/machine.ts"
import * as Runners from "./fleet/runners.ts"
import { script } from "./fleet/script.ts"
import { bundle } from "./shared/bundle.ts"

const home = CodexHome.layer().pipe(Layer.provide(ScriptedModel.layer({ respond: script })))

const fleet = Effect.gen(function*() {
  const port = yield* Config.withDefault(Config.Int("PORT"), 3000)
  const token = randomBytes(32).toString("hex")
  yield* Console.log("[offline: a scripted model answers]\n\nThe database, three runners and the page start ...")
  const [files, database] = yield* Effect.all([
    Effect.promise(() => bundle(join(import.meta.dirname, "fleet/page"))),
    Machine.start("database.ts")
  ], { concurrency: "unbounded" })
  const runners = yield* Runners.make(database.said, 3)
  const origin = yield* Gateway.listen({ port, token, files, database: database.said, runners })
  // Browsers do not send what follows the `#`, so the token stands in no log.
  yield* Console.log(`Open ${origin}/#${token}\nCtrl-C ends everything.`)
  return yield* Effect.never
})

fleet.pipe(
  Effect.scoped,
  Effect.provide([home, Logger.layer([Logger.withConsoleError(Logger.formatSimple)])]),
  NodeRuntime.runMain
)
