/** Approval rules, asked by the real binary. The attacks are in test/model/Rules.test.ts. */
import { Item, Reply, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { ServerRequests } from "effect-codex"
import * as Effect from "effect/Effect"
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setup } from "./utils.ts"

const run = (cmd: string) =>
  Reply.make([
    Item.functionCall({
      name: "exec_command",
      arguments: { cmd, sandbox_permissions: "require_escalated", justification: "a test" }
    })
  ])

const patch = (...lines: ReadonlyArray<string>) =>
  Reply.make([
    Item.functionCall({
      name: "exec_command",
      arguments: { cmd: ["apply_patch <<'EOF'", "*** Begin Patch", ...lines, "*** End Patch", "EOF", ""].join("\n") }
    })
  ])

layer(TestCodex.layer({ home: { approvalPolicy: "on-request", sandboxMode: "read-only" } }), {
  excludeTestServices: true
})("approval rules", (it) => {
  it.effect("allow, decline, and leave commands to the thread's next handler, and then to the client's", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const asked: Array<string | null | undefined> = []
      const thread = yield* codex.threadStart({
        serverRequests: ServerRequests.orElse(
          ServerRequests.rules([
            { action: "allow", command: ["touch"] },
            { action: "decline", command: ["rm"] }
          ]),
          {
            "item/commandExecution/requestApproval": ({ command }) => {
              asked.push(command)
              return Effect.succeed({ decision: "decline" })
            }
          }
        )
      })
      const attempt = Effect.fnUntraced(function*(cmd: string) {
        yield* model.enqueue(run(cmd), Reply.text("done"))
        const { items } = yield* thread.run("go")
        return items.flatMap((item) => item.type === "commandExecution" ? [item.status] : [])
      })
      assert.deepStrictEqual(yield* attempt("touch one"), ["completed"])
      assert.deepStrictEqual(yield* attempt("touch 'two' && touch \"three\""), ["completed"])
      assert.deepStrictEqual(asked, [])
      const attacks = [
        "touch one; rm one",
        "touch one $(rm one)",
        "xargs rm <<< one"
      ]
      for (const attack of attacks) assert.deepStrictEqual(yield* attempt(attack), ["declined"], attack)
      assert.deepStrictEqual(asked, [])
      for (const doubt of ["touch four > five", "env touch four", "touch four &"]) {
        assert.deepStrictEqual(yield* attempt(doubt), ["declined"], doubt)
        assert.include(asked.at(-1), doubt)
      }
      const exists = (name: string) => existsSync(join(home.workspace, name))
      assert.deepStrictEqual(["one", "two", "three", "four", "five"].map(exists), [true, true, true, false, false])
    }))

  it.effect("allow changes of files below a directory, wherever links lead", () =>
    Effect.gen(function*() {
      const { codex, home, model } = yield* setup
      const at = (path: string) => join(home.workspace, path)
      mkdirSync(at("src"))
      mkdirSync(at("outside"))
      writeFileSync(at("src/old.txt"), "one\n")
      symlinkSync(at("outside"), at("src/link"))
      const changes: Array<ServerRequests.RequestContext["changes"]> = []
      const thread = yield* codex.threadStart({
        serverRequests: ServerRequests.orElse(ServerRequests.rules([{ action: "allow", path: at("src") }]), {
          "item/fileChange/requestApproval": (_, context) => {
            changes.push(context.changes)
            return Effect.succeed({ decision: "decline" })
          }
        })
      })
      const attempt = Effect.fnUntraced(function*(...lines: ReadonlyArray<string>) {
        yield* model.enqueue(patch(...lines), Reply.text("done"))
        const { items } = yield* thread.run("go")
        return items.flatMap((item) => item.type === "fileChange" ? [item.status] : [])
      })
      assert.deepStrictEqual(yield* attempt("*** Add File: src/new.txt", "+hi"), ["completed"])
      assert.strictEqual(readFileSync(at("src/new.txt"), "utf8"), "hi\n")
      assert.deepStrictEqual(changes, [])
      const attacks = [
        ["*** Add File: src/../outside/x.txt", "+hi"],
        ["*** Add File: src/link/x.txt", "+hi"],
        ["*** Add File: src/y.txt", "+hi", "*** Add File: outside/x.txt", "+hi"],
        ["*** Update File: src/old.txt", "*** Move to: outside/x.txt", "@@", "-one", "+two"]
      ]
      for (const lines of attacks) assert.deepStrictEqual(yield* attempt(...lines), ["declined"], lines.join())
      assert.lengthOf(changes, attacks.length)
      assert.deepStrictEqual(changes[0]?.map(({ kind, path }) => [path, kind.type]), [[at("outside/x.txt"), "add"]])
      assert.isFalse(existsSync(at("outside/x.txt")))
    }))
})
