/**
 * The app-server as a child process: a Transport over its standard input and output.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { hiding } from "../base/secrets.ts"
import * as CodexConfig from "../CodexConfig.ts"
import { lines, Transport } from "../model/Transport.ts"
import * as ChildProcess from "./ChildProcess.ts"

/** The secrets that a process is given. */
const secretsOf = ({ env = {} }: CodexConfig.CodexConfig<unknown>): ReadonlyArray<string> =>
  Object.values(env).flatMap((value) => Redacted.isRedacted(value) ? [Redacted.value(value)] : [])

/**
 * `codex app-server` as a child process, on its standard input and output.
 *
 * Each connection starts a process in a process group of its own. Closing its scope ends the process's input, waits
 * `shutdownGrace`, then sends SIGTERM, then SIGKILL, to the group, and returns when the process is gone.
 *
 * @category layers
 */
export const layerStdio = (config: CodexConfig.CodexConfig<unknown> = {}): Layer.Layer<Transport> =>
  Layer.succeed(
    Transport,
    Transport.of({
      connect: Effect.gen(function*() {
        const command = yield* CodexConfig.command(config)
        const hide = hiding(secretsOf(config))
        const child = yield* ChildProcess.spawn(command, {
          stderr: config.stderr ?? CodexConfig.defaults.stderr,
          hide,
          grace: Duration.fromInputUnsafe(config.shutdownGrace ?? CodexConfig.defaults.shutdownGrace)
        })
        return {
          messages: Stream.concat(lines(child.stdout), Stream.unwrap(Effect.map(child.lost, Stream.fail))),
          send: (message) => child.write(`${message}\n`),
          program: command.program,
          hide
        }
      })
    })
  )
