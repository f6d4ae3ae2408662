/**
 * Input that names files of the host. Its app-server reads them, whatever the sandbox of the thread is.
 */
import { InvalidInputError } from "effect-codex/CodexError"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"

/**
 * A type of input that a client of a gateway cannot send, unless the gateway allows it: it names a file of the host.
 *
 * @category models
 */
export type ProtectedInput = "localAudio" | "localImage" | "mention" | "skill"

const types = new Set<unknown>(["localAudio", "localImage", "mention", "skill"] satisfies ReadonlyArray<ProtectedInput>)

/** Checks the input that a client of a gateway sent. Fails with `InvalidInputError` for a file of the host, unless that is allowed. */
export const checkSentInput = (
  input: unknown,
  allowed: ReadonlyArray<string>
): Effect.Effect<void, InvalidInputError> => {
  for (const item of Array.isArray(input) ? input : [input]) {
    const type: unknown = Predicate.isObject(item) ? item["type"] : undefined
    if (typeof type === "string" && types.has(type) && !allowed.includes(type)) {
      return Effect.fail(
        new InvalidInputError({
          field: "input",
          detail:
            `an item of type ${
              JSON.stringify(type)
            } names a file of the host, and this gateway does not let its clients read those; `
            + `send the content, or add ${JSON.stringify(type)} to \`allow\` of the gateway`
        })
      )
    }
  }
  return Effect.void
}
