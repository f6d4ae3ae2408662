/**
 * The default behavior of the fake app-server: a small Codex with threads, and turns that play a script.
 *
 * Its error messages are those of the real server.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type * as Gate from "../script/Gate.ts"
import { type Method, type Params, type Request, type Response, RpcError, type TurnScript } from "./exchange.ts"
import * as Fixture from "./Fixture.ts"

/** Options of the small Codex: those of `FakeAppServer` that it needs. */
export interface Options {
  /** The version in the user agent. */
  readonly version?: string | undefined
  /** The script of turns without an enqueued one. */
  readonly reply?: ((text: string, request: Request<"turn/start">) => TurnScript) | undefined
  /** Ids of stored threads. */
  readonly threads?: ReadonlyArray<string> | undefined
}

/** The state of one connection. */
export interface Session {
  /** Sends a notification. */
  readonly notify: (event: Fixture.Notification) => Effect.Effect<void>
  /** The scope of the connection. */
  readonly scope: Scope.Scope
  /** The ids of the threads that are loaded, and so can run turns. */
  readonly loaded: Set<string>
  /** The running turn of each thread. */
  readonly running: Map<string, Running>
}

interface Running {
  readonly turnId: string
  fiber: Fiber.Fiber<void> | undefined
}

interface Stored {
  thread: Protocol.Thread
  archived: boolean
  /** Options in force. */
  options: InForce
}

type InForce = Partial<
  Pick<
    Protocol.ThreadStartResponse,
    "approvalPolicy" | "approvalsReviewer" | "cwd" | "model" | "modelProvider" | "sandbox" | "serviceTier"
  >
>

const policies: Readonly<Record<string, Protocol.SandboxPolicy>> = {
  "read-only": { type: "readOnly", networkAccess: false },
  "workspace-write": { type: "workspaceWrite", writableRoots: [], networkAccess: false },
  "danger-full-access": { type: "dangerFullAccess" }
}

/** The options with those that a request sets. */
const withOptions = (options: InForce, params: { readonly [field: string]: unknown }): InForce => {
  const changed: Record<string, unknown> = {}
  for (
    const field of ["approvalPolicy", "approvalsReviewer", "cwd", "model", "modelProvider", "serviceTier"] as const
  ) {
    if (params[field] !== undefined && params[field] !== null) changed[field] = params[field]
  }
  const { sandbox, sandboxPolicy } = params
  if (typeof sandbox === "string") changed["sandbox"] = policies[sandbox]
  if (sandboxPolicy !== undefined && sandboxPolicy !== null) changed["sandbox"] = sandboxPolicy
  return { ...options, ...changed }
}

/** The second argument of a default handler. */
interface Exchange<M extends Method> {
  readonly session: Session
  readonly request: Request<M>
  /** Runs an Effect after the response is written. */
  readonly afterwards: (effect: Effect.Effect<void>) => void
}

type Defaults = {
  readonly [M in Method]?: (
    params: Params<M>,
    exchange: Exchange<M>
  ) => Response<M> | Effect.Effect<Response<M>, RpcError>
}

const refuse = (message: string) => Effect.fail(new RpcError({ code: -32600, message }))

const textOf = (input: ReadonlyArray<Protocol.UserInputInput>): string =>
  input.map((item) => item.type === "text" ? item.text : "").join("")

const contentOf = (script: TurnScript): Fixture.TurnContent<Gate.Gate> =>
  typeof script === "string"
    ? { deltas: script.match(/\S+\s*|\s+/g) ?? [script] }
    : isList(script)
    ? { deltas: script }
    : script

const isList = (script: TurnScript): script is ReadonlyArray<string | Gate.Gate> => Array.isArray(script)

/** A thread without its turns, as the server sends it unless a client asks for them. */
const bare = ({ thread }: Stored): Protocol.Thread => ({ ...thread, turns: [] })

/** Loads a thread. One that is loaded already keeps its options. */
const open = <M extends Method>(
  { afterwards, session }: Exchange<M>,
  entry: Stored,
  params: { readonly [field: string]: unknown }
) => {
  const { thread } = entry
  if (!session.loaded.has(thread.id)) entry.options = withOptions(entry.options, params)
  session.loaded.add(thread.id)
  afterwards(session.notify({ method: "thread/started", params: { thread } }))
  return Fixture.openedThread(thread, entry.options)
}

