/** The reader of the JSON Schema that the pinned Codex binary prints. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

/** The subset of JSON Schema (draft 07) that Codex prints. */
export interface JsonSchema {
  readonly $ref?: string
  readonly title?: string
  readonly description?: string
  readonly type?: string | ReadonlyArray<string>
  readonly enum?: ReadonlyArray<string>
  readonly properties?: { readonly [name: string]: JsonSchema | true }
  readonly required?: ReadonlyArray<string>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema | true
  readonly allOf?: ReadonlyArray<JsonSchema>
  readonly anyOf?: ReadonlyArray<JsonSchema>
  readonly oneOf?: ReadonlyArray<JsonSchema>
}

/** The definitions of a bundle by name, with the namespaces of `v1` and `v2` merged. */
export type Definitions = { readonly [name: string]: JsonSchema }

/** The protocol of one binary, without and with its experimental parts. */
export interface Bundle {
  readonly version: string
  readonly stable: Definitions
  readonly experimental: Definitions
}

const findBinary = (packageDirectory: string): string => {
  const executable = process.platform === "win32" ? "codex.exe" : "codex"
  const vendor = join(packageDirectory, "vendor")
  for (const triple of readdirSync(vendor)) {
    const path = join(vendor, triple, "bin", executable)
    if (existsSync(path)) return path
  }
  throw new Error(`No Codex binary in ${vendor}`)
}

/** Finds the installed version of `@openai/codex` and its native binary. */
export const pinnedCodex = (): { readonly version: string; readonly binary: string } => {
  const codex = createRequire(import.meta.url).resolve("@openai/codex/package.json")
  const { version } = JSON.parse(readFileSync(codex, "utf8"))
  const platform = `@openai/codex-${process.platform}-${process.arch}`
  try {
    return { version, binary: findBinary(dirname(createRequire(codex).resolve(`${platform}/package.json`))) }
  } catch (cause) {
    throw new Error(
      `The protocol is generated from codex ${version}, but ${platform} is not installed: run npm install`,
      {
        cause
      }
    )
  }
}

const readDefinitions = (binary: string, flags: ReadonlyArray<string>): Definitions => {
  const out = mkdtempSync(join(tmpdir(), "codex-schema-"))
  try {
    // A separate home, so that the user's configuration does not affect the protocol.
    execFileSync(binary, ["app-server", "generate-json-schema", ...flags, "--out", out], {
      env: { ...process.env, CODEX_HOME: out },
      stdio: ["ignore", "ignore", "pipe"]
    })
    const { definitions: { v2, ...v1 } } = JSON.parse(
      readFileSync(join(out, "codex_app_server_protocol.schemas.json"), "utf8")
    )
    return { ...v1, ...v2 }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

export const readBundle = (): Bundle => {
  const { binary, version } = pinnedCodex()
  return {
    version,
    stable: readDefinitions(binary, []),
    experimental: readDefinitions(binary, ["--experimental"])
  }
}
