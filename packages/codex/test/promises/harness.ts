/** The Promise API on the real binary and a scripted model. */
import { CodexHome, type ModelRequest, Reply, ScriptedModel } from "@effect-codex/testing"
import { Codex, type StartOptions } from "effect-codex/promises"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"

/** The options with which an app-server runs in a home of its own, and its model. */
export interface Harness extends AsyncDisposable {
  readonly home: CodexHome.Service
  readonly enqueue: (...replies: ReadonlyArray<Reply.Reply>) => void
  readonly requests: () => ReadonlyArray<ModelRequest.ModelRequest>
  readonly start: (options?: StartOptions) => Promise<Codex>
}

export const harness = async (options?: CodexHome.Options): Promise<Harness> => {
  const replies: Array<Reply.Reply> = []
  // A turn may be interrupted before the model is asked, so a reply that hangs is not one of the queue.
  const script: ScriptedModel.Script = {
    respond: ({ lastUserText }) => lastUserText === "Wait." ? Reply.hang : replies.shift() ?? Reply.text("")
  }
  const runtime = ManagedRuntime.make(CodexHome.layer(options).pipe(Layer.provideMerge(ScriptedModel.layer(script))))
  const services = await runtime.context()
  const home = Context.get(services, CodexHome.CodexHome)
  const model = Context.get(services, ScriptedModel.ScriptedModel)
  const client = { cwd: home.workspace, env: home.env }
  return {
    home,
    enqueue: (...more) => void replies.push(...more),
    requests: () => Effect.runSync(model.requests),
    start: (more) => Codex.start({ ...client, ...more }),
    [Symbol.asyncDispose]: () => runtime.dispose()
  }
}
