/**
 * The verdict of rules on what a request asks for.
 *
 * A rule that allows matches only what it is certain of. A rule that asks or declines matches whatever might be meant. If a request
 * has several parts, such as the commands of a pipe, the least permitted part decides.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import { isWithin, normalized, type RealPath, split } from "../../base/paths.ts"
import * as Shell from "../../base/shell.ts"
import type { Rule } from "./ApprovalRules.ts"
import type { McpToolApproval } from "./McpElicitation.ts"

/** The action of the rule that matches; undefined if none does. */
export type Verdict = Rule["action"] | undefined

type Rules = ReadonlyArray<Rule>

/** Returns the action of the first rule that matches. */
const first = (rules: Rules, matches: (rule: Rule) => boolean): Verdict => rules.find(matches)?.action

/** Returns the verdict on the whole. Every part has to be allowed; there is none without parts. */
const least = (verdicts: ReadonlyArray<Verdict>): Verdict =>
  verdicts.includes("decline")
    ? "decline"
    : verdicts.length > 0 && verdicts.every((verdict) => verdict === "allow")
    ? "allow"
    : undefined

/** Returns the verdict on a command, as words or as Codex joins them. `actions` are the commands that Codex recognized in it. */
export const onCommand = (rules: Rules, command: string | ReadonlyArray<string>, { actions, isPlain }: {
  readonly actions: ReadonlyArray<string>
  /** Whether the command asks for nothing but to be run. */
  readonly isPlain: boolean
}): Verdict => {
  const commands = isPlain ? certain(command, actions) : undefined
  const whole = [...(typeof command === "string" ? [command] : command), ...actions].join(" ")
  return commands === undefined
    ? first(rules, (rule) => rule.action !== "allow" && "command" in rule && Shell.mayContain(whole, rule.command))
    : least(commands.map((each) => first(rules, (rule) => "command" in rule && matchesCommand(rule, each))))
}

const matchesCommand = (
  { action, command }: Extract<Rule, { readonly command: unknown }>,
  words: Shell.Command
): boolean =>
  action === "allow"
    ? !Shell.isRunner(words[0]) && command.every((word, index) => word === words[index])
    : Shell.mayContain(words.join(" "), command)

/** Returns the commands that run; undefined if there is any doubt, or if Codex has recognized others. */
const certain = (
  command: string | ReadonlyArray<string>,
  actions: ReadonlyArray<string>
): ReadonlyArray<Shell.Command> | undefined => {
  const words = typeof command === "string" ? Shell.splitWords(command) : command
  const [program, flag, script, ...more] = words ?? []
  if (program === undefined) return undefined
  let commands: ReadonlyArray<Shell.Command> | undefined
  if (Shell.isShell(program)) {
    if (script === undefined || more.length > 0 || (flag !== "-c" && flag !== "-lc")) return undefined
    commands = Shell.commandsOf(script)
  } else {
    commands = typeof command === "string" ? Shell.commandsOf(command) : [[program, ...command.slice(1)]]
  }
  const known = new Set(commands?.map((each) => JSON.stringify(each)))
  const isKnown = (action: string) =>
    Shell.commandsOf(action)?.every((each) => known.has(JSON.stringify(each))) ?? false
  return actions.every(isKnown) ? commands : undefined
}

/** Returns the verdict on a host that a command wants to reach. */
export const onHost = (rules: Rules, host: string): Verdict => {
  const name = hostName(host)
  return first(rules, (rule) => {
    if (!("host" in rule)) return false
    if (name === undefined) return rule.action !== "allow"
    const isBelow = rule.host.startsWith("*.")
    const wanted = hostName(isBelow ? rule.host.slice(2) : rule.host)
    return isBelow ? name.endsWith(`.${wanted}`) : name === wanted
  })
}

/** Returns a host in the one form that all its spellings have: lower case, punycode, IPv4 addresses with four numbers. */
const hostName = (host: string): string | undefined => {
  if (/[\s/@?#\\]/.test(host)) return undefined
  const text = `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}/`
  return URL.canParse(text) ? new URL(text).hostname.replace(/\.$/, "") : undefined
}

/** Returns the verdict on a call of an MCP tool. */
export const onMcpTool = (rules: Rules, { serverName, toolName }: McpToolApproval): Verdict =>
  first(rules, (rule) =>
    "mcpServer" in rule && rule.mcpServer === serverName
    && (rule.tool === undefined || rule.tool === toolName || (toolName === undefined && rule.action !== "allow")))

/** Returns the verdict on changes of files. Without paths, it is unknown which files change. */
export const onPaths = (
  rules: Rules,
  paths: ReadonlyArray<string> | undefined,
  follow: RealPath
): Effect.Effect<Verdict> =>
  Effect.gen(function*() {
    const real = yield* Effect.forEach(rules, (rule) => "path" in rule ? realPath(follow, rule.path) : Effect.undefined)
    const verdicts: Array<Verdict> = []
    for (const path of paths ?? [undefined]) {
      const written = path === undefined ? undefined : normalized(path)
      const actual = path === undefined ? undefined : yield* realPath(follow, path)
      const index = rules.findIndex((rule, index) => {
        if (!("path" in rule)) return false
        const directory = real[index]
        if (rule.action === "allow") {
          return actual !== undefined && directory !== undefined && isWithin(actual, directory)
        }
        if (written === undefined || actual === undefined) return true
        return mayBeWithin(written, normalized(rule.path)) || mayBeWithin(actual, directory)
      })
      verdicts.push(rules[index]?.action)
    }
    return least(verdicts)
  })

/** Some file systems ignore case. */
const mayBeWithin = (path: string, directory: string | undefined): boolean =>
  directory !== undefined && isWithin(path.toLowerCase(), directory.toLowerCase())

/**
 * Follows the links of a path. What does not exist yet lies where its directory is. Undefined if that is in doubt: the path is not
 * absolute, goes up, or ends in a link to nowhere, through which a new file would be written.
 */
const realPath = (follow: RealPath, path: string): Effect.Effect<string | undefined> =>
  Effect.suspend(() => {
    const clean = normalized(path)
    if (clean === undefined || path.split(/[\\/]/).includes("..")) return Effect.undefined
    return Effect.catch(Effect.map(follow(clean), normalized), (reason) => {
      const parts = split(clean)
      if (reason !== "missing" || parts === undefined) return Effect.undefined
      const [directory, name] = parts
      return Effect.map(
        realPath(follow, directory),
        (real) => real === undefined ? undefined : `${real.endsWith("/") ? real : `${real}/`}${name}`
      )
    })
  })

/** Returns the paths that a change of a file touches; undefined if it is of an unknown kind. */
export const pathsOf = (
  { kind, path }: Pick<Protocol.FileUpdateChange, "kind" | "path">
): ReadonlyArray<string> | undefined => {
  if (kind.type === "add" || kind.type === "delete") return [path]
  if (kind.type !== "update") return undefined
  const moved: unknown = "move_path" in kind ? kind.move_path : undefined
  return moved === undefined || moved === null ? [path] : typeof moved === "string" ? [path, moved] : undefined
}
