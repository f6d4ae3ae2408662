/**
 * Writes the version of `effect-codex` to where its sources have it: after `changeset version`.
 *
 *     node packages/checks/src/version.ts
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { readManifest } from "./packed.ts"
import { root } from "./problem.ts"

const codex = join(root, "packages", "codex")

writeFileSync(
  join(codex, "src", "internal", "version.ts"),
  `/** The version of this package, as in its package.json. */\nexport const version = "${
    readManifest(codex).version
  }"\n`
)
