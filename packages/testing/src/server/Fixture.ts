/**
 * Values of the protocol for tests; the public module `Fixture` describes them.
 */
import type * as Methods from "@effect-codex/protocol/Methods"
import type * as Protocol from "@effect-codex/protocol/Protocol"

/** The moment at which everything here happens: Unix time in seconds. */
export const time = 1_800_000_000

/** The version of the server that all this is like: the one that the protocol was generated from. */
export const version = "0.171.0"

/** A notification as the server sends it: its method, and the parameters that belong to it. */
export type Notification = Methods.ServerNotification

/** A message as one line of the wire, line break included. */
export const line = (message: object): string => `${JSON.stringify(message)}\n`

/** A thread that is idle and has no turns. */
export const thread = (fields: Partial<Protocol.Thread> & { readonly id: string }): Protocol.Thread => ({
  sessionId: fields.id,
  forkedFromId: null,
  preview: "",
  ephemeral: false,
  projectId: null,
  modelProvider: "fake",
  createdAt: time,
  updatedAt: time,
  status: { type: "idle" },
  path: null,
  cwd: "/workspace",
  cliVersion: version,
  source: "appServer",
  gitInfo: null,
  name: null,
  turns: [],
  ...fields
})

/** What `thread/start`, `thread/resume` and `thread/fork` answer. */
export const openedThread = (
  thread: Protocol.Thread,
  fields: Partial<Protocol.ThreadStartResponse> = {}
): Protocol.ThreadStartResponse => ({
  thread,
  model: "fake-model",
  modelProvider: thread.modelProvider,
  serviceTier: null,
  cwd: thread.cwd,
  approvalPolicy: "never",
  approvalsReviewer: "user",
  sandbox: { type: "readOnly", networkAccess: false },
  reasoningEffort: null,
  ...fields
})

/** A turn; it is in progress, unless `status` says otherwise. */
export const turn = (fields: Partial<Protocol.Turn> & { readonly id: string }): Protocol.Turn => ({
  items: [],
  itemsView: "notLoaded",
  status: "inProgress",
  error: null,
  startedAt: null,
  completedAt: null,
  durationMs: null,
  ...fields
})

/** A message of the agent. */
export const agentMessage = (
  text: string,
  fields: Partial<Protocol.AgentMessageThreadItem> = {}
): Protocol.AgentMessageThreadItem => ({
  type: "agentMessage",
  id: "message-1",
  text,
  phase: null,
  memoryCitation: null,
  ...fields
})

/** Tokens of one turn, or of a whole thread. */
export const tokens = (fields: Partial<Protocol.TokenUsageBreakdown> = {}): Protocol.TokenUsageBreakdown => ({
  totalTokens: 15,
  inputTokens: 10,
  cachedInputTokens: 0,
  cacheWriteInputTokens: 0,
  outputTokens: 5,
  reasoningOutputTokens: 0,
  ...fields
})

/** `turn/started`. */
export const turnStarted = (threadId: string, turnId: string): Notification => ({
  method: "turn/started",
  params: { threadId, turn: turn({ id: turnId, startedAt: time }) }
})

/** `item/started`. */
export const itemStarted = (threadId: string, turnId: string, item: Protocol.ThreadItem): Notification => ({
  method: "item/started",
  params: { threadId, turnId, item, startedAtMs: time * 1000 }
})

/** `item/agentMessage/delta`: a piece of the text of the message `itemId`. */
export const delta = (threadId: string, turnId: string, delta: string, itemId = "message-1"): Notification => ({
  method: "item/agentMessage/delta",
  params: { threadId, turnId, itemId, delta }
})

/** `item/completed`. */
export const itemCompleted = (threadId: string, turnId: string, item: Protocol.ThreadItem): Notification => ({
  method: "item/completed",
  params: { threadId, turnId, item, completedAtMs: time * 1000 }
})

/** `thread/tokenUsage/updated`; the turn's tokens are the thread's too, unless `total` says otherwise. */
export const tokenUsage = (
  threadId: string,
  turnId: string,
  last: Protocol.TokenUsageBreakdown = tokens(),
  total: Protocol.TokenUsageBreakdown = last
): Notification => ({
  method: "thread/tokenUsage/updated",
  params: { threadId, turnId, tokenUsage: { last, total, modelContextWindow: null } }
})

/** `turn/completed`; without fields a success, with an `error` a failure. */
export const turnCompleted = (
  threadId: string,
  turnId: string,
  fields: Partial<Protocol.Turn> = {}
): Notification => ({
  method: "turn/completed",
  params: {
    threadId,
    turn: turn({
      id: turnId,
      itemsView: "summary",
      status: fields.error === undefined || fields.error === null ? "completed" : "failed",
      startedAt: time,
      completedAt: time + 1,
      durationMs: 1000,
      ...fields
    })
  }
})

/** What happens in a turn, apart from its beginning and its end. `G` may stand among the deltas: a gate, for example. */
export interface TurnContent<G = never> {
  /** Items that are completed before the agent's answer. */
  readonly items?: ReadonlyArray<Protocol.ThreadItem> | undefined
  /** The pieces of the agent's answer. Without any there is no answer. */
  readonly deltas?: ReadonlyArray<string | G> | undefined
  /** The phase of the answer. Default: `"final_answer"`. */
  readonly phase?: Protocol.MessagePhase | null | undefined
  /** The tokens of the turn; null for a turn of which none are told. Default: {@link tokens}. */
  readonly usage?: Protocol.TokenUsageBreakdown | null | undefined
  /** Why the turn fails. Default: it completes. */
  readonly error?: Protocol.TurnError | undefined
}

/** The turn that something happens in. */
export interface TurnPlace {
  readonly threadId: string
  readonly turnId: string
}

/** Every notification of a whole turn, from `turn/started` to `turn/completed`, in the order of a real server. */
export const turnEvents = (content: TurnContent & TurnPlace): ReadonlyArray<Notification> => turnSteps<never>(content)

/** As {@link turnEvents}; what is no text among the deltas stays where it stands. */
export const turnSteps = <G>(
  { deltas = [], error, items = [], phase = "final_answer", threadId, turnId, usage }: TurnContent<G> & TurnPlace
): ReadonlyArray<Notification | G> => {
  const text = deltas.filter((delta) => typeof delta === "string").join("")
  const answer = agentMessage(text, { id: `message-of-${turnId}`, phase })
  return [
    turnStarted(threadId, turnId),
    ...items.flatMap((item) => [itemStarted(threadId, turnId, item), itemCompleted(threadId, turnId, item)]),
    ...(deltas.length === 0 ? [] : [
      itemStarted(threadId, turnId, { ...answer, text: "" }),
      ...deltas.map((piece) => typeof piece === "string" ? delta(threadId, turnId, piece, answer.id) : piece),
      itemCompleted(threadId, turnId, answer)
    ]),
    ...(usage === null ? [] : [tokenUsage(threadId, turnId, usage)]),
    turnCompleted(threadId, turnId, error === undefined ? {} : { error })
  ]
}
