/**
 * File operations by the server's `fs/*` methods alone, for machines without helpers, such as Windows. They know no sandbox, and
 * there are few of them: the other operations fail and say so.
 */
import type * as CodexClient from "effect-codex/CodexClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as base64 from "../server/base64.ts"
import { type Fault, Unsupported } from "../server/Fault.ts"
import type { Files, Signs } from "./Files.ts"

/** The number of bytes that one message carries safely: the server accepts 16 MiB per line. */
const messageSize = 8 * 1024 * 1024

const slow = { timeout: Duration.infinity } as const

const missing = (operation: string) => () =>
  Effect.fail(
    new Unsupported({ detail: `${operation} needs a helper on the server's machine: perl, or a shell and GNU tools` })
  )

/** Makes file operations on `fs/*`. */
export const make = (client: CodexClient.CodexClient["Service"], separator: string): Files => {
  const sign = (path: string) =>
    client.request("fs/getMetadata", { path }).pipe(
      Effect.map(({ isDirectory, isSymlink, modifiedAtMs }) =>
        `${isDirectory && !isSymlink ? "d" : "f"} ${isSymlink} ${modifiedAtMs}`
      ),
      Effect.catchIf(
        (error): error is typeof error & { readonly _tag: "CodexRpcError" } => error._tag === "CodexRpcError",
        () => Effect.succeed("")
      )
    )

  const signs = (paths: ReadonlyArray<string>): Effect.Effect<Signs, Fault> =>
    Effect.map(
      Effect.forEach(paths, (path) => Effect.map(sign(path), (sign) => [path, sign] as const), { concurrency: 16 }),
      (signs) => new Map(signs)
    )

  const names = (path: string) =>
    Effect.map(client.request("fs/readDirectory", { path }), ({ entries }) => entries.map(({ fileName }) => fileName))

  const scan = (path: string, recursive: boolean): Effect.Effect<Signs, Fault> =>
    Effect.gen(function*() {
      const { isDirectory } = yield* client.request("fs/getMetadata", { path })
      if (!isDirectory) return yield* signs([path])
      const found = new Map(yield* signs((yield* names(path)).map((name) => `${path}${separator}${name}`)))
      if (recursive) {
        for (const [child, sign] of Array.from(found)) {
          if (!sign.startsWith("d")) continue
          for (const [below, sign] of yield* scan(child, true)) found.set(below, sign)
        }
      }
      return found
    })

  return {
    access: (path, mode) =>
      mode === 0 ? Effect.asVoid(client.request("fs/getMetadata", { path })) : missing("checking for rights")(),
    readFile: (path) =>
      Effect.map(client.request("fs/readFile", { path }, slow), ({ dataBase64 }) => base64.decode(dataBase64)),
    writeFile: (path, bytes, { flag, mode }) => {
      if (flag !== "w" || mode !== 0o666) return missing(`writing with ${flag === "w" ? "a mode" : `flag ${flag}`}`)()
      return bytes.length > messageSize
        ? missing("writing more than 8 MiB")()
        : Effect.asVoid(client.request("fs/writeFile", { path, dataBase64: base64.encode(bytes) }, slow))
    },
    makeDirectory: (path, { mode, recursive }) =>
      mode === undefined
        ? Effect.asVoid(client.request("fs/createDirectory", { path, recursive }))
        : missing("making a directory with a mode")(),
    remove: (path, { force, recursive }) => Effect.asVoid(client.request("fs/remove", { path, recursive, force })),
    realPath: (path) => Effect.succeed(path),
    signs,
    scan,
    stat: missing("stat"),
    open: missing("open"),
    names: missing("readDirectory"),
    entries: missing("readDirectoryEntries"),
    makeTempDirectory: missing("makeTempDirectory"),
    rename: missing("rename"),
    link: missing("link"),
    symlink: missing("symlink"),
    readLink: missing("readLink"),
    chmod: missing("chmod"),
    chown: missing("chown"),
    utimes: missing("utimes"),
    truncate: missing("truncate"),
    copyFile: missing("copyFile"),
    copy: missing("copy")
  }
}
