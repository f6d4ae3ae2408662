/**
 * What does not fit a Schema, in words.
 */
import * as SchemaIssue from "effect/SchemaIssue"

const format = SchemaIssue.makeFormatterDefault()

/** What was expected, and at which path, on one line. Never shows the value: it may hold prompts and keys. */
export const describe = (issue: SchemaIssue.Issue): string =>
  format(issue).split("\n").map((line) => line.trim()).filter((line) => line !== "").join(" ")
