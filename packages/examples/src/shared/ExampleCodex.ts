/**
 * A replacement for `Codex.layer` that runs the examples without an account, on the real Codex binary and a scripted model.
 * With `--live` it is `Codex.layer` itself, on your own account. In your own program, write `Codex.layer`.
 */
import { Recorder } from "@effect-codex/recording"
import { TestCodex } from "@effect-codex/testing"
import { Codex, type CodexClient, type CodexError } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as OfflineModel from "./OfflineModel.ts"

const [options, words] = [true, false].map((wanted) =>
  process.argv.slice(2).filter((argument) => argument.startsWith("--") === wanted)
) as [Array<string>, Array<string>]

/** Whether the example runs on the user's own account. */
export const isLive: boolean = options.includes("--live")
  // `npm start --live` without `--`: npm keeps the option, and passes it in the environment.
  || process.env["npm_config_live"] === "true"

/** The words on the command line that are not options. */
export const prompt: string | undefined = words.length === 0 ? undefined : words.join(" ")

/** The error of `--live` if you are not logged in to Codex. */
export class NotLoggedIn extends Schema.TaggedError<NotLoggedIn>("examples/NotLoggedIn")("NotLoggedIn", {}) {
  override get message(): string {
    return "You are not logged in to Codex. Run `npx codex login` first, or leave out --live."
  }
}

const requireLogin = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  if (!(yield* codex.isLoggedIn)) return yield* new NotLoggedIn()
})

const layerLive = <R>(config: Codex.LayerOptions<R>) =>
  Layer.effectDiscard(Console.log("[live: your own Codex account]\n")).pipe(Layer.provideMerge(Codex.layer(config)))

const announceOffline = Layer.effectDiscard(
  Console.log("[offline: a scripted model answers; --live asks your own Codex account]\n")
)

const layerOffline = <R>(config: Codex.LayerOptions<R>, file?: string) =>
  announceOffline.pipe(
    Layer.provideMerge(
      TestCodex.layer({
        script: OfflineModel.script,
        home: { model: "gpt-5.5" },
        client: config,
        ...(file === undefined ? {} : { record: file })
      })
    )
  )

/** Like {@link layer}, but does not require a login. */
export const layerOfAnyone = <R = never>(
  config: Codex.LayerOptions<R> = {}
): Layer.Layer<Codex.Codex | CodexClient.CodexClient, TestCodex.Error, R> =>
  isLive ? layerLive(config) : layerOffline(config)

/** A Layer of Codex on a scripted model or, with `--live`, `Codex.layer`. */
export const layer = <R = never>(
  config: Codex.LayerOptions<R> = {}
): Layer.Layer<Codex.Codex | CodexClient.CodexClient, TestCodex.Error | CodexError.RequestError | NotLoggedIn, R> =>
  Layer.effectDiscard(isLive ? requireLogin : Effect.void).pipe(Layer.provideMerge(layerOfAnyone(config)))

/** Like {@link layer}, but records the run: `Recorder.layerCodex(file)`. */
export const layerRecorded = (
  file: string
): Layer.Layer<Codex.Codex, TestCodex.Error> => isLive ? Recorder.layerCodex(file) : layerOffline({}, file)
