/**
 * The files of a git work tree on the server's machine, with snapshots that can be restored.
 *
 * A snapshot is a commit under a ref outside the branches. It is made with a temporary index, so the index, the stash, the branch and
 * HEAD of the user stay as they are. Git runs through the server's `command/exec` without a sandbox, because the sandbox of a thread
 * does not let it write to `.git`.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { newId } from "../base/ids.ts"
import { messageOf } from "../base/text.ts"
import { CheckpointError, type RequestError } from "../model/errors/CodexError.ts"
import type { CheckpointReason } from "../model/errors/CodexError.ts"
import type { Client } from "./Client.ts"

/** The refs of the checkpoints of a thread. */
const refsOf = (threadId: string): string => `refs/codex/checkpoints/${threadId}`

/** The time limit for one git command, in milliseconds. */
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

  /** Runs git, and returns the paths in its NUL-separated output. */
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
    const [root, gitDirectory, ...more] = found.stdout.trimEnd().split(/\r?\n/)
    if (found.exitCode !== 0) {
      const detail = found.stderr.trim()
      return yield* /not a git repository|must be run in a work tree/.test(detail)
        ? missing
        : failed({ _tag: "GitFailed", detail })
    }
    if (root === undefined || gitDirectory === undefined) return yield* missing
    if (more.length > 0) {
      return yield* failed({ _tag: "GitFailed", detail: `the path of the work tree has a line break: ${directory}` })
    }
    return { root, gitDirectory }
  })

  const head = (root: string) =>
    Effect.map(
      exec(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], root),
      ({ exitCode, stdout }) => exitCode === 0 ? [stdout.trim()] : []
    )

  /** Adds all files to an index. A sparse checkout must not leave out what is there. */
  const addAll = (root: string, index: string) => {
    const add = (...pathspecs: ReadonlyArray<string>) => git(["add", "--all", "--sparse", ...pathspecs], root, index)
    return Effect.catchTag(add(), "CheckpointError", (error) =>
      Effect.gen(function*() {
        // Git has no way to store a repository in another one before its first commit, and refuses everything.
        const others = yield* paths(["ls-files", "-z", "--others", "--exclude-standard"], root, index)
        const unborn = yield* Effect.filter(
          others.filter((path) => path.endsWith("/")),
          (path) => Effect.map(head(`${root}/${path}`), (commits) => commits.length === 0)
        )
        if (unborn.length === 0) return yield* error
        return yield* add("--", ".", ...unborn.map((path) => `:(exclude,literal)${path}`))
      }))
  }

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
          yield* addAll(root, index)
          const tree = yield* git(["write-tree"], root, index)
          return yield* use({ root, tree, index })
        }),
        removed
      )
    })

  /** Stores a tree as a commit below a ref. */
  const store = Effect.fnUntraced(function*({ root, tree }: Snapshot) {
    const parents = (yield* head(root)).flatMap((commit) => ["-p", commit])
    const message = `Checkpoint of Codex thread ${threadId}`
    const commit = yield* git(["commit-tree", tree, ...parents, "-m", message], root)
    const ref = `${refsOf(threadId)}/${newId()}`
    yield* git(["update-ref", ref, commit], root)
    return ref
  })

  /** Returns the files of a tree that another one lacks or has in another state, and those that only the other one has. */
  const compare = (tree: string, other: string, root: string) =>
    Effect.map(paths(["diff-tree", "-r", "-z", "--no-renames", "--name-status", tree, other], root), (fields) => {
      const [differing, added]: [Array<string>, Array<string>] = [[], []]
      for (let index = 0; index + 1 < fields.length; index += 2) {
        ;(fields[index] === "A" ? added : differing).push(fields[index + 1]!)
      }
      return { differing, added }
    })

  /**
   * Returns the files that a move between trees would change or remove, and whose content is stored nowhere. `hidden` are those
   * that git ignores: no snapshot has them, but a file of the target would take their place.
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

  /** Adds ignored files to the present ones: git would overwrite them silently. */
  const withHidden = Effect.fnUntraced(function*(now: Present, hidden: ReadonlyArray<string>) {
    if (hidden.length === 0) return now
    yield* git(["--literal-pathspecs", "add", "--force", "--sparse", "--", ...hidden], now.root, now.index)
    return { ...now, tree: yield* git(["write-tree"], now.root, now.index) }
  })

  /** Changes the files from one tree to another. Git refuses, before it changes any, if they differ from the first tree. */
  const move = ({ index, root }: Present, from: string, to: string) =>
    git(["read-tree", "--no-sparse-checkout", "-m", "-u", from, to], root, index)

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
          yield* Effect.catchCause(then, (cause) =>
            Effect.matchEffect(move(before, snapshot.tree, before.tree), {
              onSuccess: () => Effect.failCause(cause),
              onFailure: (problem) =>
                Effect.flatMap(ref === undefined ? store(before) : Effect.succeed(ref), (ref) =>
                  Effect.fail(failed({
                    _tag: "GitFailed",
                    detail:
                      `the files are those of the checkpoint, but the conversation is not, because they changed meanwhile `
                      + `(${messageOf(problem)}); the files before are in ${ref}. The first problem: `
                      + messageOf(Cause.squash(cause))
                  })))
            }))
          return ref
        })
      ))
  }
}

/** Returns true if two paths are the same, or one is a directory of the other. */
const collide = (one: string, other: string): boolean =>
  one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`)

/** Overrides of the user's configuration that would change these commands. */
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
  // A server that was started by a hook of git has variables of another repository.
  GIT_ALTERNATE_OBJECT_DIRECTORIES: null,
  GIT_COMMON_DIR: null,
  GIT_DIR: null,
  GIT_GLOB_PATHSPECS: null,
  GIT_ICASE_PATHSPECS: null,
  GIT_INDEX_FILE: null,
  GIT_LITERAL_PATHSPECS: null,
  GIT_NOGLOB_PATHSPECS: null,
  GIT_OBJECT_DIRECTORY: null,
  GIT_PREFIX: null,
  GIT_QUARANTINE_PATH: null,
  GIT_WORK_TREE: null,
  LC_ALL: "C"
}
