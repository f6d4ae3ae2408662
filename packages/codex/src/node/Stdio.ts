/**
 * A Transport to an app-server that runs as a child process, over its standard input and output.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { hiding } from "../base/secrets.ts"
import { splitMessages, Transport } from "../model/connection/Transport.ts"
import { CodexConnectError } from "../model/errors/CodexError.ts"
import { look } from "./Binary.ts"
import { codec } from "./bytes.ts"
import * as ChildProcess from "./ChildProcess.ts"
import { command } from "./Command.ts"
import { defaults, type ProcessOptions } from "./ProcessOptions.ts"
import { realPath } from "./realPath.ts"

/** Returns the secrets in the environment of the process. */
export const secretsOf = ({ env = {} }: Pick<ProcessOptions, "env">): ReadonlyArray<string> =>
  Object.values(env).flatMap((value) => Redacted.isRedacted(value) ? [Redacted.value(value)] : [])

/** Creates a missing CODEX_HOME that only this user can read, because Codex stores the login there. */
const createHome = (path: string | undefined): Effect.Effect<void, CodexConnectError> =>
  path === undefined ? Effect.void : Effect.suspend(() => {
    try {
      Fs.mkdirSync(path, { recursive: true, mode: 0o700 })
      return Effect.void
    } catch (error) {
      // Deno has no code for a permission that the program lacks.
      const { code, message } = error as NodeJS.ErrnoException
      const detail = code === "EEXIST"
        ? "codexHome is not a directory"
        : `codexHome cannot be created (${code ?? message})`
      return Effect.fail(new CodexConnectError({ reason: { _tag: "BadDirectory", detail }, target: path }))
    }
  })

/**
 * A Transport that starts `codex app-server` and connects to its standard input and output.
 *
 * Each connection starts a process in a process group of its own. When the scope of the connection closes, the process has
 * `shutdownGrace` to end after the end of its input, and the same time again after SIGTERM; then its group receives SIGKILL.
 *
 * @category layers
 */
export const layerStdio = (options: ProcessOptions = {}): Layer.Layer<Transport> =>
  Layer.sync(Transport, () => {
    // Later connections resolve paths against the same directory.
    const directory = process.cwd()
    return Transport.of({
      connect: Effect.gen(function*() {
        const resolved = yield* command(options, directory)
        if (options.codexHome !== undefined) yield* createHome(resolved.env["CODEX_HOME"])
        const hide = hiding(secretsOf(options))
        const child = yield* ChildProcess.spawn(resolved, {
          stderr: options.stderr ?? defaults.stderr,
          hide,
          grace: Duration.fromInputUnsafe(options.shutdownGrace ?? defaults.shutdownGrace)
        })
        return {
          receive: (accept) =>
            Effect.suspend(() => {
              const messages = splitMessages(codec, accept)
              return child.read(messages.push).pipe(
                Effect.andThen(messages.end()),
                Effect.andThen(Effect.flatMap(child.lost, Effect.fail))
              )
            }),
          send: (message) => child.write(`${message}\n`),
          target: resolved.program,
          hide
        }
      }),
      // With `args`, the server may run on another machine.
      ...(options.args !== undefined ? {} : {
        look: (path) => look(Path.resolve(directory, options.cwd ?? "", path)),
        realPath
      })
    })
  })
