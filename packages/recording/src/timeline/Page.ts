/**
 * The page of a timeline: one HTML file that contains everything it needs, and is not allowed to load anything; or the page of
 * a server, which may load its data from there and nothing else.
 *
 * Its program is the TypeScript of `browser/`, linked here into one script. Its data is compressed JSON: the patches, which
 * draw the timeline, and the texts of the messages, which the page reads when it shows them.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import * as Module from "node:module"
import { gzipSync } from "node:zlib"
import type { Head } from "./browser/Timeline.ts"
import type { Cursor, Data } from "./Data.ts"
import { style } from "./style.ts"

/** The modules of the page's program, each after the modules that it imports. */
const modules = [
  "column",
  "sorted",
  "dom",
  "data",
  "Texts",
  "Search",
  "Store",
  "View",
  "canvas",
  "axis",
  "spans",
  "lanes",
  "Chart",
  "EventList",
  "content",
  "Details",
  "header",
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

const gzip = (text: string): string => gzipSync(text, { level: 6 }).toString("base64")

/** Returns a part of the page with packed data of some kind. */
const packed = (kind: "patch" | "texts", text: string): string =>
  `<script type="application/gzip" class="${kind}">${gzip(text)}</script>\n`

/** Returns a chunk of texts as a part of the page. */
export const texts = (chunk: string): string => packed("texts", chunk)

/** Returns the parts of the page with the data of a timeline. */
const patches = (data: Data, head: Head): ReadonlyArray<string> => {
  const parts: Array<string> = []
  let cursor: Cursor = data.beginning
  for (let next = data.since(cursor, head); next !== undefined; next = data.since(cursor)) {
    parts.push(packed("patch", JSON.stringify(next[0])))
    cursor = next[1]
  }
  return parts
}

/** Returns the page of a timeline, in parts. `chunks` are the parts with the texts of the messages. */
export const make = (data: Data, head: Head, chunks: ReadonlyArray<string>): ReadonlyArray<string> =>
  page(head.title, "", [...patches(data, head), ...chunks])

/** Returns the page of a server that sends the data. */
export const served = (title: string): string => page(title, " connect-src 'self';", []).join("")

const page = (title: string, connect: string, data: ReadonlyArray<string>): ReadonlyArray<string> => {
  const program = script()
  const hash = createHash("sha256").update(program).digest("base64")
  const policy =
    `default-src 'none';${connect} style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`
  return [
    `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="effect-codex">
<title>${escape(title)} · Codex timeline</title>
<style>${style}</style>
</head>
<body>
<noscript>This page needs JavaScript. It loads nothing.</noscript>
`,
    ...data,
    `<script>${program}</script>
</body>
</html>
`
  ]
}
