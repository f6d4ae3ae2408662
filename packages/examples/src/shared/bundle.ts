/** The bundle of a page. A program of your own is bundled when it is built. */
import { build, defaultClientConditions } from "vite"
import type { Files } from "./browserProxy.ts"

/** Returns the files of a page by their paths. */
export const bundle = async (root: string): Promise<Files> => {
  const bundled = await build({
    root,
    configFile: false,
    logLevel: "error",
    resolve: { conditions: ["@effect-codex/source", ...defaultClientConditions] },
    build: { write: false, target: "es2023", modulePreload: false },
    worker: { format: "es" }
  })
  if (!("output" in bundled)) throw new Error("The page was bundled more than once.")
  return new Map(bundled.output.map((file) => [
    file.fileName === "index.html" ? "/" : `/${file.fileName}`,
    file.type === "chunk" ? file.code : file.source
  ]))
}
