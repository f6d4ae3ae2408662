/** Helpers that print TypeScript. */

/** Prints a comment of the defined paragraphs. */
export const jsDoc = (paragraphs: ReadonlyArray<string | undefined>, indent = ""): string => {
  const text = paragraphs.filter((paragraph) => paragraph !== undefined).join("\n\n").replaceAll("*/", "*\\/")
  if (text === "") return ""
  const lines = text.split("\n").map((line) => line.trimEnd())
  return lines.length === 1
    ? `${indent}/** ${lines[0]} */\n`
    : `${indent}/**\n${lines.map((line) => `${indent} *${line === "" ? "" : ` ${line}`}\n`).join("")}${indent} */\n`
}

/** Returns the tag of definitions that require `experimentalApi`. */
export const experimentalTag = (experimental: boolean): string | undefined => experimental ? "@experimental" : undefined

const isIdentifier = (name: string): boolean => /^[A-Za-z_$][\w$]*$/.test(name)

/** Prints a string literal. */
export const quoted = (value: string): string => JSON.stringify(value)

/** Prints a property name, quoted if necessary. */
export const propertyName = (name: string): string => isIdentifier(name) ? name : quoted(name)

/** Prints the access to a property of `u`. */
export const access = (name: string): string => isIdentifier(name) ? `u.${name}` : `u[${quoted(name)}]`
