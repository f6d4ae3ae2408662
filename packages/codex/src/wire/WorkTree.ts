/**
 * The files of a git work tree on the server's machine: snapshots of them, and their way back.
 *
 * A snapshot is a commit under a ref outside the branches. It is made with a temporary index, so the index, the stash, the branch and
 * HEAD of the user stay as they are. Git runs through the server's `command/exec` without a sandbox, because the sandbox of a thread
 * does not let it write to `.git`.
 */
import * as Effect from "effect/Effect"
import { newId } from "../base/ids.ts"
import { CheckpointError, type RequestError } from "../model/errors/CodexError.ts"
import type { CheckpointReason } from "../model/errors/CodexError.ts"
import type { Client } from "./Client.ts"

/** The refs of the checkpoints of a thread. */
const refsOf = (threadId: string): string => `refs/codex/checkpoints/${threadId}`

/** How long one git command may take. */
const timeoutMs = 300_000

export type GitError = RequestError | CheckpointError

/** The files of a work tree at one moment. */
export interface Snapshot {
  /** The directory of the work tree. */
  readonly root: string
  readonly tree: string
}

/** The present files, and the temporary index that has them. */
interface Present extends Snapshot {
  readonly index: string
}

export interface WorkTree {
  /** Stores the files below a ref, and returns the ref and the snapshot. */
  readonly save: Effect.Effect<Snapshot & { readonly ref: string }, GitError>
  /**
   * Puts the files of a snapshot in place of the present ones, and runs an effect. If that fails, the files are put back. Returns the
   * ref below which `unsaved: "save"` has stored the present files.
   */
  readonly restore: <E>(
    snapshot: Snapshot,
    unsaved: "fail" | "save",
    then: Effect.Effect<void, E>
  ) => Effect.Effect<string | undefined, E | GitError>
}

