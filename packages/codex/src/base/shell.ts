/**
 * Commands in the text of a shell: exactly, where the text leaves no doubt, and roughly, for any text.
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

/** Programs that run their arguments, or text from elsewhere, as a command. */
const runners = new Set(
  (". builtin bash busybox chroot cmd cmd.exe command coproc csh dash doas env eval exec fish flock ionice ksh nice nohup "
    + "parallel powershell powershell.exe pwsh pwsh.exe rbash runuser script setsid sh source ssh stdbuf strace su sudo taskset "
    + "tcsh time timeout trap unbuffer unshare watch xargs zsh").split(" ")
)

/** Returns true if a program runs whatever its arguments say, so that its name says nothing about what happens. */
export const isRunner = (program: string): boolean => runners.has(baseName(program).toLowerCase())

/** Returns true if a path is that of a POSIX shell, where a system keeps it. */
export const isShell = (program: string): boolean =>
  /^(?:\/bin\/|\/usr\/bin\/|\/run\/current-system\/sw\/bin\/)?(?:ba|da|k|z)?sh$/.test(program)

const baseName = (path: string): string => path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1)

/** Returns true if the words may occur in a text, in this order: whatever quotes, escapes and wrappers are around them. */
export const mayContain = (text: string, words: ReadonlyArray<string>): boolean => {
  const wanted = words.flatMap((word) => wordsIn(word.toLowerCase()))
  return readings(text).some((reading) => {
    let next = 0
    for (const word of reading) if (next < wanted.length && mayBe(word, wanted[next]!)) next++
    return next === wanted.length
  })
}

/** The words of a text as a shell might read them: with quotes removed, and with quotes as ends of words. */
const readings = (text: string): ReadonlyArray<ReadonlyArray<string>> => {
  const decoded = text
    .replace(/\\\r?\n/g, "")
    .replace(
      /\\x([0-9a-f]{1,2})|\\u([0-9a-f]{1,4})|\\U([0-9a-f]{1,8})/gi,
      (whole, ...codes: ReadonlyArray<unknown>) => {
        const code = Number.parseInt(String(codes.find((each) => typeof each === "string")), 16)
        return code <= 0x10ffff ? String.fromCodePoint(code) : whole
      }
    )
    .replace(/\\([0-7]{1,3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)))
    .toLowerCase()
  // An expansion that is empty joins what is around it.
  const emptied = decoded.replace(/\$(?:\{[^}]*\}|[a-z_]\w*|[\d@*#?!$-])?/g, "")
  return [text.toLowerCase(), decoded, emptied].flatMap((each) => [
    wordsIn(each.replace(/["'\\]/g, "")),
    wordsIn(each.replace(/["'\\]/g, " "))
  ])
}

const wordsIn = (text: string): ReadonlyArray<string> =>
  text.split(/[^\p{L}\p{N}_./:@%+*?[\]^!~-]+/u).filter((word) => word !== "")

/** Returns true if a word, or what follows its last slash, is the wanted one or a pattern that matches it. */
const mayBe = (word: string, wanted: string): boolean =>
  [word, baseName(word), word.replace(/^[[\]!^]+|[[\]]+$/g, "")].some((each) =>
    each === wanted || each === `${wanted}.exe` || (/[*?[]/.test(each) && globMatches(each, wanted))
  )

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
