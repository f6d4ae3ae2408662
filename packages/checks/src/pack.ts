/**
 * The archives of packages, as npm would publish them.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { run } from "./installed.ts"
import { publicModules } from "./packed.ts"
import { root } from "./problem.ts"

/** Runs a program to its end, and returns its output. */
export const output = async (cwd: string, command: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const result = await run(cwd, command, args)
  if (typeof result !== "string") throw new Error(result.message)
  return result.trim()
}

/** Packs a package, and unpacks it again for inspection. */
export const pack = async (folder: string, directory: string) => {
  const source = join(root, "packages", folder)
  const archive = join(directory, await output(source, "npm", "pack", "--silent", "--pack-destination", directory))
  const unpacked = join(directory, folder)
  mkdirSync(unpacked)
  await output(directory, "tar", "-xzf", archive, "--strip-components=1", "-C", unpacked)
  return { archive, unpacked, modules: publicModules(unpacked) }
}

export type Packed = Awaited<ReturnType<typeof pack>>
