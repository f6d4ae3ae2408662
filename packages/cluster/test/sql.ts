/** The SQL client of a database. Apart from the server of the tests, whose package ends its process at SIGTERM. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

export const sql = (url: string) => Layer.orDie(PgClient.layer({ url: Redacted.make(url) }))
