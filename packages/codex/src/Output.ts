/**
 * Typed answers: the types of turns whose final answer follows an Effect Schema. Pass the Schema as the `output` option of
 * `thread.run`, `thread.turn` or `thread.stream`.
 */
export {
  codec,
  type OutputCodec,
  type OutputEvent,
  type OutputSchema,
  type TypedResult
} from "./options/OutputCodec.ts"
