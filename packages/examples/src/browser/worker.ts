/** The chat in a web worker: questions arrive as messages, and events leave as messages. */
import { start } from "./chat.ts"

const ask = start(`ws://${location.host}/codex`, (event) => postMessage(event))

addEventListener("message", ({ data }) => {
  if (typeof data === "string") ask(data)
})
