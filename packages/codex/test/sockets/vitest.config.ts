/** `npm run test:sockets`: the tests of `test/real` over a socket. */
import { defineConfig } from "vitest/config"

const conditions = ["@effect-codex/source", "node"]

export default defineConfig({
  root: `${import.meta.dirname}/../..`,
  resolve: {
    conditions,
    alias: [{ find: /^@effect-codex\/testing$/, replacement: `${import.meta.dirname}/overSocket.ts` }]
  },
  ssr: { resolve: { conditions } },
  test: {
    include: ["test/real/*.test.ts"],
    maxConcurrency: 3,
    testTimeout: 30_000,
    hookTimeout: 30_000
  }
})
