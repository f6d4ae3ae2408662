/**
 * Drawing on a canvas: the colors of the theme, and texts cut to a width.
 */
import { kinds } from "./dom.ts"

export const font = `11.5px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`
export const boldFont = `600 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`

/** Colors of the theme, by their names in the style. */
export interface Colors {
  readonly [name: string]: string
}

const colorNames = [
  "bg",
  "surface",
  "sunken",
  "line",
  "line-soft",
  "text",
  "muted",
  "faint",
  "accent",
  "accent-soft",
  "tokens",
  "error",
  "warning",
  ...Object.keys(kinds)
]

/** Reads the colors of the theme. */
export const readColors = (): Colors => {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(colorNames.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
}

/** Clears a canvas, and returns its context. */
export const begin = (canvas: HTMLCanvasElement, background: string): CanvasRenderingContext2D => {
  const context = canvas.getContext("2d")!
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
  context.globalAlpha = 1
  context.fillStyle = background
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.font = font
  context.textBaseline = "middle"
  return context
}

/** Widths of texts, by font and text. */
const widths = new Map<string, number>()

/** Writes a text, cut to a width. */
export const write = (context: CanvasRenderingContext2D, text: string, x: number, y: number, width: number): void => {
  if (width < 14) return
  const key = `${context.font}${text}`
  let full = widths.get(key)
  if (full === undefined) {
    full = context.measureText(text).width
    if (widths.size > 20_000) widths.clear()
    widths.set(key, full)
  }
  if (full <= width) return context.fillText(text, x, y)
  const fitting = Math.floor(text.length * (width - 8) / full)
  if (fitting > 1) context.fillText(`${text.slice(0, fitting).trimEnd()}…`, x, y, width)
}
