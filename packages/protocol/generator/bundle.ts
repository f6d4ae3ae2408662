/** Asks the pinned codex binary for its JSON Schema. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

/** The part of JSON Schema (draft 07) that codex prints. */
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

/** Every definition of one bundle by name, with the versions' namespaces merged. */
export type Definitions = { readonly [name: string]: JsonSchema }

/** What one binary says about its protocol, without and with what is experimental. */
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
  throw new Error(`No codex binary in ${vendor}`)
}

/** The version of `@openai/codex` that is installed here, and its native binary. */
export const pinnedCodex = (): { readonly version: string; readonly binary: string } => {
  const codex = createRequire(import.meta.url).resolve("@openai/codex/package.json")
  const { version } = JSON.parse(readFileSync(codex, "utf8"))
  const platform = `@openai/codex-${process.platform}-${process.arch}`
  try {
    return { version, binary: findBinary(dirname(createRequire(codex).resolve(`${platform}/package.json`))) }
  } catch (cause) {
    throw new Error(`The protocol is generated from codex ${version}, but ${platform} is not installed`, { cause })
  }
}

const readDefinitions = (binary: string, flags: ReadonlyArray<string>): Definitions => {
  const out = mkdtempSync(join(tmpdir(), "codex-schema-"))
  try {
    // A home of its own: the user's configuration has no say in the protocol.
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
