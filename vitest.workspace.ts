import { defineConfig } from "vitest/config"
import { ClosingLine } from "./packages/checks/src/ClosingLine.ts"

const conditions = ["@effect-codex/source"]

const project = (name: string) => ({
  extends: true as const,
  root: `packages/${name}`,
  test: { name, include: ["test/**/*.test.ts"] }
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