export const make = (client: Client["Service"], threadId: string, directory: string): WorkTree => {
  const failed = (reason: CheckpointReason) => new CheckpointError({ threadId, reason })

  const exec = (args: ReadonlyArray<string>, cwd: string, index?: string) =>
    client.request("command/exec", {
      command: ["git", ...settings, ...args],
      cwd,
      env: { ...environment, ...(index !== undefined && { GIT_INDEX_FILE: index }) },
      timeoutMs,
      disableOutputCap: true,
      sandboxPolicy: { type: "dangerFullAccess" }
    }, { timeout: timeoutMs + 10_000 })

  /** Runs git, and returns its output without the last line break. */
  const git = (args: ReadonlyArray<string>, cwd: string, index?: string): Effect.Effect<string, GitError> =>
    Effect.flatMap(exec(args, cwd, index), ({ exitCode, stderr, stdout }) =>
      exitCode === 0
        ? Effect.succeed(stdout.replace(/\r?\n$/, ""))
        : Effect.fail(
          failed({ _tag: "GitFailed", detail: `git ${args[0]}: ${stderr.trim() || `exit code ${exitCode}`}` })
        ))

  /** The lists that git separates with NUL. */
  const paths = (args: ReadonlyArray<string>, cwd: string, index?: string) =>
    Effect.map(git(args, cwd, index), (output) => output.split("\0").filter((path) => path !== ""))

  const find = Effect.gen(function*() {
    const missing = failed({ _tag: "NotARepository", directory })
    // The server refuses a program that does not exist.
    const found = yield* Effect.catchTag(
      exec(["rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir"], directory),
      "CodexRpcError",
      () => Effect.fail(missing)
    )
    const [root, gitDirectory] = found.stdout.split(/\r?\n/)
    if (found.exitCode !== 0) {
      const detail = found.stderr.trim()
      return yield* /not a git repository|must be run in a work tree/.test(detail)
        ? missing
        : failed({ _tag: "GitFailed", detail })
    }
    if (root === undefined || gitDirectory === undefined) return yield* missing
    return { root, gitDirectory }
  })

  /** Runs an effect with a temporary index that has the present files. */
  const withFiles = <A, E>(
    use: (files: Present) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | GitError> =>
    Effect.flatMap(find, ({ gitDirectory, root }) => {
      const index = `${gitDirectory}/codex-checkpoint-${newId()}`
      const removed = Effect.forEach([index, `${index}.lock`], (path) =>
        Effect.ignore(client.request("fs/remove", { path, force: true })))
      // The user's index tells git which files have not changed. Without commits there is none.
      const copied = Effect.ignore(
        client.request("fs/copy", { sourcePath: `${gitDirectory}/index`, destinationPath: index })
      )
      return Effect.ensuring(
        Effect.gen(function*() {
          yield* copied
          yield* git(["add", "--all"], root, index)
          const tree = yield* git(["write-tree"], root, index)
          return yield* use({ root, tree, index })
        }),
        removed
      )
    })

  const head = (root: string) =>
    Effect.map(
      exec(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], root),
      ({ exitCode, stdout }) => exitCode === 0 ? [stdout.trim()] : []
    )

  /** Stores a tree as a commit below a ref. */
  const store = Effect.fnUntraced(function*({ root, tree }: Snapshot) {
    const parents = (yield* head(root)).flatMap((commit) => ["-p", commit])
    const message = `Checkpoint of Codex thread ${threadId}`
    const commit = yield* git(["commit-tree", tree, ...parents, "-m", message], root)
    const ref = `${refsOf(threadId)}/${newId()}`
    yield* git(["update-ref", ref, commit], root)
    return ref
  })

  /** The files of a tree that another one does not have in this state, and those that only the other one has. */
  const compare = (tree: string, other: string, root: string) =>
    Effect.map(paths(["diff-tree", "-r", "-z", "--no-renames", "--name-status", tree, other], root), (fields) => {
      const [differing, added]: [Array<string>, Array<string>] = [[], []]
      for (let index = 0; index + 1 < fields.length; index += 2) {
        ;(fields[index] === "A" ? added : differing).push(fields[index + 1]!)
      }
      return { differing, added }
    })

  /**
   * The files that a move between trees would change or remove, and whose content is stored nowhere. `hidden` are those of them that
   * git ignores: they are in no snapshot, but stand where a file of the target belongs.
   */
  const unsavedFiles = Effect.fnUntraced(function*({ index, root, tree }: Present, target: string) {
    const { added, differing } = yield* compare(tree, target, root)
    let unsaved = differing
    if (unsaved.length > 0) {
      const stored = yield* git(["for-each-ref", "--format=%(objectname)", refsOf(threadId)], root)
      for (const commit of [...yield* head(root), ...stored.split(/\s+/).filter((id) => id !== "")]) {
        if (unsaved.length === 0) break
        const different = new Set((yield* compare(tree, commit, root)).differing)
        unsaved = unsaved.filter((path) => different.has(path))
      }
    }
    const ignored = added.length === 0
      ? []
      : yield* paths(["ls-files", "-z", "--others", "--ignored", "--exclude-standard"], root, index)
    const hidden = ignored.filter((path) => added.some((other) => collide(path, other)))
    return { files: [...unsaved, ...hidden], hidden }
  })

  /** Adds ignored files to the present ones: git would overwrite them without a question. */
  const withHidden = Effect.fnUntraced(function*(now: Present, hidden: ReadonlyArray<string>) {
    if (hidden.length === 0) return now
    yield* git(["--literal-pathspecs", "add", "--force", "--", ...hidden], now.root, now.index)
    return { ...now, tree: yield* git(["write-tree"], now.root, now.index) }
  })

  /** Changes the files from one tree to another. Git refuses it, before it changes any, if they are not those of the first tree. */
  const move = ({ index, root }: Present, from: string, to: string) =>
    git(["read-tree", "-m", "-u", from, to], root, index)

  return {
    save: withFiles((files) => Effect.map(store(files), (ref) => ({ root: files.root, tree: files.tree, ref }))),
    restore: (snapshot, unsaved, then) =>
      Effect.uninterruptible(withFiles((now) =>
        Effect.gen(function*() {
          const { files, hidden } = yield* unsavedFiles(now, snapshot.tree)
          if (files.length > 0 && unsaved === "fail") return yield* failed({ _tag: "UnsavedFiles", files })
          const before = yield* withHidden(now, hidden)
          const ref = files.length > 0 ? yield* store(before) : undefined
          yield* move(before, before.tree, snapshot.tree)
          yield* Effect.onError(then, () => Effect.ignore(move(before, snapshot.tree, before.tree)))
          return ref
        })
      ))
  }
}

/** Returns true if two paths are the same, or one is a directory of the other. */
const collide = (one: string, other: string): boolean =>
  one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`)

/** Configuration of the user that would change what these commands do. */
const settings = [
  "-c",
  "core.hooksPath=/dev/null",
  "-c",
  "submodule.recurse=false",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "advice.addEmbeddedRepo=false",
  "-c",
  "commit.gpgSign=false"
]

const environment = {
  GIT_AUTHOR_NAME: "Codex",
  GIT_AUTHOR_EMAIL: "codex@localhost",
  GIT_COMMITTER_NAME: "Codex",
  GIT_COMMITTER_EMAIL: "codex@localhost",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_DIR: null,
  GIT_WORK_TREE: null,
  GIT_INDEX_FILE: null,
  LC_ALL: "C"
}
