/**
 * The page of a timeline: one HTML file that contains everything it needs, and is not allowed to load anything.
 *
 * Its program is the TypeScript of `browser/`, linked here into one script. Its data is the timeline as compressed JSON.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import * as Module from "node:module"
import { gzipSync } from "node:zlib"
import type { Timeline } from "./browser/Timeline.ts"
import { style } from "./style.ts"

/** The modules of the page's program, each after the modules that it imports. */
const modules = [
  "dom",
  "Store",
  "View",
  "canvas",
  "axis",
  "spans",
  "lanes",
  "Chart",
  "EventList",
  "Details",
  "main"
]

/** True for the source, false for the compiled module. */
const isSource = import.meta.url.endsWith(".ts")

const moduleText = (name: string): string => {
  const text = fileText(new URL(`./browser/${name}.${isSource ? "ts" : "js"}`, import.meta.url))
  return isSource ? withoutTypes(text) : text
}

const fileText = (file: URL): string => {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    throw new Error(
      "the program of the page is not beside the module @effect-codex/recording/Timeline, which reads it from there. "
        + "If your program is bundled, tell the bundler that @effect-codex/recording is external",
      { cause }
    )
  }
}

/** Removes the types, in development only. Node's warning that this is experimental would only confuse. */
const withoutTypes = (text: string): string => {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return Module.stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}

/** Returns a module as a function that returns its exports: `const moduledom = (() => { ... })()`. */
const linked = (name: string): string => {
  const exported: Array<string> = []
  const body = moduleText(name)
    .replace(/^import\s*(\{[^}]*\})\s*from\s*"\.\/(\w+)\.[jt]s";?$/gm, "const $1 = module$2")
    .replace(/^export (const|class|function) (\w+)/gm, (_, keyword: string, name: string) => {
      exported.push(name)
      return `${keyword} ${name}`
    })
    .replace(/^\/\/# sourceMappingURL=.*$/gm, "")
  return `const module${name} = (() => {\n${body.trim()}\nreturn { ${exported.join(", ")} }\n})()`
}

/** Returns the modules as one script, which must not contain the end of its own element. */
const script = (): string => `"use strict"\n${modules.map(linked).join("\n\n")}\n`.replaceAll("</script", "<\\/script")

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

/** Returns the page of a timeline. */
export const make = (timeline: Timeline): string => {
  const program = script()
  const hash = createHash("sha256").update(program).digest("base64")
  const data = gzipSync(JSON.stringify(timeline), { level: 6 }).toString("base64")
  const policy =
    `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="effect-codex">
<title>${escape(timeline.title)} · Codex timeline</title>
<style>${style}</style>
</head>
<body>
<noscript>This page needs JavaScript. It loads nothing.</noscript>
<script type="application/gzip" id="data">${data}</script>
<script>${program}</script>
</body>
</html>
`
}
