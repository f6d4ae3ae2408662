/**
 * The axis and the overview above the lanes of the chart.
 */
import { begin, type Colors } from "./canvas.ts"
import { moment } from "./dom.ts"
import { axisHeight, overviewHeight, type View } from "./View.ts"

/** Draws the density of messages over the whole recording, and the part of it that the chart shows. */
export const drawOverview = (canvas: HTMLCanvasElement, view: View, colors: Colors): void => {
  const context = begin(canvas, colors["sunken"]!)
  const { gutter, inner, store, width } = view
  const everything = store.everything()
  context.fillStyle = colors["faint"]!
  store.density(Math.ceil(inner / 3)).forEach((share, index) => {
    if (share === 0) return
    const height = Math.max(1.5, share * (overviewHeight - 14))
    context.fillRect(gutter + index * 3, overviewHeight - 5 - height, 2, height)
  })
  for (const level of ["warning", "error"] as const) {
    context.fillStyle = colors[level]!
    let drawn = -Infinity
    for (const mark of store.timeline.marks) {
      const x = view.x(mark.at, everything)
      if (mark.level !== level || x < drawn + 1) continue
      context.fillRect(x - 1, 4, 2.5, 5)
      drawn = x
    }
  }
  const left = Math.max(gutter, view.x(store.state.from, everything))
  const right = Math.min(width, view.x(store.state.to, everything))
  context.globalAlpha = 0.62
  context.fillStyle = colors["bg"]!
  context.fillRect(gutter, 0, left - gutter, overviewHeight)
  context.fillRect(right, 0, width - right, overviewHeight)
  context.globalAlpha = 1
  context.strokeStyle = colors["accent"]!
  context.lineWidth = 1.5
  context.strokeRect(left + 1, 1, Math.max(3, right - left - 2), overviewHeight - 2)
}

/** Returns the times at which lines are drawn. */
export const ticks = (view: View): { readonly step: number; readonly times: ReadonlyArray<number> } => {
  const { from, to } = view.store.state
  const rough = (to - from) / Math.max(2, view.inner / 110)
  const steps = [1, 2, 5].flatMap((unit) => [-2, -1, 0, 1, 2, 3].map((power) => unit * 10 ** power))
  const whole = [15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400].map((seconds) => seconds * 1000)
  const step = [...steps, 10_000, ...whole].sort((a, b) => a - b).find((step) => step >= rough) ?? 86_400_000
  const times: Array<number> = []
  for (let time = Math.max(0, Math.ceil(from / step)) * step; time <= to; time += step) times.push(time)
  return { step, times }
}

/** Draws the times of the lines, and the time at the pointer. */
export const drawAxis = (canvas: HTMLCanvasElement, view: View, colors: Colors): void => {
  const context = begin(canvas, colors["surface"]!)
  const { gutter, pointer } = view
  context.fillStyle = colors["line"]!
  context.fillRect(0, axisHeight - 1, view.width, 1)
  const { step, times } = ticks(view)
  context.fillStyle = colors["muted"]!
  for (const time of times) {
    const x = view.x(time)
    const label = moment(time, step)
    const fits = x + 5 + context.measureText(label).width <= view.width
    if (x >= gutter && fits) context.fillText(label, x + 5, axisHeight / 2)
  }
  if (pointer === undefined) return
  const x = view.x(pointer)
  const label = moment(pointer, 1)
  const width = context.measureText(label).width + 12
  const left = Math.min(Math.max(gutter, x - width / 2), view.width - width)
  context.fillStyle = colors["text"]!
  context.beginPath()
  context.roundRect(left, 3, width, axisHeight - 7, 5)
  context.fill()
  context.fillStyle = colors["surface"]!
  context.fillText(label, left + 6, axisHeight / 2)
}
