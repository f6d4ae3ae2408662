/**
 * The requests of hosted threads, as Effect RPCs. One group serves the entities of the cluster and the gateway.
 *
 * Inputs and options travel as JSON text, because some of their types have no form in Effect's binary format, and so do events,
 * which then need no encoding by Schema.
 */
import * as Protocol from "@effect-codex/protocol/Protocol"
import { TurnResult } from "effect-codex/TurnResult"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import { HostedError } from "./errors.ts"

/**
 * A position among the events of a thread. `epoch` counts how often the thread was opened, by any runner; `seq` counts the events
 * since then, from 1.
 *
 * @category models
 */
export interface Cursor {
  readonly epoch: number
  readonly seq: number
}
/** The Schema of {@link Cursor}. */
export const Cursor: Schema.Codec<Cursor> = Schema.Struct({ epoch: Schema.Number, seq: Schema.Number })

/**
 * The Schema of events on the wire: the cursor of the first event, and the messages of all of them as one JSON array. The `seq` of each
 * further event is one higher.
 *
 * A message is a notification of the server, an event of the host, `$here` at the start of a subscription, or `$read` around a
 * notification that the host has decoded. A delta that continues the message before it is sent as the pair `[text, emittedAtMs]`.
 * `ThreadRpcs.readEvents` decodes all of them.
 */
export const WireEvents = Schema.Struct({ epoch: Schema.Number, seq: Schema.Number, json: Schema.String })

/** Events on the wire. */
export type WireEvents = typeof WireEvents.Type

/** The Schema of the answer of a run: the result, and the cursor of its last event if this runner ran it. */
export const RunAnswer = Schema.Struct({ result: TurnResult, end: Schema.NullOr(Cursor) })

/** The answer of a run. */
export type RunAnswer = typeof RunAnswer.Type

/**
 * The handling of a turn that was cut off by a failure.
 *
 * @category models
 */
export type OnCutOff = "fail" | "continue" | "rerun"
/** The Schema of {@link OnCutOff}. */
export const OnCutOff: Schema.Codec<OnCutOff> = Schema.Literals(["fail", "continue", "rerun"])

/**
 * The place and state of a thread.
 *
 * @category models
 */
export interface Location {
  /** The runner of the thread, as `host:port`. */
  readonly runner: string
  /** Codex's id of the thread; null until its first turn. */
  readonly threadId: string | null
  /** How often the thread was opened, by any runner. */
  readonly epoch: number
  /**
   * - `closed`: the runner has not opened it.
   * - `opening`: the runner opens it now.
   * - `waiting`: the runner waits for the previous owner, or for the file; `detail` says which.
   * - `idle`: it is open, and no turn runs.
   * - `running`: it runs the turn of `turnKey`.
   */
  readonly state: "closed" | "opening" | "waiting" | "idle" | "running"
  /** The key of the running turn; null if none runs. */
  readonly turnKey: string | null
  /** The number of runs that wait for their turn. */
  readonly queued: number
  /** The reason of the state `waiting`; null in the others. */
  readonly detail: string | null
}
/** The Schema of {@link Location}. */
export const Location: Schema.Codec<Location> = Schema.Struct({
  runner: Schema.String,
  threadId: Schema.NullOr(Schema.String),
  epoch: Schema.Number,
  state: Schema.Literals(["closed", "opening", "waiting", "idle", "running"]),
  turnKey: Schema.NullOr(Schema.String),
  queued: Schema.Number,
  detail: Schema.NullOr(Schema.String)
})

/** Any value, as JSON text. */
const Json = Schema.fromJsonString(Schema.Unknown)

const thread = Schema.String
const turnKey = Schema.NullOr(Schema.String)

/**
 * Runs a turn. The request is stored before it is handled; runs with the same key are one run. If its client goes away, the
 * turn keeps running; to stop it, send {@link Interrupt}.
 */
export const Run = Rpc.make("Run", {
  payload: { thread, turnKey: Schema.String, input: Json, options: Json, onCutOff: OnCutOff },
  success: RunAnswer,
  error: HostedError,
  primaryKey: ({ turnKey }) => turnKey
}).annotate(ClusterSchema.Persisted, true).annotate(ClusterSchema.Uninterruptible, "client")

/**
 * Emits the events after a cursor. Without one, it begins with the turn of a key if the host has its events, or else now. The first
 * element carries the cursor where it begins.
 */
export const Events = Rpc.make("Events", {
  payload: { thread, from: Schema.NullOr(Cursor), turnKey },
  success: WireEvents,
  error: HostedError,
  stream: true
}).annotate(ClusterSchema.InterruptOnTermination, true)

/** Sends more input to the running turn. */
export const Steer = Rpc.make("Steer", { payload: { thread, turnKey, input: Json }, error: HostedError })

/** Interrupts the running turn, or the run of a key. The request is stored, so the next runner knows of it. */
export const Interrupt = Rpc.make("Interrupt", { payload: { thread, turnKey }, error: HostedError })
  .annotate(ClusterSchema.Persisted, true)

/** Reads the thread from its server. */
export const Read = Rpc.make("Read", {
  payload: { thread, includeTurns: Schema.Boolean },
  success: Protocol.Thread,
  error: HostedError
})

/** Answers a request of the server. Returns false if no answer is needed any more. */
export const Answer = Rpc.make("Answer", {
  payload: { thread, requestId: Schema.String, answer: Json },
  success: Schema.Boolean,
  error: HostedError
})

/** Returns the place and state of the thread. */
export const Where = Rpc.make("Where", { payload: { thread }, success: Location, error: HostedError })

/** All requests of hosted threads. */
export const group = RpcGroup.make(Run, Events, Steer, Interrupt, Read, Answer, Where)

/** The union of all requests. */
export type Rpcs = RpcGroup.Rpcs<typeof group>
