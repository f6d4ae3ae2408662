/**
 * A scanner for secrets and e-mail addresses that are recognised by their form, without knowing them.
 *
 * It reads every character a bounded number of times, so its work is linear in the length of the text, whatever the text
 * contains: an answer of the model, or the output of a command, may be a single word of a megabyte. A regular expression
 * for the same forms would start again at each character of such a word. The scanner counts the characters that it reads,
 * and a test holds the bound.
 */
import type { Span } from "effect-codex/Secrets"
import { Buffer } from "node:buffer"
import { isAuthorizationName, isCookieName, isPasswordName, isSecretName, isSecretParameter, maxName } from "./names.ts"

/** Replaces a secret. */
export const secret = "[secret]"

/** Replaces an e-mail address. */
export const someone = "someone@example.com"

/** A part of a text that is to be hidden, and its replacement. */
export interface Found extends Span {
  readonly replacement: string
}

/** The result of a scan. */
export interface Scan {
  readonly found: ReadonlyArray<Found>
  /** Index of the first character whose masking may change when more text follows; the length of the text if none may. */
  readonly open: number
  /** Characters that were read. */
  readonly work: number
}

// ---------------------------------------------------------------------------------------------------------------------
// Characters
// ---------------------------------------------------------------------------------------------------------------------

type Is = (code: number) => boolean

const oneOf = (characters: string): Is => {
  const members = new Uint8Array(128)
  for (let index = 0; index < characters.length; index++) members[characters.charCodeAt(index)] = 1
  return (code) => members[code] === 1
}

const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
const alphanumeric = `${upper}${upper.toLowerCase()}0123456789`
const isWord = oneOf(`${alphanumeric}_`)
const isName = oneOf(`${alphanumeric}_-`)
const isHost = oneOf(`${alphanumeric}_.-`)
const isMailbox = oneOf(`${alphanumeric}_.+-`)
const isToken = oneOf(`${alphanumeric}_.~+/=-`)
const isBase64 = oneOf(`${alphanumeric}_-+/`)
const isUpper = oneOf(`${upper}0123456789`)
const isBlank = oneOf(" \t")
const isSpace: Is = (code) => code === 32 || (code >= 9 && code <= 13) || code === 0xa0 || code === 0xfeff
const isQuote = oneOf("\"'`")
const isQuoteOrBackslash = oneOf("\"'`\\")

/** Ends a value without quotes. */
const endsValue: Is = (code) => isSpace(code) || isQuoteOrBackslash(code)

/** Ends a parameter of a URL. */
const isDelimiter = oneOf("&#")
const endsParameter: Is = (code) => endsValue(code) || isDelimiter(code)

const isBreak = oneOf("\r\n")

/** Stands before a flag of a command. */
const beginsFlag: Is = (code) => isSpace(code) || isQuoteOrBackslash(code)

/** Punctuation after a value that is most likely not part of it. */
const isPunctuation = oneOf(".,;:)}]>")

// ---------------------------------------------------------------------------------------------------------------------
// Forms
// ---------------------------------------------------------------------------------------------------------------------

/** A key with a well-known beginning. */
interface Key {
  readonly prefix: string
  readonly is: Is
  /** Characters after the prefix that make it a key. */
  readonly min: number
}

const keysOf = (is: Is, min: number, prefixes: ReadonlyArray<string>): ReadonlyArray<Key> =>
  prefixes.map((prefix) => ({ prefix, is, min }))

