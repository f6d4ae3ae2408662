/**
 * The names of the options of threads and turns, with a check for each.
 *
 * Fields of the protocol pass: the server checks their values. It ignores unknown names, and so they must fail here. The
 * types keep the tables complete.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Predicate from "effect/Predicate"
import { anything, type Check, type Checks, oneOf, timeout } from "../base/options.ts"
import { serverRequests } from "./ClientOptions.ts"
import * as Limits from "./Limits.ts"

const shared = {
  /** Checked where it is replaced by the fields of the protocol. */
  approvalMode: anything,
  approvalPolicy: anything,
  approvalsReviewer: anything,
  cwd: anything,
  model: anything,
  permissions: anything,
  runtimeWorkspaceRoots: anything,
  /** Checked where it is replaced by a field of the protocol. */
  sandbox: anything,
  serviceTier: anything
}

const thread = {
  ...shared,
  baseInstructions: anything,
  config: anything,
  developerInstructions: anything,
  limits: Limits.check,
  modelProvider: anything,
  serverRequests,
  tools: anything
}

/** The names of presets, which stand for fields of the protocol. */
type Presets = "approvalMode" | "sandbox"

type Names<Fields, Own extends string> = {
  readonly [K in Exclude<keyof Fields, "threadId" | "excludeTurns"> | Own]?: unknown
}

type Thread<Fields, Own extends string = never> = Names<Fields, Presets | "limits" | "serverRequests" | "tools" | Own>

/** Options of `threadStart`. */
export const threadStart: Checks<Thread<Protocol.ThreadStartParams>> = {
  ...thread,
  allowProviderModelFallback: anything,
  daybreakEnabled: anything,
  dynamicTools: anything,
  environments: anything,
  ephemeral: anything,
  experimentalRawEvents: anything,
  historyMode: anything,
  multiAgentMode: anything,
  personality: anything,
  projectId: anything,
  selectedCapabilityRoots: anything,
  serviceName: anything,
  sessionStartSource: anything,
  threadSource: anything
}

/** Options of `threadResume`. */
export const threadResume: Checks<Thread<Protocol.ThreadResumeParams, "includeTurns">> = {
  ...thread,
  includeTurns: anything,
  history: anything,
  initialTurnsPage: anything,
  path: anything,
  personality: anything
}

/** Options of `threadFork`. */
export const threadFork: Checks<Thread<Protocol.ThreadForkParams, "includeTurns">> = {
  ...thread,
  includeTurns: anything,
  attachToSource: anything,
  beforeTurnId: anything,
  deferGoalContinuation: anything,
  ephemeral: anything,
  experimentalDisablePredictionMcp: anything,
  experimentalPredictionMode: anything,
  lastTurnId: anything,
  path: anything,
  threadSource: anything
}

/** The server starts a turn with an empty effort, and the turn never completes. */
const effort: Check = (value) => value === "" ? "it is empty; leave it out for the default of the model" : undefined

const buffer: Check = (value) => {
  if (value === "unbounded" || value === "coalesce") return undefined
  if (!Predicate.hasProperty(value, "sliding")) return `it is not one of "unbounded", "coalesce" and { sliding: n }`
  const { sliding } = value
  return typeof sliding === "number" && Number.isInteger(sliding) && sliding > 0
    ? undefined
    : `sliding takes a whole number of events above 0, not ${String(sliding)}`
}

/** Options of `run`, `turn` and `stream`. */
export const turn: Checks<
  Names<
    Omit<Protocol.TurnStartParams, "input" | "toolOutput">,
    Presets | "buffer" | "limits" | "output" | "startTimeout" | "subagents" | "whenBusy"
  >
> = {
  ...shared,
  buffer,
  limits: Limits.check,
  output: anything,
  startTimeout: timeout,
  subagents: oneOf("stop", "leave"),
  whenBusy: oneOf("wait", "fail", "steer"),
  additionalContext: anything,
  clientUserMessageId: anything,
  collaborationMode: anything,
  cyberAccessProgram: anything,
  disabledPluginIds: anything,
  effort: effort,
  environments: anything,
  multiAgentMode: anything,
  outputSchema: anything,
  parentTurnId: anything,
  personality: anything,
  responsesapiClientMetadata: anything,
  responsesapiClientMetadataPatch: anything,
  rootTurnId: anything,
  sandboxPolicy: anything,
  serviceTierForTurn: anything,
  summary: anything,
  turnTrigger: anything
}
