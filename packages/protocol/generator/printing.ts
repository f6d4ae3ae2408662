/** How TypeScript is printed. */

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

const isIdentifier = (name: string): boolean => /^[A-Za-z_$][\w$]*$/.test(name)

/** A string literal. */
export const quoted = (value: string): string => JSON.stringify(value)

/** A property name, quoted where it has to be. */
export const propertyName = (name: string): string => isIdentifier(name) ? name : quoted(name)

/** The property of that name of `u`. */
export const access = (name: string): string => isIdentifier(name) ? `u.${name}` : `u[${quoted(name)}]`
