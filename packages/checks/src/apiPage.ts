/**
 * The generator of one HTML page with every export, option and error of all packages, and a search field. It reads the API references,
 * and the options that interfaces inherit from the sources. The page needs nothing else: no network, no other file.
 *
 *     npm run docs:html
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { optionsOf } from "./optionDocs.ts"
import { root } from "./problem.ts"
import { references } from "./reference.ts"

/** A section of a reference: a module or an export. */
export interface Entry {
  /** The package or entry from which it is imported. */
  readonly from: string
  /** Its name, with that of its module: `Thread.ThreadStartOptions`. */
  readonly name: string
  /** Its docstring and declaration, as Markdown. */
  readonly body: string
  /** Its options with their descriptions, inherited ones included. */
  readonly options: ReadonlyArray<readonly [name: string, text: string]>
}

/** Splits a reference at its headings. */
export const entriesOf = (from: string, markdown: string): ReadonlyArray<Omit<Entry, "options">> => {
  const entries: Array<{ readonly from: string; readonly name: string; body: string }> = []
  let inCode = false
  for (const line of markdown.split("\n")) {
    if (line.startsWith("```")) inCode = !inCode
    const [, name] = inCode ? [] : /^##+ (.*)$/.exec(line) ?? []
    const last = entries.at(-1)
    if (name !== undefined) entries.push({ from, name, body: "" })
    else if (last !== undefined) last.body += `${line}\n`
  }
  return entries
}

/** The text of a docstring in one line. */
const plain = (doc: string) =>
  doc.replaceAll(/^\s*\*+ ?/gm, "").replaceAll(/\{@link (?:\S+ )?([^}\s]+)\}/g, "`$1`").replaceAll(/\s+/g, " ").trim()

/** Reads every entry of every package. */
export const readEntries = (): ReadonlyArray<Entry> =>
  references.flatMap(({ declarations, folder, name: from, page }) => {
    const src = join(root, "packages", folder, "src")
    return entriesOf(from, readFileSync(page, "utf8")).map((entry) => {
      const [module, member] = entry.name.split(".")
      const isModule = declarations === "index.d.ts"
      const file = join(src, isModule ? `${module}.ts` : declarations.replace(/\.d\.ts$/, ".ts"))
      const properties = existsSync(file) ? optionsOf(file).get((isModule ? member : module) ?? "") : undefined
      return { ...entry, options: [...properties ?? []].map(([name, { doc }]) => [name, plain(doc)] as const) }
    })
  })

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("\"", "&quot;")

const inline = (text: string) =>
  escape(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>").replaceAll(/\[([^\]]+)\]\([^)]*\)/g, "$1").replaceAll(
    /\*\*([^*]+)\*\*/g,
    "<b>$1</b>"
  )

/** Renders the Markdown that docstrings use: paragraphs, lists and code. */
const html = (markdown: string) =>
  markdown.split(/^(```[^]*?^```)$/m).map((part) => {
    if (part.startsWith("```")) return `<pre>${escape(part.split("\n").slice(1, -1).join("\n"))}</pre>`
    return part.split(/\n{2,}/).filter((text) => text.trim() !== "" && !text.startsWith("<!--")).map((text) =>
      text.trim().startsWith("- ")
        ? `<ul>${text.trim().split(/^- /m).slice(1).map((item) => `<li>${inline(item)}</li>`).join("")}</ul>`
        : `<p>${inline(text)}</p>`
    ).join("\n")
  }).join("\n")

const section = ({ body, from, name, options }: Entry) =>
  `<section id="${escape(`${from}/${name}`)}" data-name="${escape(name.toLowerCase())}">
<h2>${escape(name)} <small>${escape(from)}</small></h2>
${html(body)}
${
    options.length === 0
      ? ""
      : `<details><summary>${options.length} options</summary><table>${
        options.map(([name, text]) => `<tr><td><code>${escape(name)}</code></td><td>${inline(text)}</td></tr>`).join("")
      }</table></details>`
  }</section>`

const style =
  `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:auto;padding:0 1rem}
header{position:sticky;top:0;background:Canvas;padding:.7rem 0;z-index:1}input{font:inherit;width:100%;padding:.5rem;box-sizing:border-box}
main{display:flex;flex-direction:column}section{content-visibility:auto;contain-intrinsic-size:auto 12rem;border-top:1px solid #8885}
section[hidden]{display:none}h2{font-size:1.1rem}small{font-weight:normal;opacity:.6}pre{overflow:auto;background:#8881;padding:.6rem}
code,pre{font:13px/1.45 ui-monospace,monospace}td{vertical-align:top;padding:.2rem .6rem .2rem 0}`

// An entry is shown if it has every word. Those whose name has them come first, and exact names before those.
const script = `const field = document.querySelector("input"), count = document.querySelector("output")
const all = [...document.querySelectorAll("section")].map((element) => ({
  element, name: element.dataset.name, text: element.textContent.toLowerCase(), options: element.querySelector("details")
}))
const show = () => {
  const query = field.value.trim().toLowerCase(), words = query.split(/\\s+/)
  let shown = 0
  for (const { element, name, options, text } of all) {
    const found = words.every((word) => text.includes(word))
    element.hidden = !found
    if (found) shown++
    element.style.order = query === "" ? 0
      : name === query || name.endsWith("." + query) ? 1 : words.every((word) => name.includes(word)) ? 2 : 3
    if (options) options.open = query !== "" && found && words.some((word) => options.textContent.toLowerCase().includes(word))
  }
  count.value = shown + " of " + all.length
  history.replaceState(null, "", query === "" ? "#" : "#q=" + encodeURIComponent(query))
}
field.addEventListener("input", show)
if (location.hash.startsWith("#q=")) field.value = decodeURIComponent(location.hash.slice(3))
show()`

/** Renders the page. */
export const render = (entries: ReadonlyArray<Entry>): string =>
  `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>API of effect-codex</title>
<style>${style}</style>
<header><input type="search" placeholder="Search exports, options and errors" aria-label="Search" autofocus><output></output></header>
<main>
${entries.map(section).join("\n")}
</main>
<script>${script}</script>
</html>
`

if (import.meta.main) {
  const file = join(root, "packages/checks/dist/api.html")
  const entries = readEntries()
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, render(entries))
  console.log(`${entries.length} entries: ${relative(root, file)}`)
}
