/** The settings that all members of the cluster share. */
import type * as CodexRunner from "@effect-codex/cluster/CodexRunner"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Redacted from "effect/Redacted"

/** Three seconds, so that one needs little patience to see threads move. The default is eight. */
export const options: CodexRunner.ClusterOptions = { failover: "3 seconds" }

/** The database of the cluster. */
export const database = (url: string) => PgClient.layer({ url: Redacted.make(url) })