const allKeys = [
  ...keysOf(isWord, 8, ["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"]),
  ...keysOf(isName, 16, ["sk-", "glpat-"]),
  ...keysOf(isWord, 20, ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"]),
  ...keysOf(isName, 10, ["xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"]),
  ...keysOf(isUpper, 16, ["AKIA", "ASIA"]),
  ...keysOf(isName, 30, ["AIza", "ya29."]),
  ...keysOf(isWord, 30, ["npm_", "hf_"])
]

/** Keys by the code of their first character. */
const keys = Array.from(
  { length: 128 },
  (_, code): ReadonlyArray<Key> => allKeys.filter(({ prefix }) => prefix.charCodeAt(0) === code)
)

/** Schemes of the header `Authorization` whose credentials are one word. */
const schemes = new Set(["basic", "bearer", "token", "apikey", "negotiate"])

/** Schemes whose credentials are a list. */
const listSchemes = new Set(["digest", "hawk", "signature", "aws4-hmac-sha256"])

/** Words after a colon or an equals sign that are no value, but code or data. */
const noValue = new Set(["string", "number", "boolean", "unknown", "undefined", "null", "true", "false", "none"])

/** The length from which on a value after a secret's name is taken for one. */
const minValue = 8
const minPassword = 4

const privateKeyBegin = "-----BEGIN "
const privateKey = "PRIVATE KEY-----"

const minOf = (name: string): number => isPasswordName(name) ? minPassword : minValue

/** Returns true for words and brackets that begin code or data in place of a value. */
const isNoValue = (value: string): boolean => noValue.has(value) || /^(?:[{[(<]|\$[{(])/.test(value)

/** The value of a name: its least length, and the characters that end it where it has no quotes. */
interface Value {
  readonly name: string
  readonly min: number
  readonly ends: Is
}

class Scanner {
  readonly found: Array<Found> = []
  open: number
  work = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
    this.open = text.length
    for (let at = 0; at < text.length; at++) at = Math.max(at, this.look(at) - 1)
    this.trailingName()
    this.work += text.length
  }

  /** Looks for a form at an index. Returns the index to go on from, if it is not the next one. */
  private look(at: number): number {
    const code = this.text.charCodeAt(at)
    switch (code) {
      case 0x3a: // :
      case 0x3d: // =
        return this.text.startsWith("://", at) ? this.userInfo(at + 3) : this.separator(at)
      case 0x40: // @
        return this.mail(at)
      case 0x2d: // -
        return this.flag(at)
    }
    if (!isWord(code) || (at > 0 && isWord(this.text.charCodeAt(at - 1)))) return at
    return this.key(at, code) ?? this.jwt(at) ?? this.scheme(at, code) ?? this.pem(at) ?? at
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Keys
  // -------------------------------------------------------------------------------------------------------------------

  private key(at: number, code: number): number | undefined {
    for (const { is, min, prefix } of keys[code] ?? []) {
      this.work += prefix.length
      if (!this.text.startsWith(prefix, at)) continue
      const end = this.run(at + prefix.length, is)
      if (end - at - prefix.length >= min) return this.hide(at, end)
    }
    return undefined
  }

  /** Three parts with dots between them; the first is the base64 of a JSON object. */
  private jwt(at: number): number | undefined {
    // Within a longer word it would be looked for again and again.
    if (!this.text.startsWith("eyJ", at) || (at > 0 && isName(this.text.charCodeAt(at - 1)))) return undefined
    const header = this.run(at, isName)
    const payload = this.run(header + 1, isName)
    if (header - at < 11 || this.text[header] !== "." || payload - header < 9 || this.text[payload] !== ".") {
      return undefined
    }
    return this.hide(at, this.run(payload + 1, isName))
  }

  private pem(at: number): number | undefined {
    const start = at - "-----".length
    if (start < 0 || !this.text.startsWith(privateKeyBegin, start)) return undefined
    const label = this.run(at + "BEGIN ".length, (code) => isBlank(code) || isUpper(code))
    if (!this.text.startsWith("-----", label) || !this.text.startsWith(privateKey, label - "PRIVATE KEY".length)) {
      return undefined
    }
    const footer = this.text.indexOf(privateKey, label + "-----".length)
    const end = footer === -1 ? this.text.length : footer + privateKey.length
    this.work += end - label
    if (footer === -1) this.open = Math.min(this.open, start)
    return this.hide(start, end)
  }

  /** A scheme of authorization and its credentials, wherever they stand. */
  private scheme(at: number, code: number): number | undefined {
    if (code !== 0x62 && code !== 0x42) return undefined // b, B
    const word = this.text.slice(at, at + 6).toLowerCase()
    const length = word === "bearer" ? 6 : word.startsWith("basic") ? 5 : 0
    if (length === 0 || !isSpace(this.text.charCodeAt(at + length))) return undefined
    const start = this.run(at + length, isSpace)
    const end = this.run(start, length === 6 ? isToken : isBase64)
    if (end === this.text.length) this.open = Math.min(this.open, at)
    if (end - start < minValue || (length === 5 && !isCredentials(this.text.slice(start, end)))) return undefined
    return this.hide(start, length === 5 ? this.run(end, oneOf("=")) : end)
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Values after a name
  // -------------------------------------------------------------------------------------------------------------------

  /** A name before a colon or an equals sign, and its value after it. */
  private separator(at: number): number {
    const end = this.runBack(this.runBack(at, isBlank), isQuoteOrBackslash)
    const start = this.runBack(end, isName, maxName)
    const name = this.text.slice(start, end)
    const before = this.text[start - 1]
    if (before === "?" || before === "&") {
      return isSecretParameter(name) ? this.value(start, at + 1, { name, min: 1, ends: endsParameter }) : at
    }
    return isSecretName(name) ? this.value(start, at + 1, { name, min: minOf(name), ends: endsValue }) : at
  }

  /** A flag of a command, such as `--api-key`, with its value as the next word. */
  private flag(at: number): number {
    if (this.text[at - 1] !== "-" || (at > 1 && !beginsFlag(this.text.charCodeAt(at - 2)))) return at
    const end = this.run(at + 1, isName)
    const name = this.text.slice(Math.max(at + 1, end - maxName), end)
    if (!isBlank(this.text.charCodeAt(end)) || !isSecretName(name)) return at
    return this.value(at - 1, end, { name, min: minOf(name), ends: endsValue })
  }

  /** Hides the value of a name, which begins at `from` after spaces and quotes. Returns the index after it. */
  private value(nameAt: number, from: number, { ends, min, name }: Value): number {
    const { text } = this
    // `=>` and `:=` are separators, too.
    const first = this.run(this.run(from, oneOf("=>")), isBlank)
    const unescaped = this.run(first, oneOf("\\"))
    const quote = isQuote(text.charCodeAt(unescaped)) ? text[unescaped] : undefined
    let start = quote === undefined ? first : unescaped + 1
    let isLine = quote !== undefined || isCookieName(name)
    if (isAuthorizationName(name)) {
      const word = this.run(start, isName)
      const scheme = text.slice(start, word).toLowerCase()
      const next = this.run(word, isBlank)
      isLine ||= listSchemes.has(scheme)
      if (schemes.has(scheme) || listSchemes.has(scheme)) start = next
    }
    if (text.startsWith(secret, start)) return start + secret.length
    const stop = isLine
      ? this.lineEnd(start, quote, unescaped > first)
      : this.run(start, (code) => !ends(code))
    if (stop === text.length) this.open = Math.min(this.open, nameAt)
    const end = isLine ? stop : this.runBack(stop, isPunctuation, stop - start)
    if (!isLine && isNoValue(text.slice(start, Math.min(end, start + 16)))) return stop
    return end - start >= (isLine ? Math.min(min, minPassword) : min) ? this.hide(start, end) : stop
  }

  /** The end of a value with spaces: its closing quote, or the end of the line. */
  private lineEnd(start: number, quote: string | undefined, isEscaped: boolean): number {
    const { text } = this
    let at = start
    for (; at < text.length && !isBreak(text.charCodeAt(at)); at++) {
      if (text[at] === quote) break
      if (text[at] === "\\" && quote !== undefined) {
        if (isEscaped && text[at + 1] === quote) break
        at++
      }
    }
    this.work += at - start
    return Math.min(at, text.length)
  }

  /** A secret's name at the end of the text, whose value may follow. */
  private trailingName(): void {
    const end = this.runBack(this.runBack(this.text.length, isBlank), isQuoteOrBackslash)
    const start = this.runBack(end, isName, maxName)
    if (isSecretName(this.text.slice(start, end))) this.open = Math.min(this.open, start)
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Addresses
  // -------------------------------------------------------------------------------------------------------------------

  /** A name and a password before the host of a URL. */
  private userInfo(start: number): number {
    const end = this.run(start, (code) => !isSpace(code) && code !== 0x2f && code !== 0x40)
    const colon = this.text.slice(start, end).indexOf(":")
    if (this.text[end] !== "@" || colon < 1 || start + colon === end - 1) return start
    return this.hide(start, end)
  }

  private mail(at: number): number {
    // A password in a URL ends where the name of a mailbox would.
    const start = Math.max(this.runBack(at, isMailbox), this.found.at(-1)?.end ?? 0)
    if (start === at) return at
    const host = this.text.slice(at + 1, Math.min(this.run(at + 1, isHost), at + 256))
    const [domain] = /^(?:[\w-]+\.)+[A-Za-z]{2,}\b/.exec(host) ?? []
    if (domain === undefined) return at
    const end = at + 1 + domain.length
    this.found.push({ start, end, replacement: someone })
    return end
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Reading
  // -------------------------------------------------------------------------------------------------------------------

  private hide(start: number, end: number): number {
    this.found.push({ start, end, replacement: secret })
    return end
  }

  /** The end of the characters of a kind that begin at an index. */
  private run(from: number, is: Is): number {
    let at = from
    while (at < this.text.length && is(this.text.charCodeAt(at))) at++
    this.work += at - from + 1
    return at
  }

  /** The beginning of the characters of a kind that end before an index. */
  private runBack(from: number, is: Is, max = from): number {
    let at = from
    while (at > from - max && at > 0 && is(this.text.charCodeAt(at - 1))) at--
    this.work += from - at + 1
    return at
  }
}

/** Returns true if a word is the base64 of a name, a colon and a password. */
const isCredentials = (word: string): boolean => {
  const decoded = Buffer.from(word, "base64").toString("utf8")
  // oxlint-disable-next-line no-control-regex
  return decoded.includes(":") && !/[\0-\x1f\x7f\ufffd]/.test(decoded)
}

/** Finds the secrets and e-mail addresses of a text that have a known form. */
export const scan = (text: string): Scan => new Scanner(text)
