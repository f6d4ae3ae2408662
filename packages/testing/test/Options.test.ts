import { CodexHome, FakeAppServer, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"

/** Options as JavaScript passes them. */
const untyped = (name: string): object => ({ [name]: 1 })

const home = (options: object) => Layer.provide(CodexHome.layer(options), ScriptedModel.layer())

const builds: ReadonlyArray<
  readonly [
    name: string,
    meant: string,
    build: (options: object) => Effect.Effect<unknown, object, Scope.Scope>
  ]
> = [
  ["rely", "reply", FakeAppServer.make],
  ["thread", "threads", (options) => Layer.build(FakeAppServer.layer(options))],
  ["handler", "handlers", (options) => Layer.build(FakeAppServer.layerCodex(options))],
  ["requestTimout", "requestTimeout", (client) => Layer.build(FakeAppServer.layerCodex({ client }))],
  ["scripts", "script", (options) => Layer.build(TestCodex.layer(options))],
  ["xyz", "client or home or record or script", (options) => Layer.build(TestCodex.layer(options))],
  ["aprovalPolicy", "approvalPolicy", (home) => Layer.build(TestCodex.layer({ home }))],
  ["replys", "replies", (script) => Layer.build(TestCodex.layer({ script }))],
  ["respnd", "respond", (script) => Layer.build(ScriptedModel.layer(script))],
  ["sandbox", "sandboxMode", (options) => Layer.build(home(options))]
]

describe("an unknown option", () => {
  it.live.each(builds)("%s is refused, with the nearest name: %s", ([name, meant, build]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(build(untyped(name)))
      assert.isTrue(Predicate.isTagged(error, "InvalidInputError"), String(error))
      assert.include(String(error), `${name} is not an option; did you mean ${meant}?`)
    }).pipe(Effect.scoped))
})
