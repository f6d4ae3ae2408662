/**
 * A reader on `vscode-jsonrpc`, as the Copilot SDK and codex-acp use it. It can't read line-delimited messages, so the plain client
 * splits the lines, and adds the field `jsonrpc`, which the library requires and Codex does not send.
 */
import {
  AbstractMessageReader,
  createMessageConnection,
  type DataCallback,
  Disposable,
  type Message as JsonRpc,
  StreamMessageWriter
} from "vscode-jsonrpc/node"
import type { PlainClient } from "../PlainClient.ts"
import { type Params, splitLines } from "../PlainClient.ts"
import { counting } from "./Reader.ts"

class LineReader extends AbstractMessageReader {
  private readonly client: PlainClient

  constructor(client: PlainClient) {
    super()
    this.client = client
  }

  listen(callback: DataCallback): Disposable {
    const onData = splitLines((line) => {
      const message = JSON.parse(line) as JsonRpc
      message.jsonrpc = "2.0"
      callback(message)
    })
    this.client.child.stdout.on("data", onData)
    return Disposable.create(() => this.client.child.stdout.off("data", onData))
  }
}

export const reader = counting((client, onMessage) => {
  const connection = createMessageConnection(
    new LineReader(client),
    new StreamMessageWriter(client.child.stdin)
  )
  connection.onNotification((method, params) => onMessage({ method, params: params as unknown as Params }))
  connection.listen()
})