/** Returns the running turn of a thread. Fails if it is not the expected one. */
const running = (
  session: Session,
  threadId: string,
  turnId: string,
  what: "steer" | "interrupt"
): Effect.Effect<Running, RpcError> => {
  const turn = session.running.get(threadId)
  if (turn === undefined) return refuse(`no active turn to ${what}`)
  if (turn.turnId !== turnId) return refuse(`expected active turn id \`${turnId}\` but found \`${turn.turnId}\``)
  return Effect.succeed(turn)
}

/** Creates a small Codex. */
export const make = (options: Options) => {
  const version = options.version ?? Fixture.version
  const scripts: Array<TurnScript> = []
  const threads = new Map<string, Stored>()
  let threadCount = 0
  let turnCount = 0

  const store = (thread: Protocol.Thread, options: InForce = {}): Stored => {
    const entry: Stored = { thread, archived: false, options }
    threads.set(thread.id, entry)
    return entry
  }
  for (const id of options.threads ?? []) {
    store(Fixture.thread({ id, turns: [Fixture.turn({ id: `turn-of-${id}`, status: "completed" })] }))
  }

  const stored = (threadId: string): Effect.Effect<Stored, RpcError> => {
    const found = threads.get(threadId)
    return found === undefined ? refuse(`no rollout found for thread id ${threadId}`) : Effect.succeed(found)
  }

  const loaded = (session: Session, threadId: string): Effect.Effect<Stored, RpcError> =>
    session.loaded.has(threadId) ? stored(threadId) : refuse(`thread not found: ${threadId}`)

  const end = (session: Session, threadId: string, turnId: string, fields: Partial<Protocol.Turn>) => {
    session.running.delete(threadId)
    const entry = threads.get(threadId)
    if (entry !== undefined) {
      const turn = Fixture.turn({ id: turnId, status: "completed", ...fields })
      entry.thread = { ...entry.thread, turns: [...entry.thread.turns, turn] }
    }
  }

  /** Plays a turn, once the response to the request that starts it is written. */
  const play = <M extends Method>(
    { afterwards, session }: Exchange<M>,
    threadId: string,
    content: Fixture.TurnContent<Gate.Gate>
  ): Protocol.Turn => {
    const turnId = `turn-${++turnCount}`
    const turn: Running = { turnId, fiber: undefined }
    session.running.set(threadId, turn)
    const steps = Effect.forEach(
      Fixture.turnSteps({ ...content, threadId, turnId }),
      (step) => {
        if ("_tag" in step) return step.pass
        if (step.method === "turn/completed") end(session, threadId, turnId, step.params.turn)
        return session.notify(step)
      },
      { discard: true }
    )
    afterwards(Effect.map(Effect.forkIn(steps, session.scope, { startImmediately: true }), (fiber) => {
      turn.fiber = fiber
    }))
    return Fixture.turn({ id: turnId })
  }

  const defaults: Defaults = {
    initialize: ({ clientInfo }) => ({
      userAgent: `${clientInfo.name}/${version} (in memory)`,
      codexHome: "/codex-home",
      platformFamily: "unix",
      platformOs: "linux"
    }),
    "thread/start": (params, exchange) => {
      const entry = store(
        Fixture.thread({
          id: `thread-${++threadCount}`,
          ephemeral: params?.ephemeral ?? false,
          ...(typeof params?.cwd === "string" ? { cwd: params.cwd } : {})
        })
      )
      return open(exchange, entry, { ...params })
    },
    "thread/resume": ({ threadId, ...params }, exchange) =>
      Effect.flatMap(stored(threadId), (entry) => {
        if (entry.archived) {
          return refuse(`session ${threadId} is archived. Run \`codex unarchive ${threadId}\` to unarchive it first.`)
        }
        if (entry.thread.turns.length === 0 && !exchange.session.loaded.has(threadId)) {
          return refuse(`no rollout found for thread id ${threadId}`)
        }
        return Effect.succeed(open(exchange, entry, params))
      }),
    "thread/fork": ({ threadId, ...params }, exchange) =>
      Effect.map(
        stored(threadId),
        ({ options, thread }) =>
          open(
            exchange,
            store({ ...thread, id: `thread-${++threadCount}`, forkedFromId: threadId }, options),
            params
          )
      ),
    "thread/settings/update": ({ threadId, ...params }, { session }) =>
      Effect.map(loaded(session, threadId), (entry) => {
        entry.options = withOptions(entry.options, params)
        return {}
      }),
    "thread/read": ({ includeTurns, threadId }, { session }) =>
      Effect.map(stored(threadId), (entry) => {
        const thread = includeTurns === true ? entry.thread : bare(entry)
        return { thread: session.loaded.has(threadId) ? thread : { ...thread, status: { type: "notLoaded" } } }
      }),
    "thread/list": (params) => ({
      data: Array.from(threads.values()).filter((entry) => entry.archived === (params?.archived ?? false)).map(bare)
        .toReversed(),
      nextCursor: null
    }),
    "thread/archive": ({ threadId }, { session }) =>
      Effect.map(stored(threadId), (entry) => {
        entry.archived = true
        session.loaded.delete(threadId)
        return {}
      }),
    "thread/unarchive": ({ threadId }) =>
      Effect.map(stored(threadId), (entry) => {
        entry.archived = false
        return { thread: bare(entry) }
      }),
    "thread/delete": ({ threadId }, { session }) =>
      Effect.map(stored(threadId), () => {
        threads.delete(threadId)
        session.loaded.delete(threadId)
        return {}
      }),
    "thread/name/set": ({ name, threadId }, { afterwards, session }) =>
      Effect.map(stored(threadId), (entry) => {
        entry.thread = { ...entry.thread, name }
        afterwards(session.notify({ method: "thread/name/updated", params: { threadId, threadName: name } }))
        return {}
      }),
    "thread/compact/start": ({ threadId }, exchange) =>
      Effect.map(loaded(exchange.session, threadId), () => {
        play(exchange, threadId, { items: [{ type: "contextCompaction", id: "compaction-1" }], usage: null })
        return {}
      }),
    "turn/start": ({ input, threadId, ...params }, exchange) =>
      Effect.map(loaded(exchange.session, threadId), (entry) => {
        entry.options = withOptions(entry.options, params)
        // A real server steers the running turn.
        const current = exchange.session.running.get(threadId)
        if (current !== undefined) return { turn: Fixture.turn({ id: current.turnId }) }
        const script = scripts.shift() ?? options.reply?.(textOf(input), exchange.request)
          ?? "Hello from the fake app-server."
        return { turn: play(exchange, threadId, contentOf(script)) }
      }),
    "turn/steer": ({ expectedTurnId, threadId }, { session }) =>
      Effect.map(running(session, threadId, expectedTurnId, "steer"), ({ turnId }) => ({ turnId })),
    "turn/interrupt": ({ threadId, turnId }, { afterwards, session }) =>
      Effect.map(running(session, threadId, turnId, "interrupt"), ({ fiber }) => {
        afterwards(Effect.andThen(
          fiber === undefined ? Effect.void : Fiber.interrupt(fiber),
          Effect.suspend(() => {
            end(session, threadId, turnId, { status: "interrupted" })
            return session.notify(Fixture.turnCompleted(threadId, turnId, { status: "interrupted" }))
          })
        ))
        return {}
      }),
    "review/start": ({ threadId }, exchange) =>
      Effect.map(loaded(exchange.session, threadId), () => ({
        turn: play(exchange, threadId, contentOf(scripts.shift() ?? "Nothing to complain about.")),
        reviewThreadId: threadId
      })),
    "model/list": () => ({
      data: [{
        id: "fake-model",
        model: "fake-model",
        displayName: "Fake model",
        description: "Says what the test tells it to.",
        hidden: false,
        isDefault: true,
        defaultReasoningEffort: "medium",
        supportedReasoningEfforts: [{ reasoningEffort: "medium", description: "The only one." }]
      }],
      nextCursor: null
    }),
    "account/read": () => ({ account: null, requiresOpenaiAuth: false })
  }

  return {
    /** The scripts of the next turns. */
    scripts,
    connect: (notify: Session["notify"], scope: Scope.Scope): Session => ({
      notify,
      scope,
      loaded: new Set(),
      running: new Map()
    }),
    /** Answers a request, and adds what follows the response to `followUp`. Returns `undefined` for unknown methods. */
    answer: (
      session: Session,
      request: Request,
      followUp: Array<Effect.Effect<void>>
    ): Effect.Effect<unknown, RpcError> | undefined => {
      // The lookup by method proves the type.
      if (!Object.hasOwn(defaults, request.method)) return undefined
      const handler = defaults[request.method as Method] as (params: unknown, exchange: Exchange<never>) => unknown
      const answer = handler(request.params, {
        session,
        request: request as unknown as Request<never>,
        afterwards: (effect) => void followUp.push(effect)
      })
      return Effect.isEffect(answer) ? answer as Effect.Effect<unknown, RpcError> : Effect.succeed(answer)
    }
  }
}
