/**
 * The failures of an operation on the server's machine, and how a `PlatformError` reports them.
 */
import type * as CodexError from "effect-codex/CodexError"
import * as Data from "effect/Data"
import * as PlatformError from "effect/PlatformError"

/** An operation that the server's system refused, with its error number. */
export class Refused extends Data.TaggedError("Refused")<{
  /** The error number; `undefined` if there is none, because a rule of this package was broken and not one of the system. */
  readonly errno: number | undefined
  readonly detail: string
}> {}

/** An operation or argument that this layer does not support on the connected server. */
export class Unsupported extends Data.TaggedError("Unsupported")<{
  readonly detail: string
}> {}

/** A program of this package on the server's machine that ended by itself. */
export class HelperEnded extends Data.TaggedError("HelperEnded")<{
  readonly detail: string
}> {}

/** Any failure of an operation. */
export type Fault = Refused | Unsupported | HelperEnded | CodexError.RequestError

/** The place of a failed operation. */
export interface Place {
  readonly module: string
  readonly method: string
  readonly path?: string | undefined
}

/** The errors that have a tag of their own; the numbers below 35 are the same on all Unix systems. */
const tags: ReadonlyMap<number, PlatformError.SystemErrorTag> = new Map([
  [1, "PermissionDenied"],
  [2, "NotFound"],
  [13, "PermissionDenied"],
  [16, "Busy"],
  [17, "AlreadyExists"],
  [20, "BadResource"],
  [21, "BadResource"],
  [26, "Busy"],
  // A read-only file system, which is how a sandbox refuses to write.
  [30, "PermissionDenied"],
  // Too many symbolic links: on Linux, and on macOS.
  [40, "BadResource"],
  [62, "BadResource"]
])

/** The same for Windows. */
const windowsTags: ReadonlyMap<number, PlatformError.SystemErrorTag> = new Map([
  [2, "NotFound"],
  [3, "NotFound"],
  [5, "PermissionDenied"],
  [32, "Busy"],
  [80, "AlreadyExists"],
  [183, "AlreadyExists"],
  [267, "BadResource"]
])

/** Returns the tag of an error number. */
export const tagOf = (errno: number | undefined, os: string | undefined): PlatformError.SystemErrorTag =>
  (errno === undefined ? undefined : (os === "windows" ? windowsTags : tags).get(errno)) ?? "Unknown"

/** Reads the error number in the server's words: `No such file or directory (os error 2)`. */
export const errnoOf = (message: string): number | undefined => {
  const [, errno] = /\(os error (\d+)\)/.exec(message) ?? []
  return errno === undefined ? undefined : Number(errno)
}

/** The words of refusals without an error number. */
const withoutNumber: ReadonlyArray<readonly [RegExp, PlatformError.SystemErrorTag]> = [
  [/not a file|is a directory|not a directory/i, "BadResource"],
  [/no active (process|command)/i, "BadResource"]
]

/** Builds the error that a method of a service fails with. */
export const toPlatformError = (
  fault: Fault,
  { method, module, path }: Place,
  os: string | undefined
): PlatformError.PlatformError => {
  const system = (_tag: PlatformError.SystemErrorTag, description: string, cause?: unknown) =>
    PlatformError.systemError({ _tag, module, method, description, pathOrDescriptor: path, cause })
  switch (fault._tag) {
    case "Refused":
      return system(tagOf(fault.errno, os), fault.detail)
    case "Unsupported":
      return PlatformError.badArgument({ module, method, description: fault.detail })
    case "HelperEnded":
      return system("Unknown", fault.detail)
    case "CodexRpcError": {
      const errno = errnoOf(fault.serverMessage)
      const tag = errno === undefined
        ? withoutNumber.find(([words]) => words.test(fault.serverMessage))?.[1] ?? "Unknown"
        : tagOf(errno, os)
      return system(tag, fault.serverMessage, fault)
    }
    case "CodexTimeoutError":
      return system("TimedOut", fault.message, fault)
    case "CodexDecodeError":
      return system("InvalidData", fault.message, fault)
    case "InvalidInputError":
      return PlatformError.badArgument({ module, method, description: fault.message, cause: fault })
    case "CodexConnectionError":
      return system("Unknown", fault.message, fault)
  }
}
