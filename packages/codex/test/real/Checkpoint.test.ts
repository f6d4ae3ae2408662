import { Gate, Reply, TestCodex } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { CodexError } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as WorkTree from "../../src/wire/WorkTree.ts"
import { internalClient } from "../internals.ts"
import { setup } from "./utils.ts"

const git = (cwd: string, ...args: ReadonlyArray<string>): string =>
  execFileSync("git", [
    "-c",
    "user.name=t",
    "-c",
    "user.email=t@localhost",
    "-c",
    "protocol.file.allow=always",
    ...args
  ], {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"]
  }).trim()

const write = (directory: string, files: { readonly [name: string]: string }): void => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, ".."), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
}

const read = (directory: string, name: string): string | undefined =>
  existsSync(join(directory, name)) ? readFileSync(join(directory, name), "utf8") : undefined

/** What a checkpoint must not change. */
const state = (directory: string) => ({
  head: readFileSync(join(git(directory, "rev-parse", "--absolute-git-dir"), "HEAD"), "utf8"),
  branches: git(directory, "for-each-ref", "refs/heads", "refs/stash", "refs/tags"),
  index: git(directory, "ls-files", "--stage"),
  temporary: git(directory, "rev-parse", "--absolute-git-dir") +
    execFileSync("ls", [git(directory, "rev-parse", "--absolute-git-dir")], {
      encoding: "utf8"
    }).split("\n").filter((name) => name.startsWith("codex-")).join()
})

/** An empty directory, or a repository with files. */
const directory = (files?: { readonly [name: string]: string }) =>
  Effect.map(setup, ({ codex, home, model }) => {
    const path = mkdtempSync(join(home.workspace, "repo-"))
    if (files !== undefined) {
      git(path, "init", "--quiet", "--initial-branch=main")
      write(path, files)
      git(path, "add", "--all")
      git(path, "commit", "--quiet", "-m", "first")
    }
    return { path, codex, model }
  })

const turnsOf = (codex: Effect.Success<typeof setup>["codex"], threadId: string) =>
  Effect.map(codex.client.request("thread/turns/list", { threadId }), ({ data }) => data.length)

