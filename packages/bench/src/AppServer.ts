/**
 * The synthetic app-server. It performs the handshake, starts threads and turns, and starts the traffic on request.
 */
import * as Traffic from "./Traffic.ts"

interface Request {
  readonly id?: number
  readonly method: string
  readonly params: { readonly threadId?: string }
}

const thread = (id: string) => ({
  thread: {
    id,
    sessionId: id,
    preview: "",
    ephemeral: false,
    historyMode: "paginated",
    modelProvider: "none",
    createdAt: 1_795_259_138,
    updatedAt: 1_795_259_138,
    status: { type: "idle" },
    cwd: "/home/user/project",
    cliVersion: "0.169.0",
    source: "vscode",
    turns: []
  },
  model: "none",
  modelProvider: "none",
  cwd: "/home/user/project",
  approvalPolicy: "never",
  approvalsReviewer: "user",
  sandbox: { type: "readOnly", networkAccess: false }
})

const answer = ({ method, params }: Request, newThread: () => string): unknown => {
  switch (method) {
    case "initialize":
      return { userAgent: "bench/0.169.0 (synthetic)", codexHome: "/", platformFamily: "unix", platformOs: "linux" }
    case "thread/start":
      return thread(newThread())
    case "turn/start": {
      const index = Number.parseInt(params.threadId!.slice(-12), 16)
      return {
        turn: { id: Traffic.turnId(index), items: [], itemsView: "notLoaded", status: "inProgress", error: null }
      }
    }
    case "thread/loaded/list":
      return { data: [Traffic.threadId(0)], nextCursor: null }
    default:
      return {}
  }
}

/** Serves one client: returns the function that takes its messages. */
export const serve = (send: (message: string) => void, pour: () => void): (message: string) => void => {
  let threads = 0
  const newThread = () => Traffic.threadId(threads++)
  return (message) => {
    const request = JSON.parse(message) as Request
    if (request.id !== undefined) send(JSON.stringify({ id: request.id, result: answer(request, newThread) }))
    else if (request.method === "bench/pour") pour()
  }
}
