/**
 * The scripted model of the examples. It answers by the simple rules below, which are enough to show every feature without an
 * account.
 */
import { Item, type ModelRequest, Reply, type ScriptedModel } from "@effect-codex/testing"

const respond = (request: ModelRequest.ModelRequest): Reply.Reply => {
  const text = request.lastUserText ?? ""
  const tokens = { inputTokens: 40 + text.length, cachedInputTokens: 20, outputTokens: 12, reasoningOutputTokens: 4 }
  const usage = { usage: tokens }

  const answer = (text: string) =>
    Reply.make([
      Item.reasoning({ text: "The script says what to answer." }),
      Item.message({ deltas: text.split(/(?<= )/), phase: "final_answer" })
    ], usage)

  if (request.kind === "compaction") return answer("The conversation so far, in short.")

  if (/hopeless/.test(text)) return Reply.failed({ code: "context_length_exceeded", message: "This is too much." })
  if (/flaky/.test(text) && request.userTexts.filter((text) => /flaky/.test(text)).length < 3) {
    return Reply.failed({ code: "server_is_overloaded", message: "Not now." })
  }

  const isResult = String(request.body.input.at(-1)?.type).endsWith("_output")

  const [, article] = /the article "([^"]+)"/.exec(text) ?? []
  if (article !== undefined && !isResult && request.toolNames.includes("stock")) {
    return Reply.functionCall({ name: "stock", arguments: { article } }, usage)
  }

  const schema = request.outputFormat?.schema
  if (schema !== undefined) return Reply.text(JSON.stringify(sampleOf(schema, text)), usage)

  if (text.includes("source=\"goal\"")) {
    if (isResult) return answer("The goal is reached.")
    return request.texts("assistant").length === 0
      ? answer("A first step is done.")
      : Reply.functionCall({ name: "update_goal", arguments: { status: "complete" } }, usage)
  }

  if (/<subagent_notification>/.test(text) || /"timed_out":/.test(isResult ? request.toolOutput() ?? "" : "")) {
    return answer("My helper is done.")
  }

  if (isResult) {
    const [, helper] = /"agent_id":"([^"]+)"/.exec(request.toolOutput() ?? "") ?? []
    if (helper !== undefined) {
      return Reply.functionCall({
        namespace: "multi_agent_v1",
        name: "wait_agent",
        arguments: { targets: [helper], timeout_ms: 30_000 }
      }, usage)
    }
    return answer(`The result: ${lastLine(request.toolOutput())}`)
  }

  const [, task] = /let a helper (.*), and wait/i.exec(text) ?? []
  if (task !== undefined) {
    return Reply.functionCall({ namespace: "multi_agent_v1", name: "spawn_agent", arguments: { message: task } }, usage)
  }

  const [, command] = /run `([^`]+)`/i.exec(text) ?? []
  if (command !== undefined) {
    return Reply.make([
      Item.message({ text: "I will run that.", phase: "commentary" }),
      Item.functionCall({
        name: "exec_command",
        arguments: {
          cmd: command,
          ...(/in the background/i.test(text) ? { yield_time_ms: 250 } : {}),
          ...(/permission/i.test(text)
            ? { sandbox_permissions: "require_escalated", justification: "You asked for it." }
            : {})
        }
      })
    ], usage)
  }

  const [, customer] = /customer "([^"]+)"/.exec(text) ?? []
  if (customer !== undefined && request.toolNames.includes("crm.find_customer")) {
    const name = /show/i.test(text) ? "portrait" : "find_customer"
    return Reply.functionCall({ namespace: "crm", name, arguments: { name: customer } }, usage)
  }

  const [, to] = /count .*?(\d+)/i.exec(text) ?? []
  if (to !== undefined) {
    const deltas = Array.from({ length: Number(to) }, (_, index) => `${index + 1} `)
    return Reply.make([Item.message({ deltas })], { ...usage, pace: "20 millis" })
  }

  if (request.imageUrls.length > 0) {
    const kinds = request.imageUrls.map((url) => url.slice(0, url.indexOf(";")).replace("data:", ""))
    return answer(`I was shown ${kinds.join(" and ")}, and I am a script: I can't see it.`)
  }

  if (/what did i say/i.test(text)) return answer(`You said: ${request.userTexts.at(-2)}`)

  return answer(`Hello from a script. You said: ${text}`)
}

/** The script that applies the rules of this module. */
export const script: ScriptedModel.Script = { respond }

const lastLine = (text = ""): string => text.trimEnd().split("\n").at(-1) ?? ""

/** Returns a value that a JSON schema allows, with the first line of `text` as every string, except for a date that was refused before. */
const sampleOf = (schema: unknown, text: string): unknown => {
  if (typeof schema !== "object" || schema === null) return null
  const { anyOf, const: only, description, enum: members, items, properties, type } = schema as {
    readonly [key: string]: unknown
  }
  if (text.includes("does not fit") && /Date/.test(String(description))) return "2026-01-02"
  if (only !== undefined) return only
  if (Array.isArray(members)) return members[0]
  if (Array.isArray(anyOf)) return sampleOf(anyOf[0], text)
  switch (type) {
    case "object":
      return Object.fromEntries(
        Object.entries(properties ?? {}).map(([name, property]) => [name, sampleOf(property, text)])
      )
    case "array":
      return [sampleOf(items, text)]
    case "integer":
    case "number":
      return 1
    case "boolean":
      return true
    default:
      return text.split("\n", 1)[0]
  }
}
