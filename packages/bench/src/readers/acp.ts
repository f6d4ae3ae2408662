/**
 * A reader on `@agentclientprotocol/sdk`. It requires the field `jsonrpc`, which Codex does not send. To add the field, the plain
 * client splits and parses the messages in place of the library's own `ndJsonStream`.
 */
import * as Acp from "@agentclientprotocol/sdk"
import { type Params, splitLines } from "../PlainClient.ts"
import { counting } from "./Reader.ts"

export const reader = counting((client, onMessage) => {
  const readable = new ReadableStream<Acp.AnyMessage>({
    start: (controller) => {
      client.child.stdout.on(
        "data",
        splitLines((line) => {
          const message = JSON.parse(line) as Acp.AnyMessage
          message.jsonrpc = "2.0"
          controller.enqueue(message)
        })
      )
    }
  })
  const app = Acp.client()
  for (const method of methods) {
    app.onNotification(method, (params) => params as Params, ({ params }) => onMessage({ method, params }))
  }
  app.connect({ readable, writable: new WritableStream() })
})

const methods = [
  "turn/started",
  "item/started",
  "item/agentMessage/delta",
  "item/commandExecution/outputDelta",
  "item/completed",
  "thread/tokenUsage/updated",
  "turn/completed"
]
