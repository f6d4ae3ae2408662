/** A program that runs one turn with a plain client, which checks nothing. Arguments: the binary and the workspace. */
import { type Message, PlainClient } from "../../PlainClient.ts"

const [binary = "", cwd = ""] = process.argv.slice(2)

const client = new PlainClient([binary, "app-server"], "ignore")
await client.initialize()
const { thread } = await client.request<{ readonly thread: { readonly id: string } }>("thread/start", { cwd })
const completed = new Promise<Message>((resolve) => {
  client.onNotification = (message) => {
    if (message.method === "turn/completed") resolve(message)
  }
})
await client.request("turn/start", { threadId: thread.id, input: [{ type: "text", text: "hello" }] })
await completed
console.log("done")
await client.close()
