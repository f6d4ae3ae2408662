/**
 * Readers of shell scripts: an exact one for text that leaves no doubt, and a rough one for any text.
 */

/** The words of one command. The first one is the program. */
export type Command = readonly [program: string, ...args: ReadonlyArray<string>]

/** Blanks between words, and the characters that mean only themselves. Everything else needs quotes, or is in doubt. */
const plain = /[A-Za-z0-9_./:@%+,=-]/

const operators = ["&&", "||", ";", "|"]

/** Control characters, line breaks among them. No command needs them, and shells treat them differently. */
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/

/**
 * Returns the commands of a script, in order, of which a POSIX shell runs some or all; undefined if there is any doubt. Only plain
 * words, quoted words without expansions, and the operators `&&`, `||`, `;` and `|` leave none.
 */
export const commandsOf = (script: string): ReadonlyArray<Command> | undefined => {
  if (control.test(script)) return undefined
  const commands: Array<Command> = []
  let words: Array<string> = []
  let word: string | undefined
  const endWord = () => {
    if (word !== undefined) words.push(word)
    word = undefined
  }
  const endCommand = (): boolean => {
    endWord()
    const [program, ...args] = words
    words = []
    // An assignment is no program, and changes how the command runs.
    if (program === undefined || program === "" || program.includes("=")) return false
    commands.push([program, ...args])
    return true
  }
  for (let at = 0; at < script.length;) {
    const char = script[at]!
    const operator = operators.find((each) => script.startsWith(each, at))
    if (char === " " || char === "\t") {
      endWord()
      at++
    } else if (operator !== undefined) {
      if (script.startsWith("|&", at) || !endCommand()) return undefined
      at += operator.length
    } else if (char === "'" || char === "\"") {
      const end = script.indexOf(char, at + 1)
      const text = end < 0 ? "$" : script.slice(at + 1, end)
      if (end < 0 || char === "\"" && /[$`\\!]/.test(text)) return undefined
      word = (word ?? "") + text
      at = end + 1
    } else if (plain.test(char)) {
      // In zsh, a word that begins with = is replaced by a path.
      if (char === "=" && word === undefined) return undefined
      word = (word ?? "") + char
      at++
    } else return undefined
  }
  return endCommand() ? commands : undefined
}

/**
 * Returns the words from which a text was joined, with quotes where they are needed; undefined if the text is not of this form. It
 * is the form in which Codex reports the words of a command.
 */
export const splitWords = (text: string): ReadonlyArray<string> | undefined => {
  const words: Array<string> = []
  let word: string | undefined
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char === "'") {
      const end = text.indexOf("'", at + 1)
      if (end < 0) return undefined
      word = (word ?? "") + text.slice(at + 1, end)
      at = end
    } else if (char === "\"") {
      word ??= ""
      for (at++; text[at] !== "\""; at++) {
        if (at >= text.length || text[at] === "$" || text[at] === "`") return undefined
        if (text[at] === "\\" && /[$`"\\]/.test(text[at + 1] ?? "")) at++
        word += text[at]
      }
    } else if (char === " ") {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (plain.test(char)) word = (word ?? "") + char
    else return undefined
  }
  if (word !== undefined) words.push(word)
  return words
}

/** Programs that run their arguments, or text from elsewhere, as a command, and builtins that change what later commands mean. */
const runners = new Set(
  (". - alias autoload bind builtin busybox bash chroot cmd cmd.exe command coproc csh dash declare doas enable env eval exec "
    + "export fish flock functions hash integer ionice ksh let local mapfile mksh nice nocorrect noglob nohup nsenter parallel "
    + "pkexec powershell powershell.exe pwsh pwsh.exe rbash read readarray readonly run0 runuser script set setopt setsid sh "
    + "shopt source ssh stdbuf strace su sudo systemd-run taskset tcsh time timeout trap typeset unalias unbuffer unset "
    + "unshare watch xargs zmodload zsh").split(" ")
)

/** Builtins of shells that evaluate their arguments: `printf -v PATH x`, `test -v 'a[$(x)]'`. */
const evaluating = new Set(["[", "break", "continue", "exit", "print", "printf", "return", "shift", "test"])

/** Returns true if the arguments leave no doubt that a command only does what its program does. */
export const isItself = ([program, ...args]: Command): boolean =>
  !isRunner(program)
  && !(evaluating.has(program) && args.some((arg) => /^-[a-z]*v|[$`]/i.test(arg)))

/** Returns true if a program runs whatever its arguments say, so that its name says nothing about what happens. */
export const isRunner = (program: string): boolean => runners.has(baseName(program).toLowerCase())

/** Returns true if a path is that of a POSIX shell, where a system keeps it. */
export const isShell = (program: string): boolean =>
  /^(?:\/bin\/|\/usr\/bin\/|\/run\/current-system\/sw\/bin\/)?(?:ba|da|k|z)?sh$/.test(program)

const baseName = (path: string): string => path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1)

/**
 * Reads a text once, and returns a function that returns true if words may occur in it, in this order: whatever quotes, escapes and
 * wrappers surround them.
 */
export const reader = (text: string): (words: ReadonlyArray<string>) => boolean => {
  let read: ReadonlyArray<ReadonlyArray<Word>> | undefined
  return (words) => {
    const wanted = words.flatMap((word) => wordsIn(word.toLowerCase()))
    read ??= readings(text)
    return read.some((reading) => {
      let next = 0
      for (const word of reading) if (next < wanted.length && mayBe(word, wanted[next]!)) next++
      return next === wanted.length
    })
  }
}

/** The words of a text as a shell might read them: with quotes removed, and with quotes as ends of words. */
const readings = (text: string): ReadonlyArray<ReadonlyArray<Word>> => {
  const decoded = text
    .replace(/\\\r?\n/g, "")
    .replace(
      /\\x([0-9a-f]{1,2})|\\u([0-9a-f]{1,4})|\\U([0-9a-f]{1,8})/gi,
      (whole, ...codes: ReadonlyArray<unknown>) => {
        const code = Number.parseInt(String(codes.find((each) => typeof each === "string")), 16)
        return code <= 0x10ffff ? String.fromCodePoint(code) : whole
      }
    )
    .replace(/\\(0?[0-7]{1,3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))
    .toLowerCase()
  // An empty expansion, or one with its default value, joins its neighbours.
  const defaults = decoded.replace(/\$\{[^{}\s:=+?-]*:?[-=+?]([^{}]*)\}/g, "$1")
  const emptied = defaults.replace(/\$\([^()`]*\)|`[^`]*`|\$(?:\{[^{}]*\}|[a-z_]\w*|[\d@*#?!$-])?/g, "")
  const texts = [text.toLowerCase(), decoded, defaults, emptied, braced(defaults), braced(emptied).replace(/[()]/g, "")]
  const unquoted = texts.flatMap((each) => [each, each.replace(classes, "?")]).flatMap((each) => [
    each.replace(/["'\\]/g, ""),
    each.replace(/["'\\]/g, " ")
  ])
  const known = new Map<string, Word>()
  const wordOf = (text: string): Word => {
    const word = known.get(text) ?? formsOf(text)
    known.set(text, word)
    return word
  }
  return [...new Set(unquoted)].map((each) => wordsIn(each).map(wordOf))
}

/** Classes of characters in patterns of file names. */
const classes = /\[[!^]?\]?(?:\[[:.=][^\][\n]*\]|[^\][/\n])*\]/g

/** The longest word whose braces are expanded, and the most words that it may become. */
const maxBraced = 256

/** Expands the braces of words, from the inside, as long as the words stay few. */
const braced = (text: string): string =>
  text.split(/([\s;&|<>()]+)/).map((word) => {
    if (word.length > maxBraced || !word.includes("{")) return word
    let words = [word]
    for (let more = true; more;) {
      more = false
      words = words.flatMap((each) => {
        const found = words.length < maxBraced ? /\{([^{}]*,[^{}]*)\}/.exec(each) : null
        if (found === null) return [each]
        more = true
        const [before, after] = [each.slice(0, found.index), each.slice(found.index + found[0].length)]
        return found[1]!.split(",").map((part) => before + part + after)
      })
    }
    return words.join(" ")
  }).join("")

const wordsIn = (text: string): ReadonlyArray<string> =>
  text.split(/[^\p{L}\p{N}_./:@%+*?[\]^!~-]+/u).filter((word) => word !== "")

/** The names that a word may stand for, and patterns of names. */
interface Word {
  readonly names: ReadonlyArray<string>
  readonly patterns: ReadonlyArray<string>
  /** Earlier results of the patterns: scripts repeat their words. */
  readonly matches: Map<string, boolean>
}

/** A word may be a path, or be attached to a bracket or to an option such as `-c`. */
const formsOf = (word: string): Word => {
  const forms = [...new Set([word, baseName(word), word.replace(/^(?:-[a-z])?[[\]!^:]*|\]$/g, "")])]
  return {
    names: forms.flatMap((form) => form.endsWith(".exe") ? [form, form.slice(0, -4)] : [form]),
    patterns: forms.filter((form) => /[*?[]/.test(form)),
    matches: new Map()
  }
}

const mayBe = ({ matches, names, patterns }: Word, wanted: string): boolean => {
  if (patterns.length === 0) return names.includes(wanted)
  const known = matches.get(wanted)
  if (known !== undefined) return known
  const found = names.includes(wanted) || patterns.some((pattern) => globMatches(pattern, wanted))
  matches.set(wanted, found)
  return found
}

/** Matches a pattern of file names. A class of characters matches any one. A pattern of stars alone names nothing. */
const globMatches = (pattern: string, text: string): boolean => {
  if (/^[*?./]+$/.test(pattern) && !pattern.includes("?")) return false
  const parts = pattern.replace(/\[[^\]]*\]?/g, "?").replace(/\*+/g, "*")
  // Two rows of a table, because a regular expression with many stars may take exponential time.
  let row = [true, ...Array.from(text, () => false)]
  for (const part of parts) {
    const next = [part === "*" && row[0]!]
    for (let at = 1; at <= text.length; at++) {
      next.push(part === "*" ? row[at]! || next[at - 1]! : row[at - 1]! && (part === "?" || part === text[at - 1]))
    }
    row = next
  }
  return row[text.length]!
}
