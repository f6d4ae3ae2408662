/**
 * The entity of hosted threads: its id is the name of the thread.
 */
import * as Entity from "effect/cluster/Entity"
import { group } from "./rpcs.ts"

/** The entity type of hosted threads. */
export const ThreadEntity = /*#__PURE__*/ Entity.fromRpcGroup("CodexThread", group)
