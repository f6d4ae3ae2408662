/**
 * A script that writes the version of each package to the module in its sources that names it. Run it after `changeset version`.
 *
 *     node packages/checks/src/version.ts
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { readManifest } from "./packed.ts"
import { root } from "./problem.ts"

const modules = {
  codex: "src/model/connection/version.ts",
  recording: "src/format/version.ts",
  cli: "src/version.ts"
}

for (const [folder, module] of Object.entries(modules)) {
  const directory = join(root, "packages", folder)
  writeFileSync(
    join(directory, module),
    `/** The version of this package, as in its package.json. */\nexport const version = "${
      readManifest(directory).version
    }"\n`
  )
}
