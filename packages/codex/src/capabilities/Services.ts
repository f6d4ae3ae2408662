/**
 * The services that capabilities use.
 */
import type { Client } from "../wire/Client.ts"
import type { Router } from "../wire/Router.ts"

/** The connection of one client. */
export interface Services {
  /** Sends requests, and starts turns. */
  readonly client: Client["Service"]
  /** Knows the threads, and receives what the server sends. */
  readonly router: Router["Service"]
}
