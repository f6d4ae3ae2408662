/** `TestCodex` over a socket. */
import * as CodexHome from "@effect-codex/testing/CodexHome"
import * as ScriptedModel from "@effect-codex/testing/ScriptedModel"
import * as TestCodex from "@effect-codex/testing/TestCodex"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as server from "./server.ts"

export * from "@effect-codex/testing/TestCodex"

const how: server.SocketKind = process.env["CODEX_TRANSPORT"] === "unix" ? "unix" : "ws"

/** As the layer of `TestCodex`. The options of a process are those of the server; with `restart`, it is started again. */
export const layer = <R = never>({ client = {}, home, script }: TestCodex.Options<R> = {}): Layer.Layer<
  TestCodex.Services,
  unknown,
  R
> => {
  const { args: _args, codexHome: _home, codexPath, config, cwd, env, envMode: _mode, restart, ...rest } = client
  const { shutdownGrace: _grace, stderr: _stderr, ...options } = rest
  return Layer.unwrap(Effect.map(
    server.listen(how, {
      restarts: restart !== undefined && restart !== false,
      process: { codexPath, config, env, ...(cwd === undefined ? {} : { cwd }) }
    }),
    ({ address }) => server.codex(address, options)
  )).pipe(
    Layer.provideMerge(CodexHome.layer(home)),
    Layer.provideMerge(ScriptedModel.layer(script))
  )
}
