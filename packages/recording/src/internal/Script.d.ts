/**
 * One recorded connection as a script: what the server said, and what had been asked before.
 *
 * The entries are sorted into lanes: a lane for each thread, one for each other thing that has a name (a process, a
 * login), one for each request that has none. Within a lane the recorded order is kept; lanes are independent of each
 * other, for threads are.
 */
import * as Recording from "../Recording.ts"
type Entry = Recording.Recording["entries"][number]
/** Something that the client said. */
export interface Ask {
  readonly _tag: "Ask"
  readonly at: number
  readonly line: number
  /** The name of the lane in which it was recorded. */
  readonly home: string
  /** `request`: has an answer; `answer`: to a request of the server; `notification`: has none. */
  readonly kind: "request" | "answer" | "notification"
  /** The method; of an answer, that of the request. */
  readonly method: string
  readonly message: Recording.Message
  /** Set when the client has said it now: the id it gave to it. */
  asked: {
    readonly id: unknown
  } | undefined
}
/** Something that the server said. */
export interface Say {
  readonly _tag: "Say"
  readonly at: number
  readonly line: number
  readonly home: string
  readonly text: string
  readonly message: Recording.Message | undefined
  /** The request that is answered. */
  readonly answers: Ask | undefined
  /** How many of the script's asks must have been asked before: all that were recorded earlier; 0 if its lane tells. */
  readonly after: number
}
export interface Lane {
  /** The id of a thread, or another name. */
  readonly name: string
  steps: Array<Ask | Say>
  /** The step that is next. */
  cursor: number
}
export interface Script {
  readonly lanes: ReadonlyMap<string, Lane>
  readonly asks: ReadonlyArray<Ask>
  /** How the connection ended, if that was recorded. */
  readonly ending:
    | Extract<Entry, {
      readonly _tag: "Ended"
    }>
    | undefined
}
/** An ask in words. */
export declare const describe: (ask: Ask) => string
/** What a message is about: the id of a thread, or another name; undefined if nothing in it tells. */
export declare const subjectOf: (params: unknown) => string | undefined
export declare const make: (entries: ReadonlyArray<Entry>) => Script
export {}
// # sourceMappingURL=Script.d.ts.map
