/**
 * The standard streams of a command, read from its options.
 */
import * as Effect from "effect/Effect"
import * as PlatformError from "effect/PlatformError"
import type * as ChildProcess from "effect/process/ChildProcess"
import * as Redacted from "effect/Redacted"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"

type Bytes = Stream.Stream<Uint8Array, PlatformError.PlatformError>
type Transducer = Sink.Sink<Uint8Array, Uint8Array, never, PlatformError.PlatformError>

/** The standard streams of a command. */
export interface Stdio {
  readonly stdin: { readonly isIgnored: boolean; readonly source: Bytes | undefined; readonly endOnDone: boolean }
  readonly stdout: { readonly isIgnored: boolean; readonly sink: Transducer | undefined }
  readonly stderr: { readonly isIgnored: boolean; readonly sink: Transducer | undefined }
}

/** The failure of a command that cannot be started as it is described. */
export const badCommand = (description: string): PlatformError.PlatformError =>
  PlatformError.badArgument({ module: "ChildProcess", method: "spawn", description })

const output = (option: ChildProcess.CommandOptions["stdout"]) => {
  const stream = option === undefined || typeof option === "string" || Sink.isSink(option) ? option : option.stream
  return {
    isInherited: stream === "inherit",
    isIgnored: stream === "ignore",
    sink: Sink.isSink(stream) ? stream : undefined
  }
}

const input = (option: ChildProcess.CommandOptions["stdin"]) => {
  const config: ChildProcess.StdinConfig = option === undefined || typeof option === "string" || Stream.isStream(option)
    ? { stream: option ?? "pipe" }
    : option
  return {
    isInherited: config.stream === "inherit",
    isIgnored: config.stream === "ignore",
    source: Stream.isStream(config.stream) ? config.stream : undefined,
    endOnDone: config.endOnDone ?? true
  }
}

/** Reads the standard streams of a command. Fails for `"inherit"`: the server's machine does not have ours. */
export const parse = (options: ChildProcess.CommandOptions): Effect.Effect<Stdio, PlatformError.PlatformError> => {
  const stdio = { stdin: input(options.stdin), stdout: output(options.stdout), stderr: output(options.stderr) }
  for (const [name, { isInherited }] of Object.entries(stdio)) {
    if (isInherited) {
      return Effect.fail(badCommand(
        `${name}: "inherit" is impossible, because the command runs on the server's machine; use "pipe" or "ignore"`
      ))
    }
  }
  return Effect.succeed(stdio)
}

/** Returns the text of a word, which may be redacted. */
export const unwrap = (word: string | Redacted.Redacted<string>): string =>
  Redacted.isRedacted(word) ? Redacted.value(word) : word

/**
 * Returns the command line and environment of a command. Fails if a part contains NUL, which would end it early, and never shows
 * the part.
 */
export const words = (
  command: ChildProcess.StandardCommand
): Effect.Effect<
  { readonly line: ReadonlyArray<string>; readonly env: Readonly<Record<string, string | undefined>> | undefined },
  PlatformError.PlatformError
> => {
  const { env, shell } = command.options
  const isShell = shell !== undefined && shell !== false
  if (isShell && command.args.length > 0) {
    return Effect.fail(
      badCommand("the shell option cannot be combined with arguments; pass the whole script as the command")
    )
  }
  const line = isShell
    ? [shell === true ? "/bin/sh" : shell, "-c", command.command]
    : [command.command, ...command.args.map(unwrap)]
  if (line.some((word) => word.includes("\0"))) {
    return Effect.fail(badCommand("the command or one of its arguments contains a NUL character"))
  }
  if (env === undefined) return Effect.succeed({ line, env })
  const variables = Object.entries(env).map(([name, value]) =>
    [name, value === undefined ? undefined : unwrap(value)] as const
  )
  const bad = variables.find(([name, value]) => name.includes("\0") || name.includes("=") || value?.includes("\0"))
  return bad === undefined
    ? Effect.succeed({ line, env: Object.fromEntries(variables) })
    : Effect.fail(
      badCommand(
        `the environment variable ${bad[0].replaceAll("\0", "")} contains a NUL character, or its name contains =`
      )
    )
}
