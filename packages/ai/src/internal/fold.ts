/**
 * Whole responses, folded from the parts of a stream.
 */
import type * as Response from "effect/ai/Response"

/** Returns the parts of a whole response. In structured output only the last text is one: it is the answer. */
export const fold = (
  parts: ReadonlyArray<Response.StreamPartEncoded>,
  isStructured: boolean
): Array<Response.PartEncoded> => {
  const whole: Array<Response.PartEncoded> = []
  /** The place of each text among the parts. */
  const places = new Map<string, number>()
  const begin = (id: string, type: "text" | "reasoning") => {
    places.set(id, whole.length)
    whole.push({ type, text: "" })
  }
  for (const part of parts) {
    switch (part.type) {
      case "text-start":
        begin(part.id, "text")
        break
      case "reasoning-start":
        begin(part.id, "reasoning")
        break
      case "text-delta":
      case "reasoning-delta": {
        const place = places.get(part.id) ?? -1
        const open = whole[place]
        if (open?.type === "text" || open?.type === "reasoning") {
          whole[place] = { ...open, text: open.text + part.delta }
        }
        break
      }
      case "text-end": {
        const place = places.get(part.id) ?? -1
        const open = whole[place]
        if (open?.type === "text") whole[place] = { ...open, metadata: part.metadata }
        break
      }
      case "tool-result":
        if (part.preliminary !== true) whole.push(part)
        break
      case "reasoning-end":
      case "tool-params-start":
      case "tool-params-delta":
      case "tool-params-end":
      case "error":
        break
      default:
        whole.push(part)
    }
  }
  if (!isStructured) return whole
  const answer = whole.findLastIndex(({ type }) => type === "text")
  return whole.map((part, index) =>
    part.type === "text" && index !== answer ? { type: "reasoning", text: part.text } : part
  )
}
