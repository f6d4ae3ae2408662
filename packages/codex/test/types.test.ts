/** The inferred types. The compiler checks this file; running it only shows that it exists. */
import type * as Methods from "@effect-codex/protocol/Methods"
import type * as Protocol from "@effect-codex/protocol/Protocol"
import { describe, it } from "@effect/vitest"
import {
  type ClientOptions,
  Codex,
  CodexClient,
  CodexError,
  type Input,
  McpConfig,
  type Notification,
  type Options,
  type Output,
  type Router,
  ServerRequests,
  type Thread,
  type Transport,
  type Turn,
  type TurnResult
} from "effect-codex"
import * as CodexConfig from "effect-codex/CodexConfig"
import type * as Promises from "effect-codex/promises"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { expectTypeOf } from "vitest"

declare const codex: Codex.Codex["Service"]
declare const client: CodexClient.CodexClient["Service"]
declare const thread: Thread.Thread
declare const turn: Turn.Turn

/** Never called: what stands here is only looked at by the compiler. */
const compiled = (name: string, looks: () => void) => it(name, () => void looks)

class Judge extends Context.Service<Judge, { readonly verdict: "accept" | "decline" }>()("Judge") {}

const approving = {
  "item/commandExecution/requestApproval": () => Effect.map(Judge, ({ verdict: decision }) => ({ decision }))
}

describe("the errors and requirements of", () => {
  compiled("run, turn and stream: they need no services", () => {
    expectTypeOf(thread.run("go")).toEqualTypeOf<
      Effect.Effect<TurnResult.TurnResult, CodexError.RunError>
    >()
    expectTypeOf(thread.turn("go")).toEqualTypeOf<Effect.Effect<Turn.Turn, CodexError.StartTurnError>>()
    expectTypeOf(thread.stream("go")).toEqualTypeOf<
      Stream.Stream<Notification.Notification, CodexError.StreamError>
    >()
    expectTypeOf<Effect.Error<ReturnType<typeof thread.turn>>["_tag"]>().toEqualTypeOf<
      | "CodexConnectionError"
      | "CodexRpcError"
      | "CodexDecodeError"
      | "CodexTimeoutError"
      | "InvalidInputError"
      | "UnsupportedByServerError"
      | "ThreadBusyError"
      | "OptionsNotInForceError"
    >()
  })

  compiled("a turn that is held", () => {
    expectTypeOf(turn.run).toEqualTypeOf<Effect.Effect<TurnResult.TurnResult, CodexError.TurnError>>()
    expectTypeOf(turn.stream).toEqualTypeOf<Stream.Stream<Notification.Notification, CodexError.TurnStreamError>>()
    expectTypeOf(turn.text).toEqualTypeOf<Stream.Stream<string, CodexError.TurnError>>()
    expectTypeOf(turn.items).toEqualTypeOf<Stream.Stream<Protocol.ThreadItem, CodexError.TurnError>>()
    expectTypeOf(turn.interrupt).toEqualTypeOf<Effect.Effect<void, CodexError.RequestError>>()
    expectTypeOf<CodexError.TurnError["_tag"]>().toEqualTypeOf<
      "CodexConnectionError" | "CodexDecodeError" | "TurnFailedError" | "TurnLimitError"
    >()
  })

  compiled("an answer with a Schema", () => {
    const output = Schema.Struct({ name: Schema.String, age: Schema.NumberFromString })
    const result = thread.run("go", { output })
    expectTypeOf<Effect.Success<typeof result>["output"]>().toEqualTypeOf<
      { readonly name: string; readonly age: number }
    >()
    expectTypeOf<Effect.Error<typeof result>>().toEqualTypeOf<CodexError.TypedRunError>()
    expectTypeOf<Effect.Services<typeof result>>().toEqualTypeOf<never>()
    expectTypeOf<Stream.Success<ReturnType<typeof thread.stream>>>().toEqualTypeOf<Notification.Notification>()
    const stream = thread.stream("go", { output })
    expectTypeOf<Stream.Success<typeof stream>>().toEqualTypeOf<
      Notification.Notification | Output.OutputEvent<{ readonly name: string; readonly age: number }>
    >()
    // @ts-expect-error the turn that runs was started without this Schema
    void thread.run("go", { output, whenBusy: "steer" })
  })

  compiled("the layers", () => {
    type Services = Codex.Codex | CodexClient.CodexClient | Router.Router
    expectTypeOf(Codex.layer()).toEqualTypeOf<Layer.Layer<Services, CodexError.ConnectError>>()
    expectTypeOf(Codex.layer({ serverRequests: approving })).toEqualTypeOf<
      Layer.Layer<Services, CodexError.ConnectError, Judge>
    >()
    expectTypeOf(Codex.layerTransport()).toEqualTypeOf<
      Layer.Layer<Services, CodexError.ConnectError, Transport.Transport>
    >()
    expectTypeOf(CodexConfig.layer()).toEqualTypeOf<
      Layer.Layer<Services, CodexError.ConnectError | Config.ConfigError>
    >()
    expectTypeOf(CodexClient.layer()).toEqualTypeOf<
      Layer.Layer<CodexClient.CodexClient | Router.Router, CodexError.ConnectError>
    >()
    expectTypeOf<CodexError.ConnectError["_tag"]>().toEqualTypeOf<
      "CodexConnectError" | "CodexConnectionError" | "InvalidInputError"
    >()
  })

  compiled("threads: the handlers' services", () => {
    expectTypeOf(codex.threadStart()).toEqualTypeOf<Effect.Effect<Thread.Thread, CodexError.ThreadError>>()
    expectTypeOf(codex.threadStart({ serverRequests: approving })).toEqualTypeOf<
      Effect.Effect<Thread.Thread, CodexError.ThreadError, Judge>
    >()
    expectTypeOf(codex.threadResume("id")).toEqualTypeOf<Effect.Effect<Thread.Thread, CodexError.OpenThreadError>>()
    expectTypeOf(codex.threadList()).toEqualTypeOf<Stream.Stream<Protocol.Thread, CodexError.ThreadError>>()
    type Handler<A, E = never> = { readonly "item/fileChange/requestApproval": () => Effect.Effect<A, E> }
    type Decision = { readonly decision: "accept" }
    expectTypeOf<Handler<Decision>>().toExtend<ServerRequests.ServerRequestHandlers>()
    expectTypeOf<Handler<Decision, ServerRequests.ServerRequestError>>().toExtend<
      ServerRequests.ServerRequestHandlers
    >()
    expectTypeOf<Handler<Decision, string>>().not.toExtend<ServerRequests.ServerRequestHandlers>()
    expectTypeOf<Handler<{ readonly decision: "acceptAll" }>>().not.toExtend<ServerRequests.ServerRequestHandlers>()
    // @ts-expect-error there is no such method
    void codex.threadStart({ serverRequests: { "item/telepathy": () => Effect.succeed({}) } })
  })
})

