/**
 * What the server asks of its client, and how it is answered: approvals, tools, user input, elicitation, ...
 *
 * A vocabulary: a record with a handler for each method. The client runs each handler in a fiber of its own, so a handler
 * may take as long as it likes, and interrupts it when no answer is needed any more.
 */
import type * as Methods from "@effect-codex/protocol/Methods"
import * as Clock from "effect/Clock"
import type * as EffectContext from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** A method with which the server asks. */
export type Method = keyof Methods.ServerRequests

/** The parameters of a method. */
export type Params<M extends Method> = Methods.ServerRequests[M]["params"]

/** The answer to a method. */
export type Response<M extends Method> = Methods.ServerRequests[M]["response"]

/**
 * A refusal to answer, sent to the server as a JSON-RPC error.
 *
 * @category errors
 */
export class ServerRequestError extends Schema.TaggedError<ServerRequestError>("effect-codex/ServerRequestError")(
  "ServerRequestError",
  {
    /** Shown to the server, and often to the model. */
    message: Schema.String,
    /** The JSON-RPC code. Default: -32603, an internal error. */
    code: Schema.optionalKey(Schema.Number),
    data: Schema.optionalKey(Schema.Unknown)
  }
) {}

/**
 * What a handler knows beside the parameters.
 *
 * @category models
 */
export interface Context {
  readonly method: Method
  /** The JSON-RPC id of the request, unique for as long as it is open. */
  readonly requestId: string | number
  /** The thread that asks; undefined for what concerns no thread. */
  readonly threadId: string | undefined
  /** The turn that asks; undefined for what concerns no turn. */
  readonly turnId: string | undefined
}

/**
 * Answers one method.
 *
 * @category models
 */
export type Handler<M extends Method, R = never> = (
  params: Params<M>,
  context: Context
) => Effect.Effect<Response<M>, ServerRequestError, R>

/**
 * Handlers by method. A method that is left out is answered as {@link declineAll} does.
 *
 * @category models
 */
export type ServerRequestHandlers<R = never> = { readonly [M in Method]?: Handler<M, R> }

/** A handler whose method is not known to the types. */
export type AnyHandler<R = never> = (
  params: unknown,
  context: Context
) => Effect.Effect<unknown, ServerRequestError, R>

/** A handler for every method. */
export type Complete<R = never> = { readonly [M in Method]: Handler<M, R> }

const answer = <A>(response: A) => () => Effect.succeed(response)

const refuse = (message: string) => () => Effect.fail(new ServerRequestError({ message }))

const denied = { denied: { rejection: "Declined by the client." } }

/**
 * The default: nothing is allowed, nobody is asked, and the server is told so at once. Never silence, never a silent yes.
 *
 * @category handlers
 */
export const declineAll: Complete = {
  "item/commandExecution/requestApproval": answer({ decision: "decline" }),
  "item/fileChange/requestApproval": answer({ decision: "decline" }),
  "item/permissions/requestApproval": answer({ permissions: {}, scope: "turn" }),
  "item/tool/requestUserInput": answer({ answers: {} }),
  "mcpServer/elicitation/request": answer({ action: "decline", content: null, _meta: null }),
  "item/tool/call": (params) =>
    Effect.succeed({
      success: false,
      contentItems: [{ type: "inputText", text: `No handler is registered for the tool ${params.tool}.` }]
    }),
  "account/chatgptAuthTokens/refresh": refuse("This client does not manage ChatGPT tokens."),
  "attestation/generate": refuse("This client does not generate attestations."),
  "currentTime/read": () =>
    Effect.map(Clock.currentTimeMillis, (millis) => ({ currentTimeAt: Math.floor(millis / 1000) })),
  applyPatchApproval: answer({ decision: denied }),
  execCommandApproval: answer({ decision: denied })
}

/** Fills the methods that are left out, from other handlers: those of {@link declineAll} if nothing else is said. */
export const complete = (
  handlers: ServerRequestHandlers,
  rest: Complete = declineAll
): Complete => ({ ...rest, ...definedOnly(handlers) })

const definedOnly = (handlers: ServerRequestHandlers): ServerRequestHandlers =>
  Object.fromEntries(Object.entries(handlers).filter(([, handler]) => handler !== undefined))

/** Gives handlers the services that they require. */
export const provideContext = <R>(
  handlers: ServerRequestHandlers<R>,
  context: EffectContext.Context<R>
): ServerRequestHandlers =>
  Object.fromEntries(
    Object.entries(handlers as { readonly [method: string]: AnyHandler<R> | undefined }).flatMap(([method, handler]) =>
      handler === undefined ? [] : [[
        method,
        (params: unknown, request: Context) => Effect.provideContext(handler(params, request), context)
      ]]
    )
  )
