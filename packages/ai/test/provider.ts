/**
 * One script for two providers, so that a program can be shown to behave the same on both: Codex on the real binary, and a stub
 * that answers as an HTTP provider does.
 */
import { Item, Reply, ScriptedModel } from "@effect-codex/testing"
import { LanguageModel, type Response } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** A response of the model: calls of tools, or a text. */
export interface Answer {
  readonly text?: string
  readonly calls?: ReadonlyArray<{ readonly id: string; readonly name: string; readonly params: unknown }>
}

/** A way to run an effect on a provider that gives these answers. */
export type Provider = (
  answers: ReadonlyArray<Answer>
) => <A, E, R>(
  effect: Effect.Effect<A, E, R>
) => Effect.Effect<A, E, R | LanguageModel.LanguageModel | ScriptedModel.ScriptedModel>

const codex: Provider = (answers) => (effect) =>
  Effect.andThen(
    ScriptedModel.ScriptedModel.use((model) =>
      model.enqueue(...answers.map(({ calls = [], text }) =>
        Reply.make([
          ...text === undefined ? [] : [Item.message({ text, phase: "final_answer" })],
          ...calls.map(({ id, name, params }) => Item.functionCall({ callId: id, name, arguments: params }))
        ])
      ))
    ),
    effect
  )

const finish = (reason: Response.FinishReason): Response.FinishPartEncoded => ({
  type: "finish",
  reason,
  usage: { inputTokens: {}, outputTokens: {} }
})

const calls = ({ calls = [] }: Answer) => calls.map((call) => ({ type: "tool-call" as const, ...call }))

const reason = (answer: Answer) => finish(answer.calls === undefined ? "stop" : "tool-calls")

const stub: Provider = (answers) => (effect) =>
  Effect.provideServiceEffect(
    effect,
    LanguageModel.LanguageModel,
    Effect.suspend(() => {
      const left = [...answers]
      const next = Effect.sync(() => left.shift() ?? {})
      return LanguageModel.make({
        generateText: () =>
          Effect.map(next, (answer): Array<Response.PartEncoded> => [
            ...answer.text === undefined ? [] : [{ type: "text" as const, text: answer.text }],
            ...calls(answer),
            reason(answer)
          ]),
        streamText: () =>
          Stream.unwrap(Effect.map(next, (answer) =>
            Stream.fromIterable<Response.StreamPartEncoded>([
              ...answer.text === undefined ? [] : [
                { type: "text-start" as const, id: "1" },
                { type: "text-delta" as const, id: "1", delta: answer.text },
                { type: "text-end" as const, id: "1" }
              ],
              ...calls(answer),
              reason(answer)
            ]).pipe(Stream.rechunk(1))))
      })
    })
  )

export const providers: ReadonlyArray<readonly [name: string, provider: Provider]> = [["Codex", codex], [
  "a stub",
  stub
]]
