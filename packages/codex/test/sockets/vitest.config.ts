/**
 * `npm run test:sockets`: the tests of `test/real` over a WebSocket, or with CODEX_TRANSPORT=unix over a Unix socket, and those of
 * sockets that take longer.
 */
import { defineConfig } from "vitest/config"

const conditions = ["@effect-codex/source", "node"]

/** The files about a child process. */
const aboutProcesses = ["Exit", "Process"]

/** The tests that do not apply to a server that others have started, and why. */
const notApplicable = {
  "no text in place of a file that cannot be read": "the files are on the server's machine, and are not looked at",
  "contain the server's standard error at debug level": "the client does not have the standard error of the server",
  "count restarts, and turns whose end did not arrive": "a turn survives a lost connection",
  "when the process is gone": "a goal survives a lost connection",
  "when a turn runs that was not started here": "a turn of another client is waited for",
  "wherever links lead": "the client cannot follow links on the server's machine",
  "skills start with the current ones": "the files are on the server's machine, and are not looked at"
}

const escaped = Object.keys(notApplicable).map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))

export default defineConfig({
  root: `${import.meta.dirname}/../..`,
  resolve: {
    conditions,
    alias: [{ find: /^@effect-codex\/testing$/, replacement: `${import.meta.dirname}/overSocket.ts` }]
  },
  ssr: { resolve: { conditions } },
  test: {
    include: ["test/real/*.test.ts", "test/sockets/Slow.ts"],
    exclude: aboutProcesses.map((file) => `test/real/${file}.test.ts`),
    testNamePattern: new RegExp(`^(?!.*(${escaped.join("|")}))`),
    maxConcurrency: 3,
    testTimeout: 30_000,
    hookTimeout: 30_000
  }
})
