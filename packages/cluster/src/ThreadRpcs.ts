/**
 * The requests of hosted threads on the wire. They load no Node module, so a browser can use them.
 *
 * Programs use `HostedThreads`, which is typed like the SDK. This module is for those that speak the protocol themselves: a client
 * with its own transport, or a gateway with its own server.
 */
export {
  Answer,
  Cursor,
  Events,
  group,
  Interrupt,
  Location,
  OnCutOff,
  Read,
  type Rpcs,
  Run,
  RunAnswer,
  Steer,
  Where,
  WireEvents
} from "./internal/model/rpcs.ts"
