/**
 * A budget of tokens for several turns, on any number of threads. A turn that would exceed it is stopped.
 */
import { CodexError, type Thread } from "effect-codex/promises"
import * as ExamplePromises from "./shared/ExamplePromises.ts"

class Budget {
  #left: number

  constructor(tokens: number) {
    this.#left = tokens
  }

  get left() {
    return Math.max(0, this.#left)
  }

  /** Runs a turn with what is left. Turns on different threads at the same time can exceed the budget together. */
  async run(thread: Thread, input: string) {
    if (this.left === 0) throw new Error("The budget is used up.")
    try {
      const result = await thread.run(input, { limits: { tokens: this.left } })
      this.#spend(result)
      return result
    } catch (error) {
      // Turns that fail or reach the limit have cost tokens, too.
      if (error instanceof CodexError.TurnFailedError || error instanceof CodexError.TurnLimitError) {
        this.#spend(error.result)
      }
      throw error
    }
  }

  #spend({ usage }: CodexError.TurnFailedError["result"]) {
    this.#left -= (usage?.turn.totalTokens ?? 0) + (usage?.subagents.totalTokens ?? 0)
  }
}

await using codex = await ExamplePromises.start()
const thread = await codex.threadStart()
const budget = new Budget(200)

try {
  for (let step = 1; step <= 10; step++) {
    // A turn with a command has two model requests. The limit is checked after each.
    const { usage } = await budget.run(thread, `Step ${step}: run \`echo ${step}\`.`)
    console.log(`step ${step}: ${usage?.turn.totalTokens} tokens, ${budget.left} left`)
  }
} catch (error) {
  if (!(error instanceof CodexError.TurnLimitError)) throw error
  console.log(`stopped after ${error.used} tokens of ${error.allowed}, ${budget.left} left`)
}
await budget.run(thread, "One more.").catch(({ message }: Error) => console.log(message))
