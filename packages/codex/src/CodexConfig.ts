/**
 * Options read from Effect's `Config`: from the environment, or from the source of another `ConfigProvider`.
 *
 * Import it by its own path, `effect-codex/CodexConfig`, so that only programs that use it load `effect/Config`.
 *
 * @example
 * ```ts
 * import * as CodexConfig from "effect-codex/CodexConfig"
 *
 * export const layer = CodexConfig.layer({ requestTimeout: "30 seconds" })
 * ```
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Codex from "./Codex.ts"
import type { ConnectError } from "./model/errors/CodexError.ts"
import type { ProcessOptions } from "./node/ProcessOptions.ts"

/**
 * Reads `CODEX_PATH`, `CODEX_HOME`, `CODEX_CWD`, and `CODEX_API_KEY` (redacted, passed to the process as `CODEX_API_KEY`).
 * All are optional. The key is for model providers whose `env_key` names the variable. It does not log in; use
 * `codex.loginApiKey` for that.
 *
 * @category config
 */
export const fromConfig: Config.Config<ProcessOptions> = Config.all({
  codexPath: Config.option(Config.String("CODEX_PATH")),
  codexHome: Config.option(Config.String("CODEX_HOME")),
  cwd: Config.option(Config.String("CODEX_CWD")),
  apiKey: Config.option(Config.Redacted("CODEX_API_KEY"))
}).pipe(Config.map(({ apiKey, ...options }) => ({
  codexPath: Option.getOrUndefined(options.codexPath),
  codexHome: Option.getOrUndefined(options.codexHome),
  cwd: Option.getOrUndefined(options.cwd),
  env: Option.match(apiKey, { onNone: () => undefined, onSome: (key) => ({ CODEX_API_KEY: key }) })
})))

/**
 * Like `Codex.layer`, with the options of {@link fromConfig}. Options passed here take precedence.
 *
 * @category layers
 */
export const layer = <R = never>(
  options: Codex.LayerOptions<R> = {}
): Layer.Layer<Codex.Services, ConnectError | Config.ConfigError, R> =>
  Layer.unwrap(Effect.map(
    fromConfig,
    (read) => Codex.layer({ ...read, ...options, env: { ...read.env, ...options.env } })
  ))
