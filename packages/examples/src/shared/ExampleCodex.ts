/**
 * `Codex.layer` for the examples, so that each runs at once and costs nothing: the real Codex binary, with a scripted model
 * in place of an account. With `--live` it is `Codex.layer` itself, on your own account. In a program of yours, write
 * `Codex.layer`.
 */
import { Recorder } from "@effect-codex/recording"
import type * as Recording from "@effect-codex/recording/Recording"
import { CodexHome, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { Codex, type CodexClient, type CodexError } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as OfflineModel from "./OfflineModel.ts"

const [options, words] = [true, false].map((wanted) =>
  process.argv.slice(2).filter((argument) => argument.startsWith("--") === wanted)
) as [Array<string>, Array<string>]

/** Whether it runs on the user's own account. */
export const isLive: boolean = options.includes("--live")
  // `npm start --live` without `--`: npm keeps the option, and passes it in the environment.
  || process.env["npm_config_live"] === "true"

/** What stands on the command line beside the options. */
export const prompt: string | undefined = words.length === 0 ? undefined : words.join(" ")

/** Nobody is logged in to Codex. */
export class NotLoggedIn extends Schema.TaggedError<NotLoggedIn>("examples/NotLoggedIn")("NotLoggedIn", {}) {
  override get message(): string {
    return "Nobody is logged in to Codex: run `npx codex login` first, or leave out --live."
  }
}

const requireLogin = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const { account, requiresOpenaiAuth } = yield* codex.account()
  if (requiresOpenaiAuth && (account ?? null) === null) return yield* new NotLoggedIn()
})

const layerLive = <R>(config: Codex.LayerOptions<R>) =>
  Layer.effectDiscard(Console.log("[live: your own Codex account]\n")).pipe(Layer.provideMerge(Codex.layer(config)))

const announceOffline = Layer.effectDiscard(
  Console.log("[offline: a scripted model answers; --live asks your own Codex account]\n")
)

const layerOffline = <R>(config: Codex.LayerOptions<R>) =>
  announceOffline.pipe(
    Layer.provideMerge(TestCodex.layer({ script: OfflineModel.script, home: { model: "gpt-5.5" }, client: config }))
  )

/** As {@link layer}, whether or not somebody is logged in. */
export const layerOfAnyone = <R = never>(
  config: Codex.LayerOptions<R> = {}
): Layer.Layer<Codex.Codex | CodexClient.CodexClient, TestCodex.Error, R> =>
  isLive ? layerLive(config) : layerOffline(config)

/** `Codex.layer` with `--live`, Codex on a scripted model without. */
export const layer = <R = never>(
  config: Codex.LayerOptions<R> = {}
): Layer.Layer<Codex.Codex | CodexClient.CodexClient, TestCodex.Error | CodexError.RequestError | NotLoggedIn, R> =>
  Layer.effectDiscard(isLive ? requireLogin : Effect.void).pipe(Layer.provideMerge(layerOfAnyone(config)))

/** As {@link layer}, recorded: `Recorder.layerCodex(file)`. */
export const layerRecorded = (
  file: string
): Layer.Layer<Codex.Codex, TestCodex.Error | Recording.RecordingError> =>
  isLive ? Recorder.layerCodex(file) : Layer.unwrap(
    CodexHome.CodexHome.useSync(({ env, workspace }) => Recorder.layerCodex(file, { env, cwd: workspace }))
  ).pipe(
    Layer.provide(CodexHome.layer({ model: "gpt-5.5" })),
    Layer.provide(ScriptedModel.layer(OfflineModel.script)),
    Layer.provideMerge(announceOffline)
  )
