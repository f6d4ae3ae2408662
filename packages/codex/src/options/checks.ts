/**
 * Run-time checks of the options of threads, turns, goals and lists.
 *
 * The server checks the values of protocol fields, so they pass here. It ignores unknown names, so those fail here. The types
 * keep the tables complete.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { anything, type Check, type Checks, flag, oneOf, texts, timeout } from "../base/options.ts"
import { serverRequests } from "../model/connection/ClientOptions.ts"
import * as Limits from "../model/turns/Limits.ts"
import type { ThreadForkOptions, ThreadResumeOptions, ThreadStartOptions } from "./ThreadOptions.ts"
import type { TurnOptions, TypedTurnOptions } from "./TurnOptions.ts"

const shared = {
  /** `ApprovalMode.toParams` checks it. */
  approvalMode: anything,
  approvalPolicy: anything,
  approvalsReviewer: anything,
  cwd: anything,
  model: anything,
  permissions: anything,
  runtimeWorkspaceRoots: anything,
  /** `Sandbox.toMode` and `Sandbox.toPolicy` check it. */
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

/** Checks of the options of `threadStart`. */
export const threadStart: Checks<ThreadStartOptions> = {
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

/** Checks of the options of `threadResume`. */
export const threadResume: Checks<ThreadResumeOptions> = {
  ...thread,
  includeTurns: anything,
  history: anything,
  initialTurnsPage: anything,
  path: anything,
  personality: anything
}

/** Checks of the options of `threadFork`. */
export const threadFork: Checks<ThreadForkOptions> = {
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

/** Refuses an empty effort: the server would start the turn, and never complete it. */
const effort: Check = (value) => value === "" ? "it is empty; leave it out for the default of the model" : undefined

const buffer: Check = (value) => {
  if (value === "unbounded" || value === "coalesce") return undefined
  if (!Predicate.hasProperty(value, "sliding")) return `it is not one of "unbounded", "coalesce" and { sliding: n }`
  const { sliding } = value
  return typeof sliding === "number" && Number.isInteger(sliding) && sliding > 0
    ? undefined
    : `sliding takes a whole number of events above 0, not ${String(sliding)}`
}

/** Refuses an Effect Schema, which as JSON is another schema, or none. */
const outputSchema: Check = (value) =>
  Schema.isSchema(value) ? "it is an Effect Schema; pass it as `output`, and the answer is decoded" : undefined

/** Checks of the options of `run`, `turn` and `stream`. */
export const turn: Checks<TurnOptions> = {
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
  effort,
  environments: anything,
  multiAgentMode: anything,
  outputSchema,
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

const { outputSchema: _, ...untypedOnly } = turn

/** Checks of the options of a typed turn, which cannot join a turn that was started without its Schema. */
export const typedTurn: Checks<TypedTurnOptions<unknown>> = { ...untypedOnly, whenBusy: oneOf("wait", "fail") }

/** Options of `startGoal` and `runGoal`. */
export const goal = {
  /** The server checks it. */
  tokenBudget: anything,
  whenBusy: oneOf("wait", "fail"),
  limits: Limits.check,
  subagents: oneOf("stop", "leave"),
  startTimeout: timeout
}

/** Options of a handle's `read`, and of `threadRead`. */
export const read = { includeTurns: flag }

/** Options of `account`. */
export const account = { refreshToken: flag }

/** Filters of `models`. */
export const models: Checks<Protocol.ModelListParams> = {
  cursor: anything,
  includeHidden: anything,
  limit: anything,
  modelProvider: anything
}

/** Filters of `threadList` and `threadListPage`. */
export const threadList: Checks<Protocol.ThreadListParams> = {
  ancestorThreadId: anything,
  archived: anything,
  attachedToThreadId: anything,
  currentAccountOnly: anything,
  cursor: anything,
  cwd: anything,
  excludedThreadIds: anything,
  includeAttachedThreads: anything,
  includedThreadIds: anything,
  limit: anything,
  modelProviders: anything,
  originators: anything,
  parentThreadId: anything,
  projectId: anything,
  searchTerm: anything,
  sectionId: anything,
  sortDirection: anything,
  sortKey: anything,
  sourceKinds: anything,
  useStateDbOnly: anything
}

/** Filters of `search.threads`. */
export const threadSearch: Checks<Omit<Protocol.ThreadSearchParams, "cursor" | "searchTerm">> = {
  archived: anything,
  currentAccountOnly: anything,
  includeAttachedThreads: anything,
  limit: anything,
  sortDirection: anything,
  sortKey: anything,
  sourceKinds: anything
}

/** Options of file searches. */
export const fileSearch = { roots: texts }

/** Options of `checkpoint`. */
export const checkpoint = { files: flag, whenBusy: oneOf("wait", "fail") }

/** Options of a checkpoint's `restore`. */
export const restore = { unsaved: oneOf("fail", "save"), whenBusy: oneOf("wait", "fail") }