describe("the types that an editor shows", () => {
  compiled("of services: no member that is internal", () => {
    expectTypeOf<keyof CodexClient.CodexClient["Service"]>().toEqualTypeOf<
      "metadata" | "request" | "notify" | "notifications" | "closed" | "connected" | "connection"
    >()
    expectTypeOf<keyof Router.Router["Service"]>().toEqualTypeOf<"notifications" | "globals" | "thread" | "stats">()
    expectTypeOf<keyof Turn.Turn>().toEqualTypeOf<
      "id" | "threadId" | "stream" | "text" | "items" | "run" | "steer" | "interrupt"
    >()
  })

  compiled("of calls: options by their names", () => {
    expectTypeOf(codex.threadStart<never>).parameter(0).toEqualTypeOf<Options.ThreadStartOptions | undefined>()
    expectTypeOf(codex.threadResume<never>).parameter(1).toEqualTypeOf<Options.ThreadResumeOptions | undefined>()
    expectTypeOf(codex.threadFork<never>).parameter(1).toEqualTypeOf<Options.ThreadForkOptions | undefined>()
    expectTypeOf(Codex.layer<never>).parameter(0).toEqualTypeOf<Codex.LayerOptions | undefined>()
    expectTypeOf(Codex.layerTransport<never>).parameter(0).toEqualTypeOf<ClientOptions.TransportOptions | undefined>()
    expectTypeOf(Codex.layerWebSocket<never>).parameter(0).toEqualTypeOf<CodexClient.WebSocketLayerOptions>()
    expectTypeOf(Codex.layerUnixSocket<never>).parameter(0).toEqualTypeOf<CodexClient.UnixSocketLayerOptions>()
    expectTypeOf(Codex.layerShared<never>).parameter(0).toEqualTypeOf<CodexClient.SharedLayerOptions | undefined>()
    expectTypeOf(Codex.stopShared<never>).parameter(0).toEqualTypeOf<Codex.StopSharedOptions | undefined>()
  })
})

