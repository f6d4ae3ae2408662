import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach } from "vitest"
import * as LockFile from "../../src/node/LockFile.ts"
import { identify } from "../../src/node/processes.ts"

describe("a lock", () => {
  let directory: string
  let path: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "effect-codex-"))
    path = join(directory, "a.lock")
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it("is held by one caller at a time", () => {
    const release = LockFile.tryAcquire(path)
    assert.isDefined(release)
    assert.isUndefined(LockFile.tryAcquire(path))
    assert.isDefined(LockFile.tryAcquire(join(directory, "b.lock")))
    release!()
    const again = LockFile.tryAcquire(path)
    assert.isDefined(again)
    assert.isUndefined(LockFile.tryAcquire(path))
    again!()
    assert.lengthOf(readdirSync(directory).filter((name) => name.startsWith("a.")), 1)
  })

  it("is taken from a process that has ended, also if another one has its number, but not from one that runs", () => {
    const { pid, start } = identify(process.ppid)!
    writeFileSync(`${path}.7`, JSON.stringify({ pid, start }))
    assert.isUndefined(LockFile.tryAcquire(path))
    writeFileSync(`${path}.7`, JSON.stringify({ pid, start: "at another time" }))
    assert.isDefined(LockFile.tryAcquire(path))
    assert.isUndefined(LockFile.tryAcquire(path))
    assert.deepStrictEqual(readdirSync(directory), ["a.lock.8"])
  })

  it("is not held by a number that is not the highest", () => {
    writeFileSync(`${path}.1`, JSON.stringify(identify(process.pid)))
    writeFileSync(`${path}.2`, "free")
    assert.isDefined(LockFile.tryAcquire(path))
    assert.deepStrictEqual(readdirSync(directory), ["a.lock.3"])
  })
})
