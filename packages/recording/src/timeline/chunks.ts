/**
 * The texts of messages, in chunks.
 */
import * as Option from "effect/Option"
import * as Recording from "../format/Recording.ts"
import { separator } from "./browser/Texts.ts"
import { textOf } from "./Model.ts"

/** Returns the text of an entry for a chunk. JSON has no separators; a line that is no message may have some. */
export const chunkText = (entry: Recording.Entry): string => textOf(entry).replaceAll(separator, "\ufffd")

/** Returns the texts of the entries in some lines of a recording. */
export const chunkOf = (lines: string): string =>
  lines.split("\n").flatMap((line) => {
    const entry = Recording.parseEntry(line)
    return entry === undefined || Option.isNone(entry) ? [] : [chunkText(entry.value)]
  }).join(separator)
