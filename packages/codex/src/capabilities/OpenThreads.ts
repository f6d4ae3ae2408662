/**
 * Threads as they are opened: started, resumed or forked, with their handlers, tools, limits and options.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import { declineAll } from "../model/requests/ApprovalHandlers.ts"
import * as ServerRequests from "../model/requests/ServerRequests.ts"
import type { Limits } from "../model/turns/Limits.ts"
import * as Settings from "../model/turns/Settings.ts"
import * as Params from "../options/params.ts"
import type {
  ThreadForkOptions,
  ThreadOptions,
  ThreadResumeOptions,
  ThreadStartOptions
} from "../options/ThreadOptions.ts"
import { prepare as prepareTools } from "../tools/Toolkits.ts"
import type * as Tools from "../tools/Toolkits.ts"
import type { FixedOptions } from "../wire/Member.ts"
import * as OptionsInForce from "../wire/OptionsInForce.ts"
import type { Agent } from "../wire/Telemetry.ts"
import type { Services } from "./Services.ts"

/** A thread that the server has loaded. */
export interface Opened {
  readonly id: string
  /** The agent that runs its turns, for spans and metrics. */
  readonly agent: Agent
}

/** Returns the methods that open a thread. */
export const make = ({ client, router }: Services) => {
  /** Prepares the handlers of a thread, and the declarations of its tools. */
  const prepare = Effect.fnUntraced(function*<R, T extends Tools.ByName, RT>(
    { serverRequests, tools }: ThreadOptions<R, T, RT>
  ) {
    if (tools === undefined) {
      return {
        dynamicTools: undefined,
        handlers: serverRequests && ServerRequests.provideContext(serverRequests, yield* Effect.context<R>())
      }
    }
    const { dynamicTools, handler } = yield* prepareTools(
      tools,
      serverRequests?.["item/tool/call"] ?? declineAll["item/tool/call"],
      client.metadata.serverVersion
    )
    const context = yield* Effect.context<R | Tools.Services<T>>()
    return {
      dynamicTools,
      handlers: ServerRequests.provideContext({ ...serverRequests, "item/tool/call": handler }, context)
    }
  })

  /** Registers a thread that the server has loaded, and returns what its handle needs. */
  const opened = (
    response: Protocol.ThreadStartResponse | Protocol.ThreadResumeResponse | Protocol.ThreadForkResponse,
    { handlers, limits, openedWith }: {
      readonly handlers: ServerRequests.ServerRequestHandlers | undefined
      readonly limits: Limits | undefined
      readonly openedWith?: FixedOptions | undefined
    }
  ): Opened => {
    const { model, modelProvider, thread } = response
    const member = router.family.open(thread)
    member.settings = Settings.update(member.settings, response)
    if (openedWith !== undefined) member.openedWith = openedWith
    if (limits !== undefined) member.limits = limits
    if (handlers !== undefined) client.handle(thread.id, handlers)
    return { id: thread.id, agent: { model, provider: modelProvider } }
  }

  const withoutTurns = () => OptionsInForce.withoutTurns(client.metadata.serverVersion)

  /** A thread that this client has open. A restarted server does not know what holds on it. */
  const openedBefore = (threadId: string) => {
    const member = router.family.get(threadId)
    return member?.isOpened === true && !member.isClosed ? member : undefined
  }

  return {
    start: Effect.fnUntraced(function*<R = never, T extends Tools.ByName = {}, RT = never>(
      options: ThreadStartOptions<R, T, RT> = {}
    ) {
      yield* Params.checkThread("threadStart", options, client.look)
      const cwd = options.cwd ?? client.directory
      const params = yield* Params.threadParams({ ...options, cwd }, client.metadata.serverVersion)
      const { dynamicTools, handlers } = yield* prepare(options)
      const response = yield* client.request("thread/start", {
        ...params,
        ...(dynamicTools && { dynamicTools: [...options.dynamicTools ?? [], ...dynamicTools] })
      })
      return opened(response, {
        handlers,
        limits: options.limits,
        openedWith: OptionsInForce.inherit({}, params)
      })
    }),
    resume: Effect.fnUntraced(function*<R = never, T extends Tools.ByName = {}, RT = never>(
      threadId: string,
      options: ThreadResumeOptions<R, T, RT> = {}
    ) {
      yield* Params.checkThread("threadResume", options, client.look)
      const params = yield* Params.threadParams(options, client.metadata.serverVersion)
      const { handlers } = yield* prepare(options)
      // A turn of it may be running, and ask at once.
      const takeBack = handlers === undefined ? undefined : client.handle(threadId, handlers)
      return yield* Effect.gen(function*() {
        const { openedWith: fixed = {}, settings: inherited } = openedBefore(threadId) ?? {}
        const wasLoaded = yield* OptionsInForce.isLoaded(client.request, threadId, params)
        const openedWith = OptionsInForce.inherit(fixed, params)
        const response = yield* client.request("thread/resume", {
          ...withoutTurns(),
          ...params,
          config: openedWith.config,
          threadId
        })
        const opening = opened(response, {
          handlers,
          limits: options.limits,
          openedWith: wasLoaded ? undefined : openedWith
        })
        const member = router.family.ensure(threadId)
        const changes = yield* OptionsInForce.bring(client.request, params, response, {
          wasLoaded,
          opened: fixed,
          inherited
        })
        member.settings = Settings.update(member.settings, changes)
        return opening
      }).pipe(Effect.onError(() => Effect.sync(() => takeBack?.())))
    }),
    fork: Effect.fnUntraced(function*<R = never, T extends Tools.ByName = {}, RT = never>(
      threadId: string,
      options: ThreadForkOptions<R, T, RT> = {}
    ) {
      yield* Params.checkThread("threadFork", options, client.look)
      const params = yield* Params.threadParams(options, client.metadata.serverVersion)
      const { handlers } = yield* prepare(options)
      const openedWith = OptionsInForce.inherit(router.family.get(threadId)?.openedWith, params)
      const response = yield* client.request("thread/fork", {
        ...withoutTurns(),
        ...params,
        config: openedWith.config,
        threadId
      })
      const member = router.family.open(response.thread)
      router.family.fork(member, threadId)
      const opening = opened(response, { handlers, limits: options.limits, openedWith })
      const changes = yield* OptionsInForce.bring(client.request, params, response, {
        wasLoaded: false,
        inherited: router.family.get(threadId)?.settings
      })
      member.settings = Settings.update(member.settings, changes)
      return opening
    })
  }
}
