/**
 * The script of `/bin/sh` that starts a command: it answers whether there is such a program, tells the process id, and becomes the
 * program. Its first line of output is `P` and the id, or `E` and an error number.
 */
import { quote } from "../server/quote.ts"

/** A descriptor beyond the standard three, connected to a named pipe. */
export interface Descriptor {
  readonly fd: number
  readonly type: "input" | "output"
  /** The path of the pipe. */
  readonly pipe: string
}

/** The way in which a command is started. */
export interface Start {
  readonly ignoreStdout: boolean
  readonly ignoreStderr: boolean
  /** Variables that the shell would add to an environment without them. */
  readonly unset: ReadonlyArray<string>
  readonly descriptors: ReadonlyArray<Descriptor>
}

/** Looks for the program as the system does. The names of variables are unlikely, for they would change those of the command. */
const check = `case $1 in
*/*) [ -e "$1" ] || { echo E2; exit 127; }; { [ -f "$1" ] && [ -x "$1" ]; } || { echo E13; exit 126; };;
*) __codex_e=2; IFS=:; set -f
for __codex_d in \${PATH-/usr/bin:/bin}; do [ -f "\${__codex_d:-.}/$1" ] || continue
if [ -x "\${__codex_d:-.}/$1" ]; then __codex_e=0; break; fi; __codex_e=13; done
[ "$__codex_e" = 0 ] || { echo "E$__codex_e"; exit 127; }
unset IFS; set +f
case $1 in -*) __codex_e=$1; shift; set -- "\${__codex_d:-.}/$__codex_e" "$@";; esac;;
esac
`

const redirections = ({ descriptors, ignoreStderr, ignoreStdout }: Start): string =>
  [
    ...descriptors.map(({ fd, pipe, type }) => `${fd}${type === "input" ? "<" : ">"}${quote(pipe)}`),
    ...(ignoreStdout ? [">/dev/null"] : []),
    ...(ignoreStderr ? ["2>/dev/null"] : [])
  ].join(" ")

const unsetting = ({ unset }: Start): string => unset.length === 0 ? "" : `unset ${unset.join(" ")}; `

/** The script that becomes the command. */
const becoming = (start: Start): string => `${check}${unsetting(start)}echo "P$$"\nexec "$@" ${redirections(start)}\n`

/** Returns the command line that starts a command. */
export const commandLine = (command: ReadonlyArray<string>, start: Start): ReadonlyArray<string> => [
  "/bin/sh",
  "-c",
  becoming(start),
  "sh",
  ...command
]

/** A program that puts a command into a session of its own, so that its group can be signalled. */
export interface Sessions {
  readonly setsid: string | undefined
  readonly perl: string | undefined
}

/**
 * Returns the command line that starts a command and stays: it reads names of signals from its standard input, sends them to the
 * group of the command, and ends with its exit code. The command's standard input is empty. Returns `undefined` if the machine has
 * nothing to make a session with, or if no descriptor is free.
 */
export const stayingCommandLine = (
  command: ReadonlyArray<string>,
  start: Start,
  { perl, setsid }: Sessions
): ReadonlyArray<string> | undefined => {
  const session = setsid !== undefined
    ? quote(setsid)
    : perl === undefined
    ? undefined
    : `${quote(perl)} -e 'require POSIX; POSIX::setsid(); exec {$ARGV[0]} @ARGV'`
  const free = [9, 8, 7, 6, 5, 4, 3].find((fd) => start.descriptors.every((descriptor) => descriptor.fd !== fd))
  if (session === undefined || free === undefined) return undefined
  const script = `${check}exec ${free}<&0
${session} /bin/sh -c '${unsetting(start)}echo "P$$"; exec "$@" ${
    redirections(start).replaceAll("'", `'\\''`)
  }' sh "$@" </dev/null ${free}<&- &
__codex_c=$!
while read -r __codex_s <&${free}; do
kill -s "$__codex_s" -- "-$__codex_c" 2>/dev/null || kill -s "$__codex_s" "$__codex_c"
done >/dev/null 2>&1 &
__codex_r=$!
wait "$__codex_c"; __codex_e=$?
kill "$__codex_r" 2>/dev/null
exit "$__codex_e"
`
  return ["/bin/sh", "-c", script, "sh", ...command]
}

/** The first line of a wrapper. */
export type FirstLine = { readonly pid: number } | { readonly errno: number }

/** Reads the first line of a wrapper; `undefined` for anything else. */
export const parseFirstLine = (line: string): FirstLine | undefined => {
  const [, kind, digits] = /^([PE])(\d+)\r?$/.exec(line) ?? []
  if (kind === undefined) return undefined
  return kind === "P" ? { pid: Number(digits) } : { errno: Number(digits) }
}
