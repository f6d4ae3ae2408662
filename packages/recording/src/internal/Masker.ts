/**
 * Applies what `Masking` says.
 */
import * as Redacted from "effect/Redacted"
import { Buffer } from "node:buffer"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import type { Options } from "../Masking.ts"
import { isMessage, type Message } from "../Recording.ts"

const secret = "[secret]"

/** A shorter text is no secret, and hiding it would hide half of everything else. */
const minSecret = 6

const secretVariable = /(?:^|_)(?:API_?KEY|ACCESS_KEY|PRIVATE_KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$/i

const secretField =
  /^(?:.*api[_-]?key|.*(?:access|refresh|id|session|bearer|auth|cancellation)[_-]?token|token|.*secret(?:[_-]?(?:key|access[_-]?key))?|password|authorization|cookie|user_?code|installation_?id|.*access[_-]?key)$/i

/** What keys look like, wherever they stand. */
const secretForms = new RegExp(
  [
    String.raw`\bsk-[\w-]{16,}`,
    String.raw`\bgh[pousr]_\w{20,}`,
    String.raw`\bgithub_pat_\w{20,}`,
    String.raw`\bglpat-[\w-]{16,}`,
    String.raw`\bxox[a-z]-[\w-]{10,}`,
    String.raw`\b(?:AKIA|ASIA)[0-9A-Z]{16}`,
    String.raw`\bAIza[\w-]{30,}`,
    String.raw`\b(?:npm|hf)_\w{30,}`,
    String.raw`\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*`,
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`,
    String.raw`(?<=\b[Bb]earer\s+)[\w.~+/=-]{8,}`,
    String.raw`(?<=:\/\/)[^\s/@:]+:[^\s/@]+(?=@)`,
    String
      .raw`(?<=[?&](?:state|code|code_challenge|code_verifier|access_token|id_token|token|key|sig|signature)=)[^&\s"'#]+`,
    String.raw`(?<=\b[A-Z0-9_]*(?:API_?KEY|ACCESS_KEY|TOKEN|SECRET|PASSWORD)=)[^\s"']{8,}`
  ].join("|"),
  "g"
)

const email = /[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,}\b/g

/** Longer than this is nothing that is looked for. */
const undecidedMax = 4096

/** Where the last word of a text begins that may be the beginning of something to hide, when more text follows. */
const lastWord = (text: string): number => {
  const key = text.lastIndexOf("-----BEGIN")
  if (key > text.lastIndexOf("-----END")) return key
  let start = text.length
  while (start > 0 && text[start - 1]!.trim() !== "") start--
  return /[Bb]earer\s+$/.exec(text.slice(Math.max(0, start - 32), start)) === null
    ? start
    : text.lastIndexOf("earer", start) - 1
}

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")

/** A pattern for a directory, with whichever slashes, as a whole name. */
const pathPattern = (path: string): string | undefined => {
  const names = path.split(/[\\/]+/).filter((name) => name !== "")
  if (names.length === 0 || /^[A-Za-z]:$/.test(names.at(-1)!)) return undefined
  const body = (/^[\\/]/.test(path) ? "[\\\\\\/]" : "") + names.map(escape).join("[\\\\\\/]+")
  // A short one like /root is part of many others: it counts only where a path can begin.
  return `${names.length > 1 ? "" : "(?<![\\p{L}\\p{N}_.~-])"}${body}(?![\\p{L}\\p{N}_-])`
}

/** The path itself, and what it is a link to. */
const pathAndTarget = (path: string): ReadonlyArray<string> => {
  const absolute = Path.resolve(path)
  try {
    return [absolute, Fs.realpathSync(absolute)]
  } catch {
    return [absolute]
  }
}

interface Known {
  readonly text: string
  readonly pattern: string
  readonly replacement: string
}

/** The text that bytes are, a character each, and whether its last character is complete; undefined if they are none. */
const textOf = (bytes: string): { readonly text: string; readonly complete: boolean } | undefined => {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, "latin1"), {
      stream: true
    })
    return { text, complete: Buffer.byteLength(text, "utf8") === bytes.length }
  } catch {
    return undefined
  }
}

