/**
 * The command that starts a server: its executable, arguments, environment and working directory.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Path from "node:path"
import { printable } from "../base/printable.ts"
import { check } from "../model/errors/check.ts"
import { CodexConnectError, type InvalidInputError } from "../model/errors/CodexError.ts"
import * as Binary from "./Binary.ts"
import { configOverrides } from "./ConfigOverrides.ts"
import { checks, type ProcessOptions } from "./ProcessOptions.ts"

/**
 * A program, its arguments, its whole environment (secrets unwrapped) and its working directory.
 *
 * @category models
 */
export interface Command {
  /** The absolute path of the executable. */
  readonly program: string
  /** The arguments after the program. */
  readonly args: ReadonlyArray<string>
  /** The whole environment. The process inherits nothing else. */
  readonly env: { readonly [name: string]: string }
  /** The absolute path of the working directory. Undefined for that of this program. */
  readonly cwd: string | undefined
}

/**
 * Resolves options to the command that they stand for.
 *
 * The first of these that is present names the program: `args`, `codexPath`, the environment variable `CODEX_PATH`, the native
 * binary of the installed `@openai/codex`, `codex` on PATH. Paths are relative to the working directory of this program
 * (`directory`), never to `cwd`. Names without a separator are looked up on PATH, ignoring its relative entries.
 *
 * Fails with `InvalidInputError` if an option is invalid, and with `CodexConnectError` if the program does not exist.
 *
 * @category constructors
 */
export const command = (
  options: ProcessOptions = {},
  directory: string = process.cwd()
): Effect.Effect<Command, CodexConnectError | InvalidInputError> =>
  Effect.andThen(check(options, checks), commandOn("stdio://", options, directory))

/** Resolves options to the command of a server that listens at an address. */
export const commandOn = Effect.fnUntraced(function*(
  address: string,
  options: ProcessOptions,
  directory: string
): Effect.fn.Return<Command, CodexConnectError | InvalidInputError> {
  const absolute = (path: string | undefined) => path === undefined ? undefined : Path.resolve(directory, path)
  const env = yield* Effect.try({
    try: () => environment(options, absolute(options.codexHome)),
    // Deno throws if the program has no permission to read its environment.
    catch: (cause) => {
      const detail = printable(cause instanceof Error ? cause.message : String(cause))
      return new CodexConnectError({ reason: { _tag: "Other", detail }, target: "codex app-server" })
    }
  })
  const base = { cwd: absolute(options.cwd), env }
  if (options.args !== undefined) {
    const [program, ...args] = options.args
    return { ...base, program: yield* Binary.locate(program, { option: "args", directory, env }), args }
  }
  const overrides = yield* configOverrides(options.config ?? {})
  const binary = yield* Binary.find(options.codexPath, { directory, env })
  return {
    ...base,
    program: binary.path,
    args: [...overrides.flatMap((override) => ["--config", override]), "app-server", "--listen", address],
    env: binary.helpers === undefined ? env : Binary.withPath(env, binary.helpers)
  }
})

const environment = (options: ProcessOptions, codexHome: string | undefined): Record<string, string> => {
  const env: Record<string, string> = {}
  const set = (name: string, value: string | Redacted.Redacted<string> | undefined) => {
    if (value === undefined) delete env[name]
    else env[name] = Redacted.isRedacted(value) ? Redacted.value(value) : value
  }
  if (options.envMode !== "replace") { for (const [name, value] of Object.entries(process.env)) set(name, value) }
  for (const [name, value] of Object.entries(options.env ?? {})) set(name, value)
  if (codexHome !== undefined) env["CODEX_HOME"] = codexHome
  return env
}
