/**
 * Errors that a server reports: refused requests and failed turns, with related facts that the client knows.
 */
import * as Predicate from "effect/Predicate"
import { ErrorCode } from "../base/JsonRpc.ts"
import { type Hide, hiding } from "../base/secrets.ts"
import { mapStrings } from "../base/strings.ts"
import { CodexRpcError, TurnFailedError } from "../model/errors/CodexError.ts"
import { rpcReason, turnFailedReason } from "../model/errors/Refusal.ts"
import type { TurnResult } from "../model/turns/TurnResult.ts"

/** The errors of one client. */
export class ServerErrors {
  private hideOfConnection: Hide = (text) => text
  private readonly secrets = new Set<string>()
  private hideSecrets: Hide = (text) => text
  /** The time at which the exhausted usage limit resets, in Unix seconds; null if none is exhausted. */
  private resetsAt: number | null = null

  /** Hides the secrets of a connection in errors from now on. */
  open(hide: Hide | undefined): void {
    this.hideOfConnection = hide ?? ((text) => text)
  }

  /** Hides a secret that was sent to the server in errors from now on. */
  keepSecret(secret: string): void {
    if (this.secrets.has(secret)) return
    this.secrets.add(secret)
    this.hideSecrets = hiding(Array.from(this.secrets))
  }

  /** Hides the secrets of the connection, and those that were sent, in a text of the server. */
  readonly hide: Hide = (text) => this.hideSecrets(this.hideOfConnection(text))

  /** Reads `account/rateLimits/updated`. An update without windows changes nothing. */
  rateLimits(params: unknown): void {
    const limits = Predicate.isObject(params) && Predicate.isObject(params["rateLimits"]) ? params["rateLimits"] : {}
    const windows = [limits["primary"], limits["secondary"]].filter(Predicate.isObject)
    if (windows.length === 0) return
    const resets = windows.filter(({ usedPercent }) => typeof usedPercent === "number" && usedPercent >= 100)
      .map(({ resetsAt }) => resetsAt).filter(Predicate.isNumber)
    this.resetsAt = resets.length === 0 ? null : Math.max(...resets)
  }

  /** The error of a request that was answered with `error`. */
  rpc(request: { readonly method: string; readonly threadId?: string | undefined }, error: unknown): CodexRpcError {
    const { code, data, message } = Predicate.isObject(error) ? error : {}
    const serverCode = typeof code === "number" ? code : ErrorCode.serverError
    const serverMessage = this.hide(typeof message === "string" ? message : "the server sent no message")
    return new CodexRpcError({
      reason: rpcReason(request.method, serverCode, serverMessage, data),
      method: request.method,
      code: serverCode,
      serverMessage,
      ...(data === undefined ? {} : { data: mapStrings(data, this.hide) }),
      ...(request.threadId === undefined ? {} : { threadId: request.threadId })
    })
  }

  /** The error of a turn that ended with status `failed`. */
  turnFailed(result: TurnResult): TurnFailedError {
    const error = result.error === null ? null : {
      ...result.error,
      message: this.hide(result.error.message),
      ...(typeof result.error.additionalDetails === "string"
        ? { additionalDetails: this.hide(result.error.additionalDetails) }
        : {})
    }
    return new TurnFailedError({
      reason: turnFailedReason(error, this.resetsAt),
      threadId: result.threadId,
      turnId: result.id,
      error,
      result: { ...result, error }
    })
  }
}