/** Bytes that are no text, as one in which each that is not ASCII stands for nothing, least of all for a letter. */
const asText = (bytes: string): string =>
  bytes.replace(/[\x80-\xff]/g, (byte) => String.fromCharCode(0xf700 + byte.charCodeAt(0)))

const fromText = (text: string): string =>
  text.replace(/[\uf780-\uf7ff]/g, (character) => String.fromCharCode(character.charCodeAt(0) - 0xf700))

/** The bytes of a field in base64, a character each. */
export const decodeBase64 = (text: string): string => Buffer.from(text, "base64").toString("latin1")

/** The field of bytes, a character each. */
export const encodeBase64 = (bytes: string): string => Buffer.from(bytes, "latin1").toString("base64")

/**
 * Masks messages, and learns from them: what was found in a field that names it is hidden wherever it shows up later.
 */
export class Masker {
  private known: ReadonlyArray<Known> = []
  private literals: RegExp | undefined
  private replacements = new Map<string, string>()
  private readonly replace: ReadonlyArray<readonly [RegExp, string]>
  /** Questions of the server whose answers are secret, by the id of the request. */
  private readonly secretQuestions = new Map<unknown, ReadonlySet<unknown>>()

  constructor({ config = {}, paths = {}, replace = [], secrets = [] }: Options) {
    this.replace = replace
    const own = config.envMode === "replace" ? {} : process.env
    const variables = { ...own, ...config.env }
    const variable = (name: string): string | undefined => {
      const value = variables[name]
      return Redacted.isRedacted(value) ? Redacted.value(value) : value
    }

    for (const value of secrets) this.learnSecret(Redacted.isRedacted(value) ? Redacted.value(value) : value)
    for (const [name, value] of Object.entries(variables)) {
      if (Redacted.isRedacted(value)) this.learnSecret(Redacted.value(value))
      else if (value !== undefined && value.length >= 8 && secretVariable.test(name)) this.learnSecret(value)
    }

    for (const [name, path] of Object.entries(paths)) this.learnPath(name, path)
    const homes = [Os.homedir(), variable("HOME"), variable("USERPROFILE")].filter((home) => home !== undefined)
    const codexHome = config.codexHome ?? variable("CODEX_HOME") ?? Path.join(homes.at(-1) ?? Os.homedir(), ".codex")
    this.learnPath("/workspace", config.cwd ?? process.cwd())
    this.learnPath("/codex-home", codexHome)
    for (const home of homes) this.learnPath("/home/user", home)

    const host = Os.hostname()
    if (host.length >= 4 && host !== "localhost") this.learn(host, `(?<![\\w-])${escape(host)}(?![\\w-])`, "[host]")
  }

  /** Hides this directory from now on. The first name of a directory counts. */
  learnPath(name: string, path: string): void {
    if (path === "") return
    for (const text of pathAndTarget(path)) {
      const pattern = pathPattern(text)
      if (pattern !== undefined) this.learn(text, pattern, name)
    }
  }

  /** Hides this text from now on, also within a text that is JSON. */
  learnSecret(text: string): void {
    if (text.length < minSecret || text === secret) return
    for (const form of [text, JSON.stringify(text).slice(1, -1)]) this.learn(form, escape(form), secret)
  }

  private learn(text: string, pattern: string, replacement: string): void {
    if (this.known.some((other) => other.text === text)) return
    // The longest first: a directory within another has a name of its own.
    this.known = [...this.known, { text, pattern, replacement }].sort((a, b) => b.text.length - a.text.length)
    this.replacements = new Map(this.known.map((known, index) => [`k${index}`, known.replacement]))
    const source = this.known.map((known, index) => `(?<k${index}>${known.pattern})`).join("|")
    this.literals = new RegExp(source, process.platform === "win32" ? "giu" : "gu")
  }

