/**
 * The masker of one recorder or replay: masks texts, values and messages, and learns from them. A value found in a field
 * with a secret's name is hidden wherever it appears later.
 */
import { type Decoding, decodings, KnownSecrets, minLength } from "effect-codex/Secrets"
import * as Redacted from "effect/Redacted"
import * as Os from "node:os"
import * as Path from "node:path"
import { isMessage, type Message } from "../format/Recording.ts"
import { asText, bytesOf, decodeBase64, encodeBase64, fromText, textOf } from "./bytes.ts"
import { type Found, scan, secret } from "./forms.ts"
import { isAuthorizationName, isSecretName, maxName } from "./names.ts"
import type { Options } from "./Options.ts"
import { Places } from "./Places.ts"

/** Replaces a text that could not be masked. */
export const unmaskable = "[not recorded]"

/** The length of a text that is not held back any longer. */
const undecidedMax = 4096

/** A shorter variable is too common a text to be hidden because of its name. */
const minVariable = 8

/** Names of fields whose value is described by a field beside them, as in `{ "name": "x-api-key", "value": "..." }`. */
const nameFields = ["name", "key", "keyPath"]

/** Names of fields that are remembered. */
const maxNames = 1000

export class Masker {
  private readonly secrets = new KnownSecrets()
  private readonly places = new Places()
  /** Secrets and directories with spaces in them, which a piece of text may end in the middle of. */
  private readonly spaced = new Set<string>()
  private readonly replace: ReadonlyArray<readonly [RegExp, string]>
  /** Questions of the server whose answers are secret, by the id of the request. */
  private readonly secretQuestions = new Map<unknown, ReadonlySet<unknown>>()
  private scanned = 0
  /** Names of fields, masked. Messages repeat them, and a new secret may change them. */
  private readonly names = new Map<string, string>()

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
      else if (value !== undefined && value.length >= minVariable && isSecretName(name)) this.learnSecret(value)
    }

    for (const [name, path] of Object.entries(paths)) this.learnPath(name, path)
    const homes = [Os.homedir(), variable("HOME"), variable("USERPROFILE")].filter((home) => home !== undefined)
    const codexHome = config.codexHome ?? variable("CODEX_HOME") ?? Path.join(homes.at(-1) ?? Os.homedir(), ".codex")
    this.learnPath("/workspace", config.cwd ?? process.cwd())
    this.learnPath("/codex-home", codexHome)
    for (const home of homes) this.learnPath("/home/user", home)
    this.places.addHost(Os.hostname())
  }

  /** Characters that were looked at so far. Tests use it to show that the work is linear. */
  get work(): number {
    return this.secrets.work + this.scanned
  }

  private learnPath(name: string, path: string): void {
    this.places.addPath(name, path)
    this.names.clear()
    for (const text of this.places.texts) if (/\s/.test(text)) this.spaced.add(text)
  }

  private learnSecret(text: string): void {
    if (text.length < minLength || text === secret) return
    this.secrets.add(text)
    this.names.clear()
    if (/\s/.test(text)) this.spaced.add(text)
  }

  /** Returns a text with its secrets and places replaced. */
  text(text: string): string {
    const texts = decodings(text)
    const known = this.secrets.find(texts).map((span): Found => ({ ...span, replacement: secret }))
    const places = texts.flatMap((decoding) => this.places.find(decoding))
    const masked = replaced(text, [...known, ...places, ...texts.flatMap((decoding) => this.formsIn(decoding))])
    return this.replace.reduce((masked, [pattern, replacement]) => masked.replace(pattern, replacement), masked)
  }

  private name(name: string): string {
    const known = this.names.get(name)
    if (known !== undefined) return known
    const masked = this.text(name)
    if (this.names.size >= maxNames) this.names.clear()
    if (name.length <= maxName) this.names.set(name, masked)
    return masked
  }

  private formsIn({ origin, text }: Decoding): ReadonlyArray<Found> {
    const { found, work } = scan(text)
    this.scanned += work
    return found.map(({ end, replacement, start }) => ({ start: origin(start), end: origin(end), replacement }))
  }

  /** Returns bytes, a character each, with their secrets replaced. In bytes that are no text, only ASCII is found. */
  bytes(bytes: string): string {
    const known = textOf(bytes)
    if (known?.complete !== true) return fromText(this.text(asText(bytes)))
    const masked = this.text(known.text)
    return masked === known.text ? bytes : bytesOf(masked)
  }

  /** Returns true if bytes, a character each, are masked the same way whatever is appended to them. */
  decidedBytes(bytes: string): boolean {
    const known = textOf(bytes)
    return known === undefined ? this.decided(asText(bytes)) : known.complete && this.decided(known.text)
  }

  /** Returns true if a text is masked the same way whatever is appended to it. */
  decided(text: string): boolean {
    const tail = text.slice(-undecidedMax)
    const undecided = tail.length - this.openIn(tail)
    return undecided === 0 || undecided >= undecidedMax
  }

  /** Returns the index from which on more text may change the masking. */
  private openIn(text: string): number {
    const word = lastWord(text)
    if (word < text.length) return word
    let open = Math.min(...decodings(text).map(openForm))
    for (const known of this.spaced) open = Math.min(open, text.length - overlap(text, known))
    return open
  }

  /** Returns a JSON value with its secrets replaced. `field` is the name of the field that holds it. */
  value(value: unknown, field = ""): unknown {
    if (typeof value === "string") {
      if (isSecretName(field) && value !== "") {
        this.learnCredentials(field, value)
        return secret
      }
      if (!field.endsWith("Base64")) return this.text(value)
      const bytes = decodeBase64(value)
      const masked = this.bytes(bytes)
      return masked === bytes ? value : encodeBase64(masked)
    }
    if (Array.isArray(value)) {
      return value.map((element, index) => this.value(element, flagOf(value[index - 1]) ?? field))
    }
    return isMessage(value) ? this.fields(value) : value
  }

  private fields(value: Message): Message {
    const secretName = nameFields.map((field) => value[field]).find((name) =>
      typeof name === "string" && isSecretName(name)
    )
    return Object.fromEntries(
      Object.entries(value).map(([key, field]) => [
        this.name(key),
        this.value(field, key === "value" && typeof secretName === "string" ? secretName : key)
      ])
    )
  }

  /** Learns a secret, and the credentials in it if it is the value of the header `Authorization`. */
  private learnCredentials(field: string, value: string): void {
    this.learnSecret(value)
    const [, scheme = "", credentials = ""] = isAuthorizationName(field) ? /^(\S+)\s+(\S+)$/.exec(value) ?? [] : []
    this.learnSecret(credentials)
    if (scheme.toLowerCase() !== "basic") return
    const pair = textOf(decodeBase64(credentials))?.text ?? ""
    this.learnSecret(pair.slice(pair.indexOf(":") + 1))
  }

  /** Returns a message of the protocol with its secrets replaced. */
  message(message: Message): Message {
    this.hear(message)
    const masked = Object.fromEntries(Object.entries(message).map(([key, field]) => [key, this.value(field, key)]))
    const questions = message["method"] === undefined ? this.secretQuestions.get(message["id"]) : undefined
    return questions === undefined ? masked : withoutAnswers(masked, questions)
  }

  /** Learns from a message the secrets and places of later ones. */
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

