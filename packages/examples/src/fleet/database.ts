/**
 * The machine of the database. Your own fleet has a PostgreSQL already. It is a process of its own also because the package that
 * contains the server ends its process at Ctrl-C, before anybody else is done.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Postgres from "../../../cluster/test/postgres.ts"
import * as Machine from "./machine.ts"

Machine.run(Effect.gen(function*() {
  const context = yield* Layer.build(Postgres.layer)
  yield* Machine.ready(Context.get(context, Postgres.Postgres).url)
  return yield* Effect.never
}))