  /** A text without what is to be hidden. */
  text(text: string): string {
    let masked = text
    if (this.literals !== undefined && masked !== "") {
      masked = masked.replace(this.literals, (...args) => {
        const groups: { readonly [name: string]: string | undefined } = args.at(-1)
        for (const name in groups) if (groups[name] !== undefined) return this.replacements.get(name)!
        return args[0]
      })
    }
    masked = masked.replace(secretForms, secret).replace(email, "someone@example.com")
    for (const [pattern, replacement] of this.replace) masked = masked.replace(pattern, replacement)
    return masked
  }

  /** As {@link text}, for bytes, a character each. In what is no text, only what is ASCII is found. */
  bytes(bytes: string): string {
    const known = textOf(bytes)
    if (known?.complete !== true) return fromText(this.text(asText(bytes)))
    const masked = this.text(known.text)
    return masked === known.text ? bytes : Buffer.from(masked, "utf8").toString("latin1")
  }

  /** Whether bytes, a character each, stay as they are masked now, whatever is appended to them. */
  decidedBytes(bytes: string): boolean {
    const known = textOf(bytes)
    return known === undefined ? this.decided(asText(bytes)) : known.complete && this.decided(known.text)
  }

  /** Whether a text stays as it is masked now, whatever is appended to it. */
  decided(text: string): boolean {
    const tail = text.length > undecidedMax ? text.slice(-undecidedMax) : text
    let length = tail.length - lastWord(tail)
    for (const { text: known } of this.known) {
      if (!/\s/.test(known)) continue
      for (let size = Math.min(known.length, tail.length); size > length; size--) {
        if (tail.endsWith(known.slice(0, size))) length = size
      }
    }
    return length === 0 || length >= undecidedMax
  }

  /** A JSON value without what is to be hidden. */
  value(value: unknown, field = ""): unknown {
    if (typeof value === "string") {
      if (secretField.test(field) && value !== "") {
        this.learnSecret(value)
        return secret
      }
      if (!field.endsWith("Base64")) return this.text(value)
      const bytes = decodeBase64(value)
      const masked = this.bytes(bytes)
      return masked === bytes ? value : encodeBase64(masked)
    }
    if (Array.isArray(value)) return value.map((element) => this.value(element, field))
    if (!isMessage(value)) return value
    const masked: Record<string, unknown> = {}
    for (const key in value) masked[this.text(key)] = this.value(value[key], key)
    return masked
  }

  /** A message of the protocol without what is to be hidden. */
  message(message: Message): Message {
    this.hear(message)
    const masked: Record<string, unknown> = {}
    for (const key in message) masked[key] = this.value(message[key], key)
    const questions = message["method"] === undefined ? this.secretQuestions.get(message["id"]) : undefined
    return questions === undefined ? masked : withoutAnswers(masked, questions)
  }

  /** Learns from a message what is to be hidden in later ones. */
  hear({ id, method, params, result }: Message): void {
    if (isMessage(result) && typeof result["codexHome"] === "string" && typeof result["userAgent"] === "string") {
      this.learnPath("/codex-home", result["codexHome"])
    }
    if (method === "item/tool/requestUserInput" && isMessage(params) && Array.isArray(params["questions"])) {
      const questions = params["questions"].filter((question) => isMessage(question) && question["isSecret"] === true)
      if (questions.length > 0) this.secretQuestions.set(id, new Set(questions.map((question) => question["id"])))
    }
  }
}

/** What was answered to `item/tool/requestUserInput`, without the answers to these questions. */
const withoutAnswers = (message: Message, questions: ReadonlySet<unknown>): Message => {
  const result = message["result"]
  if (!isMessage(result) || !isMessage(result["answers"])) return message
  const answers = Object.entries(result["answers"]).map(([question, answer]) => [
    question,
    questions.has(question) ? { answers: [secret] } : answer
  ])
  return { ...message, result: { ...result, answers: Object.fromEntries(answers) } }
}
