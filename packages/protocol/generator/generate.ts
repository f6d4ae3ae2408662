/**
 * The generator of `src/generated`, from the schema that the pinned Codex binary prints.
 *
 *     node generator/generate.ts              writes the sources, unless they are up to date
 *     node generator/generate.ts --manifest   writes the sources and `protocol.manifest.json`
 *     node generator/generate.ts --check      fails if the committed manifest does not match the binary, or a budget is exceeded
 */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { measureCosts } from "./budget.ts"
import { type Bundle, readBundle } from "./bundle.ts"
import { emitChecks } from "./emitChecks.ts"
import { emitDefinitions } from "./emitDefinitions.ts"
import { emitMethods } from "./emitMethods.ts"
import { compareManifests, makeManifest, printManifest } from "./manifest.ts"
import { type Protocol, readProtocol } from "./protocol.ts"

const here = dirname(fileURLToPath(import.meta.url))
const generated = join(here, "..", "src", "generated")
const stampFile = join(generated, ".stamp")
const manifestFile = join(here, "..", "protocol.manifest.json")

/** Hashes the schema and the generator, so that a change to either regenerates the sources. */
const stampOf = (bundle: Bundle): string => {
  const hash = createHash("sha256").update(JSON.stringify(bundle))
  for (const file of readdirSync(here).sort()) hash.update(readFileSync(join(here, file)))
  return hash.digest("hex")
}

const isUpToDate = (stamp: string): boolean => existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp

const writeSources = (protocol: Protocol, stamp: string): void => {
  const header = `// Generated from codex ${protocol.version} by generator/generate.ts. Do not edit.\n`
  const { incoming, outgoing, schemas } = emitDefinitions(protocol, header)
  mkdirSync(generated, { recursive: true })
  writeFileSync(join(generated, "incoming.ts"), incoming)
  writeFileSync(join(generated, "schemas.ts"), schemas)
  writeFileSync(join(generated, "outgoing.ts"), outgoing)
  writeFileSync(join(generated, "checks.ts"), emitChecks(protocol, header))
  writeFileSync(join(generated, "methods.ts"), emitMethods(protocol, header))
  writeFileSync(stampFile, stamp)
}

const checkManifest = (protocol: Protocol): void => {
  const differences = compareManifests(JSON.parse(readFileSync(manifestFile, "utf8")), makeManifest(protocol))
  if (differences.length === 0) return
  console.error(
    `protocol.manifest.json does not match codex ${protocol.version}:\n\n${differences.join("\n")}\n\n` +
      "Review the changes, then run: npm run generate -- --manifest"
  )
  process.exitCode = 1
}

const checkBudget = async (): Promise<void> => {
  for (const { limit, name, value } of await measureCosts()) {
    const exceeded = value > limit
    console.log(`${exceeded ? "EXCEEDED " : ""}${name}: ${Number(value.toFixed(3))} of ${limit}`)
    if (exceeded) process.exitCode = 1
  }
}

const { values: options } = parseArgs({ options: { manifest: { type: "boolean" }, check: { type: "boolean" } } })
const bundle = readBundle()
const stamp = stampOf(bundle)

const upToDate = isUpToDate(stamp)

if (options.check || options.manifest || !upToDate) {
  const protocol = readProtocol(bundle)
  if (!upToDate) writeSources(protocol, stamp)
  if (options.manifest) writeFileSync(manifestFile, printManifest(makeManifest(protocol)))
  if (options.check) {
    checkManifest(protocol)
    await checkBudget()
  }
}
