/** The page: runners above, threads below. The address carries the token of the gateway behind the `#`. */
import type { Asked, Location } from "@effect-codex/cluster/HostedThreads"
import { button, element } from "./element.ts"
import * as Fleet from "./fleet.ts"
import * as Log from "./log.ts"
import * as Threads from "./threads.ts"

const token = location.hash.slice(1)
const open = Threads.connect(`${location.origin.replace("http", "ws")}/threads`, token)

const find = (selector: string): HTMLElement => {
  const found = document.querySelector<HTMLElement>(selector)
  if (found === null) throw new Error(`the page has no ${selector}`)
  return found
}

/** The threads of the page, and what they are to do. */
const tasks: Readonly<Record<string, string>> = {
  "billing/invoice-42": "Find out why this invoice has the wrong total.",
  "web/login-form": "The login form forgets the language.",
  "docs/quick-start": "Check the quick start against the code.",
  "api/release-1.4": "Prepare the release of version 1.4.",
  "api/rate-limits": "The limits count refused requests.",
  "infra/nightly-backup": "The backup skips empty tables."
}

let runners: ReadonlyArray<Fleet.RunnerStatus> = []
const places = new Map<string, Location | undefined>()

/** The runner of a thread: 1, 2 or 3 in the order of the page, and 0 for none. */
const numberOf = (place: Location | undefined): number => {
  const index = runners.findIndex(({ address, state }) => address === place?.runner && state === "up")
  return index + 1
}

const thread = (name: string, task: string) => {
  const log = Log.make()
  const place = element("span", { className: "place" })
  const approvals = element("div")
  const input = element("input", { name: "prompt", value: task, ariaLabel: `Prompt for ${name}` })
  const form = element("form", {}, input, element("button", {}, "Send"))
  const card = element(
    "article",
    { className: "thread" },
    element("div", { className: "top" }, element("h2", {}, name), place),
    log.node,
    approvals,
    form
  )
  card.dataset["name"] = name
  const asked = new Map<string, HTMLElement>()

  const ask = ({ request, requestId }: Asked): void => {
    if (request.method !== "item/commandExecution/requestApproval") return
    const answer = (text: string, className: string, decision: "accept" | "decline") =>
      button(text, className, () => handle.answer(requestId, decision))
    const box = element(
      "div",
      { className: "approval" },
      element("strong", {}, "May it run this?"),
      element("pre", {}, request.params.command ?? ""),
      element("p", {}, request.params.reason ?? ""),
      element("div", { className: "buttons" }, answer("Accept", "primary", "accept"), answer("Decline", "", "decline"))
    )
    asked.set(requestId, box)
    approvals.append(box)
  }

  const handle = open(name, {
    event: (event) => {
      if (event.method === "$asked") ask(event)
      else if (event.method === "$settled") asked.get(event.requestId)?.remove()
      // A request belongs to the server that asked it.
      else if (event.method === "$moved") approvals.replaceChildren()
      log.show(event)
    },
    place: (location) => {
      // While nobody answers, the thread is shown where it was.
      places.set(name, location ?? places.get(name))
      const number = location === undefined ? 0 : numberOf(location)
      const state = number === 0 || location === undefined ? "moving" : location.state
      card.dataset["state"] = state
      card.dataset["runner"] = String(number)
      place.textContent = number === 0 ? "looks for a runner" : `${runners[number - 1]?.name}, ${state}`
      place.title = location === undefined
        ? ""
        : `${location.runner}, epoch ${location.epoch}, ${location.threadId ?? "not begun"}`
    },
    failed: (message) => log.note(message, "failed")
  })
  const send = () => {
    if (input.value === "") return
    handle.run(input.value)
    input.value = ""
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    send()
  })
  return { card, send }
}

const cards = Object.entries(tasks).map(([name, task]) => thread(name, task))
find("#threads").append(...cards.map(({ card }) => card))
find("#all").addEventListener("click", () => {
  for (const { send } of cards) send()
})

const runner = ({ address, name, state }: Fleet.RunnerStatus, index: number): HTMLElement => {
  const hosted = [...places].flatMap(([thread, place]) =>
    place !== undefined && state === "up" && place.runner === address && place.epoch > 0
      ? [element("span", { className: place.state }, thread)]
      : []
  )
  const change = (action: "kill" | "start") => async () => {
    await Fleet.change(token, name, action)
    await look()
  }
  const action = state === "killed"
    ? button("Start again", "", change("start"))
    : button("Kill", "danger", change("kill"))
  action.disabled = state === "starting"
  const shown = element(
    "article",
    { className: "runner" },
    element(
      "div",
      { className: "top" },
      element("div", {}, element("h2", {}, name), element("code", {}, address)),
      element("span", { className: "state" }, state),
      action
    ),
    element("div", { className: "hosted" }, ...hosted)
  )
  shown.dataset["state"] = state
  shown.dataset["runner"] = String(index + 1)
  return shown
}

let drawn = ""
let next = 0

const look = async (): Promise<void> => {
  const focused = document.activeElement?.closest(".runner")
  const index = focused == null ? -1 : [...find("#runners").children].indexOf(focused)
  try {
    runners = await Fleet.runners(token)
    const shown = runners.map(runner)
    // A button that is replaced while it is pressed is not clicked.
    const state = shown.map(({ outerHTML }) => outerHTML).join("")
    if (state !== drawn) {
      drawn = state
      find("#runners").replaceChildren(...shown)
      find("#runners").children[index]?.querySelector("button")?.focus()
    }
    const up = runners.filter(({ state }) => state === "up").length
    const running = [...places.values()].filter((place) => place?.state === "running").length
    find("#summary").textContent = `${cards.length} threads, ${running} running, on ${up} of ${runners.length} runners`
  } catch (error) {
    find("#summary").textContent = token === "" ? "Open the address that the program has printed." : String(error)
  }
  clearTimeout(next)
  next = setTimeout(look, 700)
}
void look()