/**
 * Replaces parts of a text. If one of several overlapping parts contains the others, it wins. Otherwise all of them together
 * become one secret.
 */
const replaced = (text: string, found: ReadonlyArray<Found>): string => {
  if (found.length === 0) return text
  let masked = ""
  let copied = 0
  let current: Found | undefined
  for (const next of found.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (current !== undefined && next.start < current.end) {
      if (next.end > current.end) current = { start: current.start, end: next.end, replacement: secret }
      continue
    }
    if (current !== undefined) {
      masked += text.slice(copied, current.start) + current.replacement
      copied = current.end
    }
    current = next
  }
  return current === undefined
    ? text
    : masked + text.slice(copied, current.start) + current.replacement + text.slice(current.end)
}

/** The index of the word that a text ends with; the length of the text if it ends with a space. */
const lastWord = (text: string): number => {
  let start = text.length
  while (start > 0 && text[start - 1]!.trim() !== "") start--
  return start
}

const openForm = ({ origin, text }: Decoding): number => origin(scan(text).open)

/** The length of the longest end of a text that another one begins with. */
const overlap = (text: string, other: string): number => {
  // Knuth, Morris and Pratt: how much of `other` each of its characters ends, and then how much of it the text ends.
  const borders: Array<number> = [0]
  const extend = (length: number, character: string | undefined): number => {
    let size = length
    while (size > 0 && (size === other.length || other[size] !== character)) size = borders[size - 1]!
    return other[size] === character ? size + 1 : size
  }
  for (let index = 1; index < other.length; index++) borders.push(extend(borders[index - 1]!, other[index]))
  let size = 0
  for (let index = Math.max(0, text.length - other.length); index < text.length; index++) {
    size = extend(size, text[index])
  }
  return size === other.length ? 0 : size
}

/** Returns the name of a flag, such as `--api-key`, if an argument of a command is one. */
const flagOf = (argument: unknown): string | undefined =>
  typeof argument === "string" && /^--?[\w-]+$/.test(argument) && isSecretName(argument) ? argument : undefined

/** Returns a response to `item/tool/requestUserInput` without the answers to these questions. */
const withoutAnswers = (message: Message, questions: ReadonlySet<unknown>): Message => {
  const result = message["result"]
  if (!isMessage(result) || !isMessage(result["answers"])) return message
  const answers = Object.entries(result["answers"]).map(([question, answer]) => [
    question,
    questions.has(question) ? { answers: [secret] } : answer
  ])
  return { ...message, result: { ...result, answers: Object.fromEntries(answers) } }
}
