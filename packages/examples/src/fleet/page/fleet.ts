/** The state of the runners, which the server of the page reports. */

/** A runner, as the machine sees it. */
export interface RunnerStatus {
  readonly name: string
  readonly address: string
  readonly state: "starting" | "up" | "killed"
}

/** Asks the server of the page. */
const ask = async (token: string, path: string, method = "GET"): Promise<unknown> => {
  const response = await fetch(path, { method, headers: { authorization: `Bearer ${token}` } })
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response.json()
}

/** Returns the runners. The server writes nothing else. */
export const runners = (token: string) => ask(token, "/runners") as Promise<ReadonlyArray<RunnerStatus>>

/** Kills or starts a runner. */
export const change = (token: string, name: string, action: "kill" | "start") =>
  ask(token, `/runners/${encodeURIComponent(name)}/${action}`, "POST")