describe("a notification", () => {
  compiled("is narrowed by its method", () => {
    expectTypeOf((event: Notification.Notification) => {
      expectTypeOf(event.raw).toEqualTypeOf<Notification.Raw>()
      switch (event.method) {
        case "item/agentMessage/delta":
          expectTypeOf(event.params).toEqualTypeOf<Protocol.AgentMessageDeltaNotification>()
          return event.params.delta
        case "turn/completed":
          expectTypeOf(event.params.turn.status).toEqualTypeOf<Protocol.TurnStatus>()
          return event.params.turn.status
        case "item/completed":
          if (event.params.item.type === "$unknown") {
            expectTypeOf(event.params.item.raw).toEqualTypeOf<Protocol.Json>()
          } else {
            expectTypeOf(event.params.item.id).toEqualTypeOf<string>()
          }
          return event.params.item.type === "agentMessage" ? event.params.item.text : ""
        case "$unknown":
          expectTypeOf(event).toEqualTypeOf<Notification.Unknown>()
          return String(event.raw["method"])
        case "$undecodable":
          expectTypeOf(event.issue).toEqualTypeOf<string>()
          return event.issue
        default:
          expectTypeOf(event.method).toEqualTypeOf<
            Exclude<
              keyof Methods.ServerNotifications,
              "item/agentMessage/delta" | "turn/completed" | "item/completed"
            >
          >()
          return ""
      }
    }).returns.toEqualTypeOf<string>()
  })

  compiled("has a method that there is", () => {
    expectTypeOf<"turn/completed">().toExtend<Notification.Notification["method"]>()
    expectTypeOf<"turn/complete">().not.toExtend<Notification.Notification["method"]>()
  })
})

describe("a request", () => {
  compiled("has the parameters and the answer of its method", () => {
    const list = client.request("model/list", { limit: 3 })
    expectTypeOf(list).toEqualTypeOf<Effect.Effect<Protocol.ModelListResponse, CodexError.RequestError>>()
    expectTypeOf(client.request("thread/read", { threadId: "id" })).toEqualTypeOf<
      Effect.Effect<Protocol.ThreadReadResponse, CodexError.RequestError>
    >()
    // @ts-expect-error a field that there is not
    void client.request("model/list", { limits: 3 })
    // @ts-expect-error a parameter that is missing
    void client.request("thread/read", {})
    // @ts-expect-error a method that there is not
    void client.request("model/lists", {})
  })

  compiled("may leave out parameters where the method has none", () => {
    expectTypeOf<CodexClient.RequestArgs<"account/logout">>().toEqualTypeOf<
      [params?: undefined, options?: CodexClient.RequestOptions]
    >()
    expectTypeOf<CodexClient.RequestArgs<"thread/read">>().toEqualTypeOf<
      [params: Protocol.ThreadReadParams, options?: CodexClient.RequestOptions]
    >()
    void client.request("account/logout")
    void client.request("account/logout", undefined, { timeout: "1 second", retry: false })
    void client.request("account/rateLimits/read")
    // @ts-expect-error a parameter that is missing
    void client.request("thread/read")
  })
})

