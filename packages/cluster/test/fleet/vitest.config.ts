import { defineConfig } from "vitest/config"

const conditions = ["@effect-codex/source", "node"]

/** The tests of a fleet of processes: `npm run test:fleet`. They kill runners, so they run one after the other. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    root: `${import.meta.dirname}/../..`,
    include: ["test/fleet/*.fleet.ts"],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000
  }
})
