/**
 * A git worktree per thread: agents work on one repository at the same time, each on a branch of its own.
 */
import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import * as ExamplePromises from "./shared/ExamplePromises.ts"

const git = async (cwd: string, ...args: ReadonlyArray<string>) =>
  (await promisify(execFile)("git", ["-c", "user.name=Codex", "-c", "user.email=codex@example.com", ...args], { cwd }))
    .stdout.trim()

let latest: Promise<unknown> = Promise.resolve()

/** Adds or removes worktrees one after the other: git reads all of them, and fails if one is only half there. */
const changeWorktrees = (repository: string, ...args: ReadonlyArray<string>) => {
  const change = latest.then(() => git(repository, "worktree", ...args))
  latest = change.catch(() => {})
  return change
}

/** Checks out a new branch in a directory of its own. Its end removes the directory; the branch remains. */
const worktree = async (repository: string, branch: string) => {
  const parent = await mkdtemp(join(tmpdir(), "worktree-"))
  const path = join(parent, branch)
  await changeWorktrees(repository, "add", "--quiet", "-b", branch, path)
  return {
    path,
    async [Symbol.asyncDispose]() {
      await changeWorktrees(repository, "remove", "--force", path)
      await rm(parent, { recursive: true })
    }
  }
}

// A repository to work on.
const repository = await mkdtemp(join(tmpdir(), "repository-"))
await git(repository, "init", "--quiet", "--initial-branch=main")
await git(repository, "commit", "--quiet", "--allow-empty", "--message", "Begin")

await using codex = await ExamplePromises.start()

const work = async (branch: string, task: string) => {
  await using tree = await worktree(repository, branch)
  // The agent may write in its worktree. The repository itself is outside of it, so the program commits.
  const thread = await codex.threadStart({
    cwd: tree.path,
    sandbox: "workspaceWrite",
    limits: { duration: "30 minutes" }
  })
  await thread.run(task)
  await git(tree.path, "add", "--all")
  if (await git(tree.path, "status", "--porcelain") === "") return `${branch}: nothing has changed`
  await git(tree.path, "commit", "--quiet", "--message", task)
  return `${branch}: ${await git(tree.path, "diff", "--name-only", "main")}`
}

const results = await Promise.allSettled([
  work("readme", "Please run `echo Hello > README.md`."),
  work("license", "Please run `echo MIT > LICENSE`."),
  work("nothing", "Say hello.")
])
for (const result of results) console.log(result.status === "fulfilled" ? result.value : result.reason)

console.log(`main: ${await git(repository, "ls-tree", "--name-only", "main") || "unchanged"}`)
await rm(repository, { recursive: true })
