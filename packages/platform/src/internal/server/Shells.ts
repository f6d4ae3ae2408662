/**
 * A pool of resident shells. A call sends a script and reads what it prints, without a process of its own.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import { Buffer } from "node:buffer"
import { randomBytes } from "node:crypto"
import { type Fault, HelperEnded, Refused } from "./Fault.ts"
import type { HelperProcess, Resident, Residents } from "./Residents.ts"

/** Runs scripts. */
export interface Shells {
  /**
   * Runs a script in a resident shell and returns what it prints. A script that ends with another status than 0 fails with
   * {@link Refused}, with the words that it printed. An interruption ends its shell.
   */
  readonly run: (script: string) => Effect.Effect<Uint8Array, Fault>
}

class Shell implements Resident {
  process: HelperProcess | undefined
  ended: Fault | undefined
  private parts: Array<Uint8Array> = []
  private size = 0
  private call: { readonly nonce: string; readonly resume: (exit: Exit.Exit<Uint8Array, Fault>) => void } | undefined

  receive(bytes: Uint8Array): void {
    if (this.call === undefined) return
    this.parts.push(bytes)
    this.size += bytes.length
    if (bytes.at(-1) !== lineFeed) return
    // The last line has the nonce, and the status behind it.
    const tail = Buffer.concat(this.parts.slice(-3)).subarray(-80).toString("latin1")
    const at = tail.lastIndexOf(this.call.nonce)
    if (at < 1) return
    const status = Number(tail.slice(at + this.call.nonce.length))
    const output = Buffer.concat(this.parts).subarray(0, this.size - (tail.length - at) - 1)
    this.settle(status === 0 ? Exit.succeed(output) : Exit.fail(refusal(output.toString())))
  }

  end(fault: Fault): void {
    this.ended = fault
    this.settle(Exit.fail(fault))
  }

  private settle(exit: Exit.Exit<Uint8Array, Fault>): void {
    const { call } = this
    this.call = undefined
    this.parts = []
    this.size = 0
    call?.resume(exit)
  }

  run(script: string): Effect.Effect<Uint8Array, Fault> {
    return Effect.suspend(() => {
      const { process } = this
      if (process === undefined || this.ended !== undefined) {
        return Effect.fail(this.ended ?? new HelperEnded({ detail: "the helper /bin/sh has not started" }))
      }
      const nonce = randomBytes(12).toString("hex")
      const answer = Effect.callback<Uint8Array, Fault>((resume) => {
        this.call = { nonce, resume }
      })
      const text = `{ ${script}\n} 2>&1 </dev/null; printf '\\n${nonce} %d\\n' $?\n`
      return Effect.raceFirst(answer, Effect.andThen(process.write(Buffer.from(text)), Effect.never))
    })
  }
}

const lineFeed = 10

/** The words of the C locale, with the numbers of Linux. */
const words: ReadonlyArray<readonly [string, number]> = [
  ["Operation not permitted", 1],
  ["No such file or directory", 2],
  ["Permission denied", 13],
  ["resource busy", 16],
  ["File exists", 17],
  ["Not a directory", 20],
  ["Is a directory", 21],
  ["Text file busy", 26],
  ["Read-only file system", 30],
  ["Too many levels of symbolic links", 40]
]

const refusal = (output: string): Refused => {
  const detail = output.trim().split("\n").at(-1) ?? ""
  return new Refused({ errno: words.find(([text]) => detail.includes(text))?.[1], detail: detail.slice(0, 500) })
}

/** Makes a pool of at most `limit` shells, which start when they are needed. */
export const make = (residents: Residents, options: { readonly cwd: string; readonly limit: number }): Shells => {
  const idle: Array<Shell> = []
  const turns = Semaphore.makeUnsafe(options.limit)

  const start = Effect.gen(function*() {
    const shell = new Shell()
    shell.process = yield* residents.start(shell, {
      command: ["/bin/sh"],
      cwd: options.cwd,
      env: { LC_ALL: "C", ENV: null, BASH_ENV: null }
    })
    return shell
  })

  const take = Effect.suspend(() => {
    for (;;) {
      const shell = idle.pop()
      if (shell === undefined) return start
      if (shell.ended === undefined) return Effect.succeed(shell)
    }
  })

  const run = (script: string): Effect.Effect<Uint8Array, Fault> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(take, (shell) =>
        Effect.onExit(restore(shell.run(script)), (exit) => {
          const isIdle = Exit.isSuccess(exit) ||
            exit.cause.reasons.some((reason) => reason._tag === "Fail" && reason.error._tag === "Refused")
          if (isIdle) {
            idle.push(shell)
            return Effect.void
          }
          return shell.process === undefined || shell.ended !== undefined
            ? Effect.void
            : Effect.ignore(shell.process.terminate)
        }))
    )

  return { run: (script) => turns.withPermits(1)(run(script)) }
}
