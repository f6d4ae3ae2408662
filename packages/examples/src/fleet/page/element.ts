/** Creates an element of the page. */
export const element = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: ReadonlyArray<Node | string>
): HTMLElementTagNameMap[K] => {
  const made = Object.assign(document.createElement(tag), properties)
  made.append(...children)
  return made
}

/** Creates a button. */
export const button = (text: string, className: string, onclick: () => void): HTMLButtonElement =>
  element("button", { type: "button", className, onclick }, text)
