/** The internal services of a client. Its Layers provide them, but their types do not mention them. */
import type { CodexClient } from "effect-codex"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Client } from "../src/wire/Client.ts"
import { Router } from "../src/wire/Router.ts"

export const internalClient = Effect.map(
  Effect.context<CodexClient.CodexClient>(),
  (context) => Context.getUnsafe(context, Client)
)

export const internalRouter = Effect.map(
  Effect.context<CodexClient.CodexClient>(),
  (context) => Context.getUnsafe(context, Router)
)
