/** The page: a form, the answer, and the state of the connection. With `?worker`, the chat runs in a web worker. */
import { type ChatEvent, start } from "./chat.ts"

const element = (selector: string): HTMLElement => {
  const found = document.querySelector<HTMLElement>(selector)
  if (found === null) throw new Error(`the page has no ${selector}`)
  return found
}

const answer = element("#answer")
const state = element("#state")

const show = (event: ChatEvent): void => {
  if (event.type === "state") state.textContent = event.state
  else answer.textContent += event.type === "text" ? event.text : `\n[${event.text}]\n`
}

const inWorker = (): (question: string) => void => {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" })
  // The worker is our own, and posts nothing else.
  worker.addEventListener("message", ({ data }) => show(data as ChatEvent))
  return (question) => worker.postMessage(question, [])
}

const ask = location.search === "?worker" ? inWorker() : start(`ws://${location.host}/codex`, show)

element("form").addEventListener("submit", (event) => {
  event.preventDefault()
  const input = element("input") as HTMLInputElement
  ask(input.value)
  input.value = ""
})
