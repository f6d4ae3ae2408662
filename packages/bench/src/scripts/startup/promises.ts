/** A program that runs one turn with `effect-codex/promises`. Arguments: the binary and the workspace. */
import { Codex } from "effect-codex/promises"

const [codexPath = "", cwd = ""] = process.argv.slice(2)

const codex = await Codex.start({ codexPath, cwd })
const thread = await codex.threadStart()
console.log((await thread.run("hello")).finalResponse)
await codex.close()
