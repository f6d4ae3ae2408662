/**
 * The traffic of the synthetic app-server: the wire of codex 0.169, with many concurrent turns and messages like the real ones.
 *
 * All turns get the same messages with different ids, so that it is easy to compute the expected counts of a reader.
 */

/** The amount of traffic and the size of its writes. */
export interface Scenario {
  readonly name: string
  readonly turns: number
  /** The approximate number of messages per turn. */
  readonly messages: number
  /** The bytes per write. 0 means one message per write. */
  readonly write: number
}

/** The counts of a reader. */
export interface Counts {
  /** Notifications. */
  messages: number
  /** Characters in the deltas of agent messages, in UTF-16 units. */
  text: number
  /** Characters in the deltas of command output. */
  output: number
}

export const noCounts = (): Counts => ({ messages: 0, text: 0, output: 0 })

/** Creates an id with the length of a UUID, like the server's. */
const uuid = (kind: number, index: number): string =>
  `01a1fdc8-${kind.toString(16).padStart(4, "0")}-7071-8652-${index.toString(16).padStart(12, "0")}`

export const threadId = (index: number): string => uuid(1, index)
export const turnId = (index: number): string => uuid(2, index)

const words = [
  "The ",
  "function ",
  "returns ",
  "`undefined`",
  ", ",
  "so ",
  "the ",
  "caller ",
  "has ",
  "to ",
  "check ",
  "it",
  ".\n",
  "Die ",
  "Größe ",
  "der ",
  "Datei ",
  "is ",
  "1 ",
  "MiB",
  ", ",
  "日本語の",
  "説明",
  " too ",
  "🙂",
  ".\n\n",
  "```ts\n",
  "const ",
  "answer ",
  "= ",
  "\"forty-two\"",
  "\n",
  "```\n"
]
const outputs = [
  "\u001b[32m✓\u001b[39m packages/app/test/index.test.ts (12 tests) 48ms\n",
  "npm warn deprecated glob@7\n",
  "ok\n"
]

const at = 1_795_259_138_000

/** The number of deltas per round, in which a turn runs a command and writes a message. */
const deltasPerRound = 200
const outputsPerRound = 20

/** Generates the params of a turn's notifications, in order, without the ids that all of them share. */
function* notifications(
  scenario: Scenario
): Generator<readonly [method: string, params: { readonly [key: string]: unknown }]> {
  const turn = { items: [], itemsView: "notLoaded", error: null, startedAt: 1_795_259_138 }
  yield ["turn/started", { turn: { ...turn, status: "inProgress", completedAt: null, durationMs: null } }]
  const times = { startedAtMs: at, completedAtMs: at }
  const item = function*(started: object, completed: object, deltas: () => Iterable<readonly [string, object]>) {
    yield ["item/started", { item: { ...started, startedAtMs: at, completedAtMs: null }, startedAtMs: at }] as const
    for (const [method, params] of deltas()) yield [method, { ...params }] as const
    yield ["item/completed", {
      item: { ...completed, ...times },
      contentTokenCount: null,
      completedAtMs: at
    }] as const
  }
  const question = {
    type: "userMessage",
    id: uuid(3, 0),
    clientId: null,
    content: [{ type: "text", text: "What is wrong with the tests?", text_elements: [] }]
  }
  yield* item(question, question, () => [])
  const rounds = Math.ceil(scenario.messages / (deltasPerRound + outputsPerRound + 5))
  let word = 0
  for (let round = 0; round < rounds; round++) {
    const command = {
      type: "commandExecution",
      id: `call_${round}`,
      pluginId: null,
      scriptPath: null,
      command: "/bin/bash -lc 'npm test'",
      cwd: "/home/user/project",
      processId: "26547",
      source: "unifiedExecStartup",
      commandActions: [{ type: "unknown", command: "npm test" }]
    }
    const pieces = Array.from({ length: outputsPerRound }, (_, index) => outputs[index % outputs.length]!)
    yield* item(
      { ...command, status: "inProgress", aggregatedOutput: null, exitCode: null, durationMs: null },
      { ...command, status: "completed", aggregatedOutput: pieces.join(""), exitCode: 0, durationMs: 48 },
      () => pieces.map((delta) => ["item/commandExecution/outputDelta", { itemId: command.id, delta }])
    )
    const message = {
      type: "agentMessage",
      moderation: null,
      id: `msg_${round}`,
      phase: round + 1 === rounds ? "final_answer" : "commentary",
      memoryCitation: null,
      delivery: null,
      questions: null
    }
    const text = Array.from({ length: deltasPerRound }, () => words[word++ % words.length]!)
    yield* item(
      { ...message, text: "" },
      { ...message, text: text.join("") },
      () => text.map((delta) => ["item/agentMessage/delta", { itemId: message.id, delta }])
    )
    const tokens = {
      totalTokens: 15_000 + round,
      inputTokens: 10_000,
      cachedInputTokens: 9_000,
      cacheWriteInputTokens: 0,
      outputTokens: 5_000 + round,
      reasoningOutputTokens: 0
    }
    yield ["thread/tokenUsage/updated", { tokenUsage: { total: tokens, last: tokens, modelContextWindow: 258_400 } }]
  }
  yield ["turn/completed", {
    turn: { ...turn, itemsView: "summary", status: "completed", completedAt: 1_795_259_139, durationMs: 118 }
  }]
}

/** Generates the interleaved messages of all turns, as lines. */
export function* lines(scenario: Scenario): Generator<string> {
  const turns = Array.from({ length: scenario.turns }, (_, index) => index)
  for (const [method, params] of notifications(scenario)) {
    for (const index of turns) {
      const ids = "turn" in params
        ? {
          threadId: threadId(index),
          turn: { id: turnId(index), rootTurnId: turnId(index), ...Object(params["turn"]) }
        }
        : { threadId: threadId(index), turnId: turnId(index) }
      yield `${JSON.stringify({ method, params: { ...params, ...ids }, emittedAtMs: at })}\n`
    }
  }
}

/** Computes the expected counts of each turn. */
export const expected = (scenario: Scenario): Counts => {
  const counts = noCounts()
  for (const [method, params] of notifications(scenario)) {
    counts.messages++
    if (method === "item/agentMessage/delta") counts.text += String(params["delta"]).length
    if (method === "item/commandExecution/outputDelta") counts.output += String(params["delta"]).length
  }
  return counts
}
