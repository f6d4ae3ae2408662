/**
 * Turn input: text, images, sound, skills, mentions, or a message from outside.
 *
 * Pass a string for plain text, and a list for several items.
 *
 * @example
 * ```ts
 * import { Input, type Thread } from "effect-codex"
 *
 * const describe = (thread: Thread.Thread) =>
 *   thread.run(["What does this screenshot show?", Input.localImage("/tmp/screenshot.png")])
 * ```
 */
export {
  audio,
  type ExternalMessage,
  externalMessage,
  image,
  type Input,
  type Item,
  localAudio,
  localImage,
  mention,
  skill,
  text
} from "./options/Input.ts"