layer(TestCodex.layer({ script: TestCodex.echo }), { excludeTestServices: true })("a checkpoint", (it) => {
  it.effect("returns the conversation, any number of times", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart({ sandbox: "workspaceWrite" })
      const empty = yield* thread.checkpoint()
      assert.deepInclude(empty, { turnId: null, ref: undefined })
      const one = yield* thread.run("one")
      const afterOne = yield* thread.checkpoint()
      assert.strictEqual(afterOne.turnId, one.id)
      yield* thread.run("two")
      yield* thread.run("three")
      assert.deepStrictEqual(yield* afterOne.restore(), { saved: undefined })
      yield* afterOne.restore()
      assert.strictEqual(yield* turnsOf(codex, thread.id), 1)
      assert.strictEqual((yield* thread.run("four")).finalResponse, "four")
      assert.deepStrictEqual((yield* model.requests).at(-1)!.texts("assistant"), ["one"])
      assert.strictEqual(thread.sandbox?.type, "workspaceWrite")
      yield* empty.restore()
      assert.strictEqual(yield* turnsOf(codex, thread.id), 0)
      const gone = yield* Effect.flip(afterOne.restore())
      assert.strictEqual(gone._tag === "CheckpointError" && gone.reason._tag, "NotInHistory")
    }))

  it.effect("waits for the running turn, or refuses", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      yield* thread.run("one")
      const checkpoint = yield* thread.checkpoint()
      const gate = yield* Gate.make
      yield* model.enqueue(Reply.after(gate, Reply.text("two")))
      const turn = yield* thread.turn("two")
      yield* gate.arrived
      assert.instanceOf(yield* Effect.flip(checkpoint.restore({ whenBusy: "fail" })), CodexError.ThreadBusyError)
      assert.instanceOf(yield* Effect.flip(thread.checkpoint({ whenBusy: "fail" })), CodexError.ThreadBusyError)
      const restoring = yield* Effect.forkChild(checkpoint.restore(), { startImmediately: true })
      yield* gate.open
      assert.strictEqual((yield* turn.run).status, "completed")
      yield* Fiber.join(restoring)
      assert.strictEqual(yield* turnsOf(codex, thread.id), 1)
    }))

  it.effect("returns the files, and leaves the index, the branch and HEAD alone", () =>
    Effect.gen(function*() {
      const { codex, path } = yield* directory({ "a.txt": "a", "deep/b.txt": "b", ".gitignore": "ignored\n" })
      const thread = yield* codex.threadStart({ cwd: join(path, "deep") })
      write(path, { "a.txt": "a changed", "untracked.txt": "u", "with space é.txt": "s", ignored: "i" })
      git(path, "add", "a.txt")
      rmSync(join(path, "deep/b.txt"))
      const before = state(path)
      const checkpoint = yield* thread.checkpoint({ files: true })
      assert.match(checkpoint.ref ?? "", new RegExp(`^refs/codex/checkpoints/${thread.id}/`))
      yield* thread.run("work")
      write(path, { "a.txt": "agent", "deep/b.txt": "back", "new/c.txt": "c", ignored: "i2" })
      rmSync(join(path, "untracked.txt"))

      const refused = yield* Effect.flip(checkpoint.restore())
      assert.instanceOf(refused, CodexError.CheckpointError)
      assert.strictEqual(refused.reason._tag, "UnsavedFiles")
      // The other file is in the commit's state or missing.
      assert.deepStrictEqual(
        refused.reason._tag === "UnsavedFiles" ? refused.reason.files : [],
        ["a.txt", "deep/b.txt", "new/c.txt"]
      )
      assert.strictEqual(yield* turnsOf(codex, thread.id), 1)
      assert.strictEqual(read(path, "a.txt"), "agent")

      const { saved } = yield* checkpoint.restore({ unsaved: "save" })
      assert.strictEqual(git(path, "show", `${saved}:a.txt`), "agent")
      assert.strictEqual(git(path, "show", `${saved}:new/c.txt`), "c")
      assert.strictEqual(yield* turnsOf(codex, thread.id), 0)
      assert.deepStrictEqual(
        ["a.txt", "deep/b.txt", "new/c.txt", "untracked.txt", "with space é.txt", "ignored"].map((name) =>
          read(path, name)
        ),
        ["a changed", undefined, undefined, "u", "s", "i2"]
      )
      assert.deepStrictEqual(state(path), before)
      // Everything that is there now is stored.
      assert.deepStrictEqual(yield* checkpoint.restore(), { saved: undefined })
    }))

  it.effect("changes nothing if the conversation or the files cannot follow", () =>
    Effect.gen(function*() {
      const { codex, path } = yield* directory({ "a.txt": "a" })
      const thread = yield* codex.threadStart({ cwd: path })
      yield* thread.run("one")
      const tree = WorkTree.make(yield* internalClient, thread.id, path)
      const first = yield* tree.save
      const checkpoint = yield* thread.checkpoint({ files: true })
      yield* thread.run("two")
      write(path, { "a.txt": "changed", "new.txt": "n" })
      const present = () => ["a.txt", "new.txt"].map((name) => read(path, name))
      const failed = yield* tree.restore(
        first,
        "save",
        Effect.suspend(() => {
          assert.deepStrictEqual(present(), ["a", undefined])
          return Effect.fail("not reverted")
        })
      ).pipe(Effect.flip)
      assert.strictEqual(failed, "not reverted")
      assert.deepStrictEqual(present(), ["changed", "n"])

      // An ignored file stands where a file of the checkpoint belongs.
      write(path, { ".gitignore": "a.txt\nnew.txt\n" })
      git(path, "rm", "--quiet", "--cached", "a.txt")
      write(path, { "a.txt": "precious" })
      const refused = yield* Effect.flip(checkpoint.restore())
      assert.deepStrictEqual(refused._tag === "CheckpointError" && refused.reason, {
        _tag: "UnsavedFiles",
        files: [".gitignore", "a.txt"]
      })
      assert.strictEqual(read(path, "a.txt"), "precious")
      assert.strictEqual(yield* turnsOf(codex, thread.id), 2)
      const { saved } = yield* checkpoint.restore({ unsaved: "save" })
      assert.strictEqual(git(path, "show", `${saved}:a.txt`), "precious")
      assert.deepStrictEqual(["a.txt", "new.txt"].map((name) => read(path, name)), ["a", "n"])
    }))

  it.effect("works in a repository without commits, in a worktree, and with a submodule", () =>
    Effect.gen(function*() {
      const { codex, path } = yield* directory()
      git(path, "init", "--quiet")
      write(path, { "a.txt": "a" })
      const thread = yield* codex.threadStart({ cwd: path })
      const fresh = yield* thread.checkpoint({ files: true })
      write(path, { "a.txt": "b" })
      yield* fresh.restore({ unsaved: "save" })
      assert.strictEqual(read(path, "a.txt"), "a")
      assert.strictEqual(git(path, "ls-files"), "")

      const { path: other } = yield* directory({ "s.txt": "s" })
      const { path: main } = yield* directory({ "m.txt": "m" })
      git(main, "submodule", "--quiet", "add", other, "sub")
      git(main, "commit", "--quiet", "-m", "submodule")
      const tree = `${main}-tree`
      git(main, "worktree", "add", "--quiet", tree)
      const linked = yield* codex.threadStart({ cwd: tree })
      write(tree, { "m.txt": "changed" })
      const before = state(tree)
      const inTree = yield* linked.checkpoint({ files: true })
      git(tree, "checkout", "--quiet", "m.txt")
      yield* inTree.restore()
      assert.strictEqual(read(tree, "m.txt"), "changed")
      assert.strictEqual(read(main, "m.txt"), "m")
      assert.deepStrictEqual(state(tree), before)

      const withSubmodule = yield* codex.threadStart({ cwd: main })
      const checkpoint = yield* withSubmodule.checkpoint({ files: true })
      write(main, { "m.txt": "changed", "sub/s.txt": "kept" })
      yield* checkpoint.restore({ unsaved: "save" })
      assert.deepStrictEqual([read(main, "m.txt"), read(main, "sub/s.txt")], ["m", "kept"])
    }))

  it.effect("says what it cannot do", () =>
    Effect.gen(function*() {
      const { codex, home, path } = yield* Effect.all([directory(), setup]).pipe(
        Effect.map(([made, { home }]) => ({ ...made, home }))
      )
      const outside = yield* codex.threadStart({ cwd: path })
      const error = yield* Effect.flip(outside.checkpoint({ files: true }))
      assert.instanceOf(error, CodexError.CheckpointError)
      assert.deepStrictEqual(error.reason, { _tag: "NotARepository", directory: path })
      assert.include(error.message, "git init")
      assert.include(home.workspace, path.slice(0, home.workspace.length))
      const ephemeral = yield* codex.threadStart({ ephemeral: true })
      assert.strictEqual((yield* Effect.flip(ephemeral.checkpoint()))._tag, "InvalidInputError")
      const unknown = yield* Effect.flip(outside.checkpoint(Object.assign({ files: true }, { file: true })))
      assert.strictEqual(unknown._tag, "InvalidInputError")
    }))
})
