/**
 * A page on which a person answers approvals. The agent waits for the answer, and other threads continue meanwhile.
 */
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import * as ExamplePromises from "./shared/ExamplePromises.ts"

interface Approval {
  readonly title: string
  readonly answer: (decision: "accept" | "decline") => void
}

const waiting = new Map<string, Approval>()

/** Puts a question on the page, and waits for its answer. No answer in ten minutes is a no. */
const ask = (title: string, signal: AbortSignal) =>
  new Promise<{ decision: "accept" | "decline" }>((resolve) => {
    const id = randomUUID()
    const answer = (decision: "accept" | "decline") => {
      clearTimeout(timer)
      waiting.delete(id)
      resolve({ decision })
    }
    waiting.set(id, { title, answer })
    const timer = setTimeout(answer, 600_000, "decline")
    // The signal is aborted when the turn has ended: then the question disappears from the page.
    signal.addEventListener("abort", () => answer("decline"))
    void notify()
  })

const escape = (text: string) => text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

const page = () =>
  `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Approvals</title>
<h1>Approvals</h1>
${
    [...waiting].map(([id, { title }]) =>
      `<form method="post"><pre>${escape(title)}</pre><input type="hidden" name="id" value="${id}">
<button name="decision" value="accept">Accept</button> <button name="decision" value="decline">Decline</button></form>`
    ).join("\n") || "<p>Nothing waits for you.</p>"
  }`

// Whoever knows the address can approve commands. The secret keeps out other users of this machine, and pages in the same browser.
const secret = `/${randomUUID()}`
const server = createServer(async (request, response): Promise<unknown> => {
  if (request.url !== secret) return response.writeHead(404).end()
  response.setHeader("referrer-policy", "no-referrer").setHeader("content-security-policy", "frame-ancestors 'none'")
  if (request.method !== "POST") return response.setHeader("content-type", "text/html").end(page())
  const form = new URLSearchParams(await text(request))
  waiting.get(form.get("id") ?? "")?.answer(form.get("decision") === "accept" ? "accept" : "decline")
  return response.writeHead(303, { location: secret }).end()
})
server.listen(0, "127.0.0.1")
await once(server, "listening")
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${secret}`

/** Your program sends a person to the page, for example with a message. Here, this function plays the person. */
const notify = async () => {
  const html = await (await fetch(url)).text()
  const [, question = "", id = ""] = /<pre>(.*?)<\/pre>.*?value="(.*?)"/s.exec(html) ?? []
  const decision = question.includes("rm ") ? "decline" : "accept"
  console.log(`${decision}: ${question}`)
  await fetch(url, { method: "POST", body: new URLSearchParams({ id, decision }) })
}

await using codex = await ExamplePromises.start()
const thread = await codex.threadStart({
  approvalPolicy: "on-request",
  sandbox: "readOnly",
  serverRequests: {
    "item/commandExecution/requestApproval": ({ command, cwd, reason }, { signal }) =>
      ask(`${command} (in ${cwd}): ${reason}`, signal),
    "item/fileChange/requestApproval": ({ reason }, { signal }) => ask(`A change of files: ${reason}`, signal)
  }
})
for (const command of ["echo hello", "rm -r build"]) {
  const { items } = await thread.run(`Run \`${command}\` with my permission, outside of the sandbox.`)
  const status = items.flatMap((item) => item.type === "commandExecution" ? [item.status] : [])
  console.log(`${command}: ${status.join(", ")}`)
}
server.close()
