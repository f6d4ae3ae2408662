/** A program that runs one turn with `@openai/codex-sdk`. Arguments: the binary and the workspace. */
import { Codex } from "@openai/codex-sdk"

const [codexPathOverride = "", workingDirectory = ""] = process.argv.slice(2)

const codex = new Codex({ codexPathOverride })
const thread = codex.startThread({ workingDirectory, skipGitRepoCheck: true, sandboxMode: "read-only" })
console.log((await thread.run("hello")).finalResponse)
