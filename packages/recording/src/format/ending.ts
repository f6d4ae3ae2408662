/**
 * The end of a connection in a recording: one flat object, whose `reason` is a name.
 *
 * The file keeps this shape, whatever the error classes look like.
 */
import { CodexConnectError, CodexConnectionError, InvalidInputError } from "effect-codex/CodexError"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/** The errors that end a connection, or prevent one. */
export const Ending = Schema.Union([CodexConnectionError, CodexConnectError, InvalidInputError])

const codec = Schema.toCodecJson(Ending)
const encodeError = Schema.encodeSync(codec)
const decodeError = Schema.decodeUnknownOption(codec)

/** Returns the error as a flat JSON object. */
export const encode = (error: typeof Ending.Type): unknown => {
  const encoded: unknown = encodeError(error)
  if (!Predicate.isObject(encoded) || !Predicate.isObject(encoded["reason"])) return encoded
  const { _tag, ...fields } = encoded["reason"]
  return { ...encoded, ...fields, reason: _tag }
}

/** Names of reasons in recordings of earlier versions. */
const renamed: ReadonlyMap<string, string> = new Map([["BadCwd", "BadDirectory"]])

/** Reads what {@link encode} wrote, now or in an earlier version. */
export const decode = (ended: unknown): Option.Option<typeof Ending.Type> => {
  if (!Predicate.isObject(ended) || typeof ended["reason"] !== "string") {
    return Predicate.isObject(ended) && ended["_tag"] === "CodexHandshakeError"
      ? decodeError({ ...ended, _tag: "CodexConnectError", target: "", reason: { ...ended, _tag: "HandshakeRefused" } })
      : decodeError(ended)
  }
  const tag = ended["_tag"] === "CodexSpawnError" ? "CodexConnectError" : ended["_tag"]
  const reason = {
    exitCode: null,
    signal: null,
    stderr: "",
    ...ended,
    _tag: renamed.get(ended["reason"]) ?? ended["reason"]
  }
  return decodeError({ target: ended["command"], ...ended, _tag: tag, reason })
}
