/**
 * A process on the server's machine, as the protocol has it: bytes in, bytes out, an exit code. `process/*` runs it with the
 * rights of the server's user, `command/exec` in a sandbox; from here on the two are the same.
 */
import type * as CodexClient from "effect-codex/CodexClient"
import type * as CodexError from "effect-codex/CodexError"
import { CodexConnectionError } from "effect-codex/CodexError"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { type Sandbox, toParams } from "../model/Sandbox.ts"
import * as base64 from "./base64.ts"
import type { OutputStream, Subscription } from "./Subscription.ts"

/** The size of a terminal, in character cells. */
export interface Size {
  /** The number of lines. */
  readonly rows: number
  /** The number of columns. */
  readonly cols: number
}

/** A program to start. */
export interface Program {
  readonly command: ReadonlyArray<string>
  /** An absolute path. */
  readonly cwd: string
  /** Variables to set, or to remove (`null`), in the server's environment. */
  readonly env?: { readonly [name: string]: string | null } | undefined
  /** Whether it reads what `write` sends. Otherwise its standard input is empty. */
  readonly stdin: boolean
  /** The size of its terminal, if it gets one. */
  readonly terminal?: Size | undefined
}

/** A started process. */
export interface RemoteProcess {
  /** The exit code, after all output. Fails with the error of the connection, or with the server's refusal to start it. */
  readonly exit: Deferred.Deferred<number, CodexError.RequestError>
  /** Writes to its standard input. Completes when the server has room for more. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, CodexError.RequestError>
  readonly closeStdin: Effect.Effect<void, CodexError.RequestError>
  /** Kills the process and its group. */
  readonly terminate: Effect.Effect<void, CodexError.RequestError>
  readonly resize: (size: Size) => Effect.Effect<void, CodexError.RequestError>
}

/** Takes the output of a process as it arrives. */
export type OnOutput = (stream: OutputStream, bytes: Uint8Array) => void

/** Starts processes. */
export interface Runner {
  readonly start: (program: Program, onOutput: OnOutput) => Effect.Effect<RemoteProcess, CodexError.RequestError>
  /** The subscription to the present connection. */
  readonly subscription: Effect.Effect<Subscription, CodexError.RequestError>
}

/** The most that one request writes: a larger one would keep other requests of the connection waiting. */
export const pieceSize = 256 * 1024

/** Requests that stay open for as long as a process runs, or does not read. */
const unlimited = { timeout: Duration.infinity, retry: false } as const

const inPieces = (
  bytes: Uint8Array,
  write: (piece: string) => Effect.Effect<unknown, CodexError.RequestError>
): Effect.Effect<void, CodexError.RequestError> => {
  if (bytes.length <= pieceSize) return bytes.length === 0 ? Effect.void : Effect.asVoid(write(base64.encode(bytes)))
  const pieces = Array.from(
    { length: Math.ceil(bytes.length / pieceSize) },
    (_, index) => bytes.subarray(index * pieceSize, (index + 1) * pieceSize)
  )
  return Effect.forEach(pieces, (piece) => write(base64.encode(piece)), { discard: true })
}

/** The standard input of a process, written by the requests that `send` makes. */
const stdin = (
  send: (input: { readonly deltaBase64: string } | { readonly closeStdin: true }) => Effect.Effect<
    unknown,
    CodexError.RequestError
  >
): Pick<RemoteProcess, "write" | "closeStdin"> => ({
  write: (bytes) => inPieces(bytes, (deltaBase64) => send({ deltaBase64 })),
  closeStdin: Effect.asVoid(send({ closeStdin: true }))
})

/** The end of what outlives its layer. */
const closed = Exit.fail(new CodexConnectionError({ reason: { _tag: "Closed" } }))

type Client = CodexClient.CodexClient["Service"]

/** A runner of processes outside any sandbox. */
const processRunner = (
  client: Client,
  subscription: Effect.Effect<Subscription, CodexError.RequestError>
): Runner => ({
  subscription,
  start: Effect.fnUntraced(function*(program, onOutput) {
    const connection = yield* subscription
    const exit = Deferred.makeUnsafe<number, CodexError.RequestError>()
    const end = (result: Exit.Exit<number, CodexError.RequestError>) => {
      connection.remove(processHandle)
      Deferred.doneUnsafe(exit, result)
    }
    const processHandle: string = connection.add({
      output: onOutput,
      exited: (code) => end(Exit.succeed(code)),
      lost: (error) => Deferred.doneUnsafe(exit, Exit.fail(error))
    })
    const terminate = Effect.asVoid(client.request("process/kill", { processHandle }))
    yield* connection.request(client.request("process/spawn", {
      command: program.command,
      cwd: program.cwd,
      env: program.env,
      processHandle,
      streamStdin: program.stdin,
      streamStdoutStderr: true,
      tty: program.terminal !== undefined,
      size: program.terminal,
      outputBytesCap: null,
      timeoutMs: null
    }, unlimited)).pipe(
      Effect.tapError((error) => Effect.sync(() => end(Exit.fail(error)))),
      // The server may have started it already.
      Effect.onInterrupt(() => Effect.ignore(terminate))
    )
    return {
      exit,
      ...stdin((input) =>
        connection.request(client.request("process/writeStdin", { processHandle, ...input }, unlimited))
      ),
      terminate,
      resize: (size) => Effect.asVoid(client.request("process/resizePty", { processHandle, size }))
    }
  })
})

/** A runner of processes in a sandbox. The scope is where their requests, which last as long as they do, are awaited. */
const commandRunner = (
  client: Client,
  sandbox: Exclude<Sandbox, "none">,
  subscription: Effect.Effect<Subscription, CodexError.RequestError>,
  scope: Scope.Scope
): Runner => ({
  subscription,
  start: Effect.fnUntraced(function*(program, onOutput) {
    const connection = yield* subscription
    const exit = Deferred.makeUnsafe<number, CodexError.RequestError>()
    const processId: string = connection.add({
      output: onOutput,
      lost: (error) => Deferred.doneUnsafe(exit, Exit.fail(error))
    })
    yield* connection.request(client.request("command/exec", {
      ...toParams(sandbox),
      command: program.command,
      cwd: program.cwd,
      env: program.env,
      processId,
      streamStdin: program.stdin,
      streamStdoutStderr: true,
      tty: program.terminal !== undefined,
      size: program.terminal,
      disableOutputCap: true,
      disableTimeout: true
    }, unlimited)).pipe(
      Effect.ensuring(connection.settled),
      Effect.onExit((result) =>
        Effect.sync(() => {
          connection.remove(processId)
          Deferred.doneUnsafe(
            exit,
            Exit.isFailure(result) && Exit.hasInterrupts(result) ? closed : Exit.map(result, ({ exitCode }) => exitCode)
          )
        })
      ),
      Effect.forkIn(scope, { startImmediately: true })
    )
    return {
      exit,
      ...stdin((input) => connection.request(client.request("command/exec/write", { processId, ...input }, unlimited))),
      terminate: Effect.asVoid(client.request("command/exec/terminate", { processId })),
      resize: (size) => Effect.asVoid(client.request("command/exec/resize", { processId, size }))
    }
  })
})

/** Makes the runner of a sandbox. */
export const makeRunner = (
  client: Client,
  sandbox: Sandbox,
  subscription: Effect.Effect<Subscription, CodexError.RequestError>,
  scope: Scope.Scope
): Runner =>
  sandbox === "none"
    ? processRunner(client, subscription)
    : commandRunner(client, sandbox, subscription, scope)
