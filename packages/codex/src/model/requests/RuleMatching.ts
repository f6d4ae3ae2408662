/**
 * The verdict of rules on a request.
 *
 * A rule that allows matches only what it is certain of. A rule that asks or declines matches whatever might be meant. If a request
 * has several parts, such as the commands of a pipe, the least permitted part decides.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import { hostName } from "../../base/hosts.ts"
import { folded, isWithin, normalized, type RealPath, split } from "../../base/paths.ts"
import * as Shell from "../../base/shell.ts"
import type { Rule } from "./ApprovalRules.ts"
import type { McpToolApproval } from "./McpElicitation.ts"

/** The action of the rule that matches; undefined if none does. */
export type Verdict = Rule["action"] | undefined

type Rules = ReadonlyArray<Rule>

/** Returns the action of the first rule that matches. */
const first = (rules: Rules, matches: (rule: Rule) => boolean): Verdict => rules.find(matches)?.action

/** Returns the verdict on a request with these verdicts on its parts. It is allowed only if every part is. */
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
  if (commands === undefined) {
    const mayContain = Shell.reader([...(typeof command === "string" ? [command] : command), ...actions].join(" "))
    return first(rules, (rule) => rule.action !== "allow" && "command" in rule && mayContain(rule.command))
  }
  return least(commands.map((words) => {
    const mayContain = Shell.reader(words.join(" "))
    return first(
      rules,
      (rule) =>
        "command" in rule && (rule.action === "allow" ? isAllowed(rule.command, words) : mayContain(rule.command))
    )
  }))
}

const isAllowed = (command: ReadonlyArray<string>, words: Shell.Command): boolean =>
  Shell.isItself(words) && command.every((word, index) => word === words[index])

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

/** Returns the verdict on a call of an MCP tool. */
export const onMcpTool = (rules: Rules, { serverName, toolName }: McpToolApproval): Verdict =>
  first(rules, (rule) =>
    "mcpServer" in rule && rule.mcpServer === serverName
    && (rule.tool === undefined || rule.tool === toolName || (toolName === undefined && rule.action !== "allow")))

/**
 * Returns the verdict on changes of files. Without paths, it is unknown which files change. `granted` is a directory in which any
 * file may change from now on.
 */
export const onPaths = (
  rules: Rules,
  paths: ReadonlyArray<string> | undefined,
  granted: string | null | undefined,
  follow: RealPath
): Effect.Effect<Verdict> =>
  Effect.gen(function*() {
    const real = yield* Effect.forEach(rules, (rule) => "path" in rule ? realPath(follow, rule.path) : Effect.undefined)
    const verdicts: Array<Verdict> = []
    const single = (paths ?? [undefined]).map((path) => ({ path, mayBeIn: mayBeWithin }))
    const all = typeof granted === "string" ? [...single, { path: granted, mayBeIn: mayOverlap }] : single
    for (const { mayBeIn, path } of all) {
      const written = path === undefined ? undefined : normalized(path)
      const actual = path === undefined ? undefined : yield* realPath(follow, path)
      const index = rules.findIndex((rule, index) => {
        if (!("path" in rule)) return false
        const directory = real[index]
        if (rule.action === "allow") {
          return actual !== undefined && directory !== undefined && isFixed(rule.path, directory)
            && isWithin(actual, directory)
        }
        if (written === undefined || actual === undefined) return true
        return mayBeIn(written, normalized(rule.path)) || mayBeIn(actual, directory)
      })
      verdicts.push(rules[index]?.action)
    }
    return least(verdicts)
  })

/**
 * Returns true if the path of a rule has no links. A link may be new: whoever may change the directory could make it lead anywhere.
 */
const isFixed = (path: string, directory: string): boolean => folded(normalized(path) ?? "") === folded(directory)

/** Compares without case and forms of Unicode, which some file systems ignore. */
const mayBeWithin = (path: string, directory: string | undefined): boolean =>
  directory !== undefined && isWithin(folded(path), folded(directory))

/** Returns true if a directory may have files of another one. */
const mayOverlap = (path: string, directory: string | undefined): boolean =>
  directory !== undefined && (mayBeWithin(path, directory) || mayBeWithin(directory, path))

/**
 * Follows the links of a path. A file that does not exist yet lies in the real path of its directory. Undefined if that is in doubt:
 * the path is not absolute, contains `..`, or ends in a link to nowhere, through which a new file would be written.
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