describe("what the user writes", () => {
  compiled("is a string, an item, or a list of both; an external message stands alone", () => {
    expectTypeOf<string>().toExtend<Input.Input>()
    expectTypeOf<ReadonlyArray<string | Input.Item>>().toExtend<Input.Input>()
    expectTypeOf<Input.ExternalMessage>().toExtend<Input.Input>()
    expectTypeOf<ReadonlyArray<Input.ExternalMessage>>().not.toExtend<Input.Input>()
    expectTypeOf<number>().not.toExtend<Input.Input>()
  })

  compiled("is held to what there is", () => {
    void thread.run("go", { sandbox: "readOnly", approvalMode: "denyAll", effort: "of tomorrow" })
    // @ts-expect-error no such preset
    void thread.run("go", { sandbox: "read-only" })
    // @ts-expect-error no such mode
    void thread.run("go", { approvalMode: "never" })
    // @ts-expect-error the input is the first argument
    void thread.run("go", { input: [] })
    expectTypeOf<Options.TurnOptions>().not.toHaveProperty("threadId")
    expectTypeOf<Options.ThreadResumeOptions>().not.toHaveProperty("excludeTurns")
    const config: Codex.LayerOptions = { config: { a: { b: [1, "two", true] } }, envMode: "replace" }
    expectTypeOf(config).toExtend<Codex.LayerOptions<Judge>>()
    // @ts-expect-error TOML has no null
    expectTypeOf<Codex.LayerOptions["config"]>(null)
  })

  compiled("the reasons of errors", () => {
    const run = thread.run("go")
    const caught = run.pipe(Effect.catchReason("CodexRpcError", "TurnMismatch", (reason, error) => {
      expectTypeOf(reason.runningTurnId).toEqualTypeOf<string | undefined>()
      expectTypeOf(error.reason._tag).toEqualTypeOf<"TurnMismatch">()
      return Effect.succeed(reason)
    }))
    expectTypeOf<Effect.Error<typeof caught>>().toEqualTypeOf<CodexError.RunError>()
    const several = run.pipe(Effect.catchReasons("TurnFailedError", {
      UsageLimitExceeded: ({ resetsAt }) => Effect.succeed(resetsAt),
      StreamDisconnected: ({ httpStatus }) => Effect.succeed(httpStatus)
    }, (reason) => Effect.fail(reason)))
    expectTypeOf<Effect.Success<typeof several>>().toEqualTypeOf<TurnResult.TurnResult | number | null>()
    expectTypeOf<Effect.Error<typeof several>>().toEqualTypeOf<
      | Exclude<CodexError.RunError, CodexError.TurnFailedError>
      | Exclude<CodexError.TurnFailedReason, { readonly _tag: "UsageLimitExceeded" | "StreamDisconnected" }>
    >()
    const unwrapped = Effect.unwrapReason(run, "CodexConnectionError")
    expectTypeOf<Effect.Error<typeof unwrapped>>().toEqualTypeOf<
      Exclude<CodexError.RunError, CodexError.CodexConnectionError> | CodexError.ConnectionReason
    >()
    // @ts-expect-error there is no such reason
    void run.pipe(Effect.catchReason("CodexRpcError", "NotFound", () => Effect.void))
    void run.pipe(Effect.timeout("1 minute"), Effect.retry({ while: CodexError.isRetryable }))
  })

  compiled("every error can be told from the others", () => {
    expectTypeOf((error: CodexError.CodexError) => {
      if (error._tag === "CodexRpcError") expectTypeOf(error.reason).toEqualTypeOf<CodexError.RpcReason>()
      if (error._tag === "TurnFailedError") expectTypeOf(error.result).toEqualTypeOf<TurnResult.TurnResult>()
      return CodexError.isRetryable(error)
    }).returns.toBeBoolean()
    expectTypeOf<typeof CodexError.CodexError.Type>().toEqualTypeOf<CodexError.CodexError>()
  })

  compiled("handlers know their parameters and their answer", () => {
    expectTypeOf<ServerRequests.Params<"item/tool/call">>().toEqualTypeOf<Protocol.DynamicToolCallParams>()
    expectTypeOf<ServerRequests.Method>().toEqualTypeOf<keyof Methods.ServerRequests>()
  })
})

describe("approval rules", () => {
  compiled("require no services", () => {
    expectTypeOf(ServerRequests.rules([{ action: "allow", path: "/src" }, { action: "ask", host: "example.com" }]))
      .toEqualTypeOf<ServerRequests.ServerRequestHandlers>()
    const decoded: ServerRequests.Rules = []
    expectTypeOf(ServerRequests.rules(decoded)).toEqualTypeOf<ServerRequests.ServerRequestHandlers>()
    // @ts-expect-error an unknown action
    ServerRequests.rules([{ action: "accept", command: ["ls"] }])
    // @ts-expect-error a command without words
    ServerRequests.rules([{ action: "allow", command: [] }])
  })
})

describe("capabilities", () => {
  compiled("have the types of the protocol", () => {
    expectTypeOf<Stream.Success<typeof codex.rateLimits.changes>>().toEqualTypeOf<
      Protocol.GetAccountRateLimitsResponse
    >()
    expectTypeOf<Stream.Success<typeof codex.hooks.runs>["method"]>().toEqualTypeOf<"hook/started" | "hook/completed">()
    void codex.threadStart({ config: McpConfig.config({ docs: { url: "https://example.com" } }) })
    // @ts-expect-error a server is a program or a URL
    McpConfig.config({ docs: { args: [] } })
    // @ts-expect-error an unknown key
    McpConfig.config({ docs: { url: "https://example.com", bearer_token: "secret" } })
  })
})

describe("promises", () => {
  interface Count {
    readonly tests: number
  }
  const promised = (thread: Promises.Thread, output: Promises.AnySchema<Count>) => {
    expectTypeOf(thread.run("x")).toEqualTypeOf<Promise<TurnResult.TurnResult>>()
    expectTypeOf(thread.run("x", { output })).toEqualTypeOf<Promise<Output.TypedResult<Count>>>()
    expectTypeOf(thread.turn("x")).toEqualTypeOf<Promise<Promises.Turn>>()
    expectTypeOf(thread.turn("x", { output })).toEqualTypeOf<Promise<Promises.TypedTurn<Count>>>()
    expectTypeOf(thread.stream("x")).toEqualTypeOf<AsyncIterable<Notification.Notification>>()
    expectTypeOf(thread.stream("x", { output })).toEqualTypeOf<
      AsyncIterable<Notification.Notification | Output.OutputEvent<Count>>
    >()
  }
  compiled("turns have the types of their answers", () => promised)
})
