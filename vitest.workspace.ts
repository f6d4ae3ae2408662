import { defineConfig } from "vitest/config"
import { ClosingLine } from "./packages/checks/src/ClosingLine.ts"
import { writeBlocks } from "./packages/checks/src/docs.ts"

const conditions = ["@effect-codex/source"]

// The tests among the blocks of the documentation are tests of packages/checks.
writeBlocks()

const project = (name: string) => ({
  extends: true as const,
  root: `packages/${name}`,
  test: { name, include: ["test/**/*.test.ts", "dist/docs/*.test.ts"] }
})

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: ["protocol", "codex", "testing", "examples", "checks"].map(project),
    reporters: ["default", new ClosingLine()],
    testTimeout: 30_000,
    hookTimeout: 30_000
  }
})
