/** The input of the emitters: the model of a bundle, its methods, and the directions of its definitions. */
import { amend } from "./amend.ts"
import type { Bundle } from "./bundle.ts"
import { type Directions, readDirections } from "./direction.ts"
import { type Methods, readMethods } from "./methods.ts"
import type { Model } from "./model.ts"
import { readModel } from "./readModel.ts"

export interface Protocol {
  readonly version: string
  readonly model: Model
  /** The stable definitions. Everything that they lack is experimental. */
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

/** Whether a definition or field requires `experimentalApi`. The fields of an experimental definition are not marked themselves. */
export const isExperimental = ({ stable }: Protocol, definition: string, field?: string): boolean => {
  const shape = stable.get(definition)?.shape
  if (field === undefined) return shape === undefined
  return shape?.kind === "struct" && !shape.fields.some((candidate) => candidate.name === field)
}
