/**
 * The file format of recordings: the traffic of one client, in both directions and with times, as a file of JSON lines.
 *
 * The first line is the {@link Header}, and every further line is an {@link Entry}. `Recorder` writes recordings, `Replay`
 * answers from them, and `Timeline` draws them. Use this module to read a recording as data, or to write one by hand.
 * Earlier versions of this package skip what a later version adds to the format. An incompatible change gets a new
 * `formatVersion`, and every older version stays readable.
 *
 * ```jsonl
 * {"format":"effect-codex/recording","version":1,"sdk":"0.1.0","server":"effect-codex/0.171.0 (...)","startedAt":"..."}
 * {"at":0.4,"connection":1,"sent":{"id":1,"method":"initialize","params":{}}}
 * {"at":402.1,"connection":1,"received":{"id":1,"result":{}}}
 * {"at":2310.8,"connection":1,"ended":{"_tag":"CodexConnectionError","reason":"Closed"}}
 * ```
 */
export {
  Ending,
  type Entry,
  entryLine,
  format,
  formatVersion,
  Header,
  headerLine,
  type Message,
  parse,
  read,
  type Recording,
  RecordingError
} from "./format/Recording.ts"
