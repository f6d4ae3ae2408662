/**
 * Annotations of an Effect AI tool that control how Codex offers and calls it.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"

/**
 * Annotation: the namespace that contains the tool. Tools of one namespace are offered together, as `name.tool`, under the
 * description of the first tool's namespace.
 *
 * @example
 * ```ts
 * import { Tool } from "effect/ai"
 * import { Tools } from "effect-codex"
 *
 * const crm = { name: "crm", description: "Our customers" }
 * const Find = Tool.make("find").annotate(Tools.Namespace, crm)
 * const Merge = Tool.make("merge").annotate(Tools.Namespace, crm)
 * ```
 *
 * @category annotations
 */
export class Namespace extends Context.Service<Namespace, {
  /** The name: letters, digits, `_` and `-`. */
  readonly name: string
  /** The description that the model sees. Servers before 0.150 show a text of their own. */
  readonly description: string
}>()("effect-codex/Tools/Namespace") {}

/**
 * Annotation: the model does not see the tool up front but can find it by searching, which saves context when there are
 * many tools. Requires a {@link Namespace}, and a model that can search for tools. Default: false.
 *
 * @category annotations
 */
export const DeferLoading: Context.Reference<boolean> = Context.Reference("effect-codex/Tools/DeferLoading", {
  defaultValue: () => false
})

/**
 * Annotation: the time limit of one call. When it expires, the handler is interrupted and the model receives a failure.
 * Default: no limit; a call may take as long as its turn.
 *
 * @category annotations
 */
export const Timeout: Context.Reference<Duration.Input> = Context.Reference<Duration.Input>(
  "effect-codex/Tools/Timeout",
  {
    defaultValue: () => Duration.infinity
  }
)
