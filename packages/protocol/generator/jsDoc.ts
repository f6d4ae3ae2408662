/** Prints JSDoc. */

/** A comment with the paragraphs that are there, indented like what it documents. */
export const jsDoc = (paragraphs: ReadonlyArray<string | undefined>, indent = ""): string => {
  const text = paragraphs.filter((paragraph) => paragraph !== undefined).join("\n\n").replaceAll("*/", "*\\/")
  if (text === "") return ""
  const lines = text.split("\n").map((line) => line.trimEnd())
  return lines.length === 1
    ? `${indent}/** ${lines[0]} */\n`
    : `${indent}/**\n${lines.map((line) => `${indent} *${line === "" ? "" : ` ${line}`}\n`).join("")}${indent} */\n`
}

/** The tag of what only a client with `experimentalApi` gets. */
export const experimentalTag = (experimental: boolean): string | undefined => experimental ? "@experimental" : undefined

/** A property name, quoted where it has to be. */
export const propertyName = (name: string): string => /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)
