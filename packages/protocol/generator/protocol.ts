/** What the emitters work from: the model of a bundle, with everything that was derived from it. */
import { amend } from "./amend.ts"
import type { Bundle } from "./bundle.ts"
import { type Directions, readDirections } from "./direction.ts"
import { type Methods, readMethods } from "./methods.ts"
import type { Model } from "./model.ts"
import { readModel } from "./readModel.ts"

export interface Protocol {
  readonly version: string
  readonly model: Model
  /** The definitions without what is experimental: what they lack is. */
  readonly stable: Model
  readonly methods: Methods
  readonly directions: Directions
}

export const readProtocol = (pinned: Bundle): Protocol => {
  const bundle = amend(pinned)
  const model = readModel(bundle.experimental)
  const methods = readMethods(bundle, model)
  return {
    version: bundle.version,
    model,
    stable: readModel(bundle.stable),
    methods,
    directions: readDirections(model, methods)
  }
}

/** Whether only clients with `experimentalApi` get it. Everything in an experimental definition is; its fields need not say so. */
export const isExperimental = ({ stable }: Protocol, definition: string, field?: string): boolean => {
  const shape = stable.get(definition)?.shape
  if (field === undefined) return shape === undefined
  return shape?.kind === "struct" && !shape.fields.some((candidate) => candidate.name === field)
}
