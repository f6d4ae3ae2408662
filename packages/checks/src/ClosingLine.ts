/**
 * A reporter that ends the output with one plain line for scripts that read the log: `12 passed, 0 failed`, and `, 1 skipped` if
 * tests were skipped.
 */
import type { Reporter, TestModule } from "vitest/node"

export class ClosingLine implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<unknown>): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 }
    for (const module of modules) {
      count.failed += module.errors().length
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length
      for (const test of module.children.allTests()) count[test.result().state]++
    }
    const skipped = count.skipped + count.pending
    console.log(`${count.passed} passed, ${count.failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`)
  }
}
