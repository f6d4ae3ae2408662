import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { ClosingLine } from "./packages/checks/src/ClosingLine.ts"
import { writeBlocks } from "./packages/checks/src/docs.ts"
import overSockets from "./packages/codex/test/sockets/vitest.config.ts"

const conditions = ["@effect-codex/source", "node"]

// Workers, and the programs that tests start, do not compile the same sources again.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(
  new URL("node_modules/.cache/effect-codex/compile", import.meta.url)
)

// The tests among the blocks of the documentation are tests of packages/checks.
writeBlocks()

/** Projects of one group run at the same time. A login in the browser is one per machine: those who log in are apart. */
const project = (name: string, groupOrder: number) => ({
  extends: true as const,
  root: `packages/${name}`,
  test: { name, include: ["test/**/*.test.ts", "dist/docs/*.test.ts"], sequence: { groupOrder } }
})

/** The examples as programs of another runtime. */
const examplesOn = (runtime: string, groupOrder: number) => ({
  extends: true as const,
  root: "packages/examples",
  test: {
    name: `examples on ${runtime}`,
    include: ["test/examples.test.ts"],
    env: { RUNTIME: runtime },
    sequence: { groupOrder }
  }
})

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      project("protocol", 0),
      project("codex", 0),
      // The short form of `npm run test:sockets`.
      {
        ...overSockets,
        test: {
          ...overSockets.test,
          name: "codex over a socket",
          include: ["test/real/Messages.test.ts"],
          env: { CODEX_TRANSPORT: "unix" }
        }
      },
      project("recording", 0),
      project("testing", 0),
      project("platform", 0),
      project("ai", 0),
      project("cluster", 0),
      project("cli", 0),
      project("examples", 1),
      examplesOn("bun", 2),
      examplesOn("deno", 3),
      project("checks", 4)
    ],
    reporters: ["default", new ClosingLine()],
    // A worker takes one file after the other: no test leaves anything behind in its process. Starting one costs as much as a file.
    isolate: false,
    // Most tests wait for a server most of the time.
    maxWorkers: "100%",
    maxConcurrency: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
