/**
 * Applies what `Masking` says.
 */
import type { Options } from "../Masking.ts"
import { type Message } from "../Recording.ts"
/** The bytes of a field in base64, a character each. */
export declare const decodeBase64: (text: string) => string
/** The field of bytes, a character each. */
export declare const encodeBase64: (bytes: string) => string
/**
 * Masks messages, and learns from them: what was found in a field that names it is hidden wherever it shows up later.
 */
export declare class Masker {
  private known
  private literals
  private replacements
  private readonly replace
  /** Questions of the server whose answers are secret, by the id of the request. */
  private readonly secretQuestions
  constructor({ config, paths, replace, secrets }: Options)
  /** Hides this directory from now on. The first name of a directory counts. */
  learnPath(name: string, path: string): void
  /** Hides this text from now on, also within a text that is JSON. */
  learnSecret(text: string): void
  private learn
  /** A text without what is to be hidden. */
  text(text: string): string
  /** As {@link text}, for bytes, a character each. In what is no text, only what is ASCII is found. */
  bytes(bytes: string): string
  /** Whether bytes, a character each, stay as they are masked now, whatever is appended to them. */
  decidedBytes(bytes: string): boolean
  /** Whether a text stays as it is masked now, whatever is appended to it. */
  decided(text: string): boolean
  /** A JSON value without what is to be hidden. */
  value(value: unknown, field?: string): unknown
  /** A message of the protocol without what is to be hidden. */
  message(message: Message): Message
  /** Learns from a message what is to be hidden in later ones. */
  hear({ id, method, params, result }: Message): void
}
// # sourceMappingURL=Masker.d.ts.map
