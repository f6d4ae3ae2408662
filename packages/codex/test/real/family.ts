/** A model for a family of threads: what each generation says, whatever the order in which their requests arrive. */
import { type ModelRequest, Reply, type ScriptedModel } from "@effect-codex/testing"

/** How the server spawns sub-agents: the default way, or the feature `multi_agent_v2`. */
export type Kind = "v1" | "v2"

export const kinds: ReadonlyArray<Kind> = ["v1", "v2"]

/** A reply, or what makes one of the request. */
export type Line = Reply.Reply | ((request: ModelRequest.ModelRequest) => Reply.Reply)

/** The replies of each generation, in the order of its requests; the last one is repeated. */
export interface Lines {
  readonly parent: ReadonlyArray<Line>
  readonly child?: ReadonlyArray<Line>
  readonly grandchild?: ReadonlyArray<Line>
}

/** A script that tells the generations apart by the thread that asks. */
export const script = ({ child = [], grandchild = [], parent }: Lines): ScriptedModel.Script => {
  const parents = new Map<string, string | undefined>()
  const depthOf = (threadId: string | undefined): number => {
    const parent = threadId === undefined ? undefined : parents.get(threadId)
    return parent === undefined ? 0 : 1 + depthOf(parent)
  }
  const generations = [parent, child, grandchild].map((lines) => ({ lines, next: 0 }))
  return {
    respond: (request) => {
      if (request.threadId !== undefined) parents.set(request.threadId, request.parentThreadId)
      const generation = generations[depthOf(request.threadId)]!
      const line = generation.lines[Math.min(generation.next++, generation.lines.length - 1)] ?? Reply.text("done")
      return typeof line === "function" ? line(request) : line
    }
  }
}

/** The configuration of a home for one kind. */
export const configOf = (kind: Kind, depth = 1) => ({
  ...(kind === "v2" ? { features: { multi_agent_v2: true } } : {}),
  ...(depth > 1 ? { agents: { max_depth: depth } } : {})
})

const namespaces = { v1: "multi_agent_v1", v2: "collaboration" } as const

/** The model spawns a sub-agent. */
export const spawn = (kind: Kind, fields: Record<string, unknown> = {}, options?: Reply.Options): Reply.Events =>
  Reply.functionCall({
    namespace: namespaces[kind],
    name: "spawn_agent",
    arguments: { message: "Do your part.", ...(kind === "v2" ? { task_name: "helper" } : {}), ...fields }
  }, options)

/** The model waits for the sub-agent that it has spawned last. */
export const wait = (kind: Kind, options?: Reply.Options): Line => (request) =>
  Reply.functionCall({
    namespace: namespaces[kind],
    name: "wait_agent",
    arguments: kind === "v1" ? { targets: [spawned(request)], timeout_ms: 30_000 } : { timeout_ms: 30_000 }
  }, options)

/** The model gives more work to the sub-agent that it has spawned. */
export const send = (kind: Kind): Line => (request) =>
  Reply.functionCall({
    namespace: namespaces[kind],
    name: kind === "v1" ? "send_input" : "followup_task",
    arguments: kind === "v1"
      ? { target: spawned(request), message: "More." }
      : { target: "/root/helper", message: "More." }
  })

/** The id of the sub-agent that was spawned last, from the output of the call. */
const spawned = (request: ModelRequest.ModelRequest): string => {
  const outputs = request.inputItems("function_call_output").map(({ output }) => String(output))
  return outputs.flatMap((output) => /"agent_id":"([^"]+)"/.exec(output)?.[1] ?? []).at(-1) ?? ""
}

/** The model wants to run a command outside of the sandbox. */
export const escalate = (cmd: string, options?: Reply.Options): Reply.Events =>
  Reply.functionCall({
    name: "exec_command",
    arguments: { cmd, sandbox_permissions: "require_escalated", justification: "I have to" }
  }, options)
