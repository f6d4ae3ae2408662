/**
 * A review bot for a CI job: it reads a diff from standard input, prints each finding as an annotation of GitHub, and fails if one
 * must be fixed.
 *
 *     git diff main | node 61_review_bot.ts
 */
import { text } from "node:stream/consumers"
import { z } from "zod"
import * as ExamplePromises from "./shared/ExamplePromises.ts"

const Review = z.object({
  summary: z.string().describe("One sentence"),
  findings: z.array(z.object({
    severity: z.enum(["note", "warning", "error"]).describe("error: must not be merged"),
    file: z.string(),
    line: z.number().int().describe("The line in the new file"),
    message: z.string().describe("The problem, and how to fix it")
  }))
})

const diff = await text(process.stdin)
if (diff.trim() === "") {
  console.log("Nothing to review.")
} else {
  await using codex = await ExamplePromises.start()

  // A diff can contain instructions to the agent. It may read files, and nothing else: every request for approval is declined.
  const thread = await codex.threadStart({ sandbox: "readOnly", ephemeral: true })
  const { output } = await thread.run(
    ["Review the diff below. Read the files around it. Report only what you are sure of.", diff],
    { output: Review, limits: { duration: "10 minutes", tokens: 500_000 } }
  )

  for (const { file, line, message, severity } of output.findings) {
    console.log(`::${severity === "note" ? "notice" : severity} file=${file},line=${line}::${message}`)
  }
  console.log(`${output.findings.length} findings. ${output.summary}`)
  if (output.findings.some(({ severity }) => severity === "error")) process.exitCode = 1
}
