/**
 * The checks of the doctor, in their order.
 */
import type { Check } from "./Check.ts"
import * as local from "./local.ts"
import * as server from "./server.ts"

/** The checks that every run makes. */
export const offline = [
  { name: "node", needs: [], run: local.node },
  { name: "binary", needs: [], run: local.binary },
  { name: "home", needs: ["binary"], run: local.home },
  { name: "login", needs: ["binary", "home"], run: local.login },
  { name: "sandbox", needs: ["binary"], run: server.sandbox },
  { name: "turn", needs: ["binary"], run: server.turn }
] satisfies ReadonlyArray<Check<unknown>>

/** All checks, with a turn on the account of the user. */
export const all = [...offline, { name: "live", needs: ["binary", "home"], run: server.live }]
