/**
 * Labels of spans: the kind, the name and the outcome of items, requests and questions, in a few words.
 */
import type { Message } from "../format/Recording.ts"
import type { Kind, Status } from "./browser/Timeline.ts"
import { brief, object, objects, text, words } from "./json.ts"

/** Returns the input of the user, from the parameters of a turn or from an item. */
export const inputText = (input: unknown): string =>
  brief(objects(input).map(({ name, path, text, type, url }) => words(text ?? name ?? path ?? url ?? type)).join(" "))

const itemKinds: ReadonlyMap<unknown, Kind> = new Map([
  ["userMessage", "user"],
  ["agentMessage", "message"],
  ["plan", "message"],
  ["reasoning", "reasoning"],
  ["commandExecution", "command"],
  ["fileChange", "files"],
  ["mcpToolCall", "tool"],
  ["dynamicToolCall", "tool"],
  ["collabAgentToolCall", "tool"],
  ["functionCallOutput", "tool"],
  ["webSearch", "tool"],
  ["imageView", "tool"],
  ["imageGeneration", "tool"]
])

/** Returns the kind of an item of this type. */
export const kindOf = (type: unknown): Kind => itemKinds.get(type) ?? "other"

/** Returns the label of an item. */
export const itemLabel = (item: Message): string => {
  const type = text(item["type"]) ?? "item"
  switch (type) {
    case "userMessage":
      return inputText(item["content"])
    case "agentMessage":
    case "plan":
      return brief(text(item["text"]) ?? type)
    case "reasoning": {
      const parts = [item["summary"], item["content"]].flatMap((part) => Array.isArray(part) ? part : [])
      return brief(parts.map(words).join(" ")) || "reasoning"
    }
    case "commandExecution":
      return brief(text(item["command"]) ?? type)
    case "fileChange":
      return brief(objects(item["changes"]).map(({ path }) => words(path).split("/").at(-1)).join(", ")) || type
    case "mcpToolCall":
      return brief(`${words(item["server"])}.${words(item["tool"])}`)
    case "dynamicToolCall":
      return brief([item["namespace"], item["tool"]].filter((name) => typeof name === "string").join("."))
    case "collabAgentToolCall":
      return brief(words(item["tool"]))
    case "webSearch":
      return `search: ${brief(text(item["query"]) ?? "")}`
    default:
      return brief(type)
  }
}

/** Returns the outcome of anything with a `status`. */
export const statusOf = (status: unknown): Status => {
  switch (status) {
    case "failed":
    case "errored":
    case "denied":
      return "failed"
    case "interrupted":
    case "declined":
    case "cancelled":
      return "stopped"
    case "inProgress":
      return "open"
    default:
      return "ok"
  }
}

/** Returns the outcome of a request of the server, from its response. */
export const decisionOf = (answer: Message): { readonly status: Status; readonly detail: string } => {
  if (answer["error"] !== undefined) {
    return { status: "failed", detail: text(object(answer["error"])["message"]) ?? "error" }
  }
  const { action, decision, success } = object(answer["result"])
  const word = text(decision) ?? text(action) ?? Object.keys(object(decision))[0]
  if (word !== undefined) {
    return { status: /declin|den|cancel|abort|reject/i.test(word) ? "stopped" : "ok", detail: word }
  }
  return success === false ? { status: "failed", detail: "no success" } : { status: "ok", detail: "answered" }
}

/** Returns the label of a request of the server. */
export const questionLabel = (method: string, params: Message): string => {
  switch (method) {
    case "item/commandExecution/requestApproval":
      return `run ${brief(text(params["command"]) ?? "a command")}?`
    case "item/fileChange/requestApproval":
      return "change files?"
    case "item/permissions/requestApproval":
      return "more permissions?"
    case "item/tool/call":
      return `call ${brief(words(params["tool"]))}`
    case "item/tool/requestUserInput":
      return "ask the user"
    default:
      return method
  }
}
