/** A machine for a fleet: a database, a home, and a scripted model. */
import { CodexHome, ScriptedModel, TestCodex } from "@effect-codex/testing"
import * as Layer from "effect/Layer"
import * as Postgres from "./postgres.ts"

/** Its model answers with the text of the user, unless it has another script. */
export const machine = (script: ScriptedModel.Script = TestCodex.echo) =>
  Layer.merge(Postgres.layer, CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer(script))))
