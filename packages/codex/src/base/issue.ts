/**
 * Descriptions of the values that a Schema refuses.
 */
import * as SchemaIssue from "effect/SchemaIssue"

const format = SchemaIssue.makeFormatterDefault()

/** Describes the expected type and its path on one line. Never shows the value, which may hold prompts and keys. */
export const describe = (issue: SchemaIssue.Issue): string =>
  format(issue).split("\n").map((line) => line.trim()).filter((line) => line !== "").join(" ")
