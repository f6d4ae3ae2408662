/** An MCP server whose one tool, `say`, repeats its text. */
import { createInterface } from "node:readline"

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: { readonly protocolVersion?: string; readonly arguments?: { readonly text?: string } }
}

const answer = ({ method, params }: Message): object => {
  switch (method) {
    case "initialize":
      return {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "echo", version: "1.0.0" }
      }
    case "tools/list":
      return {
        tools: [{
          name: "say",
          inputSchema: { type: "object", properties: { text: { type: "string" } } },
          annotations: { readOnlyHint: true }
        }]
      }
    case "tools/call":
      return { content: [{ type: "text", text: params?.arguments?.text }] }
    default:
      return {}
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const message: Message = JSON.parse(line)
  if (message.id === undefined) return
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id: message.id, result: answer(message) })}\n`)
})
