/**
 * Values of the protocol for tests; the public module `Fixture` describes them.
 */
import type * as Methods from "@effect-codex/protocol/Methods"
import type * as Protocol from "@effect-codex/protocol/Protocol"

/** The timestamp of all fixtures, as Unix time in seconds. */
export const time = 1_800_000_000

/** The server version that the fixtures imitate: the one that the protocol was generated from. */
export const version = "0.171.0"

/** A notification from the server: a method and its parameters. */
export type Notification = Methods.ServerNotification

/** Encodes a message as one line on the wire, including the line break. */
export const line = (message: object): string => `${JSON.stringify(message)}\n`

/** An idle thread without turns. */
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

/** The response to `thread/start`, `thread/resume` and `thread/fork`. */
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

/** A turn. It is in progress unless you set `status`. */
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

/** A message from the agent. */
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

/** The token usage of a turn or of a thread. */
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

/** `thread/tokenUsage/updated`. The thread's `total` defaults to the tokens of the turn. */
export const tokenUsage = (
  threadId: string,
  turnId: string,
  last: Protocol.TokenUsageBreakdown = tokens(),
  total: Protocol.TokenUsageBreakdown = last
): Notification => ({
  method: "thread/tokenUsage/updated",
  params: { threadId, turnId, tokenUsage: { last, total, modelContextWindow: null } }
})

/** `turn/completed`. The turn has failed if you set an `error`, and has succeeded otherwise. */
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

/** The content of a turn, between its start and its end. `G` is what `deltas` may contain besides text, such as gates. */
export interface TurnContent<G = never> {
  /** Items that complete before the agent's answer. Default: none. */
  readonly items?: ReadonlyArray<Protocol.ThreadItem> | undefined
  /** The deltas of the agent's answer. Without any, the agent does not answer. */
  readonly deltas?: ReadonlyArray<string | G> | undefined
  /** The phase of the answer. Default: `"final_answer"`. */
  readonly phase?: Protocol.MessagePhase | null | undefined
  /** The tokens of the turn. With `null`, the server reports no usage. Default: {@link tokens}. */
  readonly usage?: Protocol.TokenUsageBreakdown | null | undefined
  /** The error with which the turn fails. Default: the turn completes. */
  readonly error?: Protocol.TurnError | undefined
}

/** The ids of a turn and of its thread. */
export interface TurnPlace {
  readonly threadId: string
  readonly turnId: string
}

/** All notifications of a turn, from `turn/started` to `turn/completed`, in the order in which a real server sends them. */
export const turnEvents = (content: TurnContent & TurnPlace): ReadonlyArray<Notification> => turnSteps<never>(content)

/** Like {@link turnEvents}, but keeps the deltas that are not text in their places. */
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
