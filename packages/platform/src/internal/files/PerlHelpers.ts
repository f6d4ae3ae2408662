/**
 * A pool of resident perls. One perl answers its calls in order, and any number of calls may be under way; a new call goes to the
 * perl with the fewest.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Buffer } from "node:buffer"
import { type Fault, Refused } from "../server/Fault.ts"
import { pieceSize } from "../server/RemoteProcess.ts"
import type { HelperProcess, Resident, Residents } from "../server/Residents.ts"
import { perlProgram } from "./perlProgram.ts"

/** A field of a request. */
export type Field = string | number | bigint | boolean | Uint8Array

/** The results of a call: what it printed in pieces, joined with its first result, and the other results. */
export interface Answer {
  readonly bytes: Uint8Array
  readonly rest: ReadonlyArray<Uint8Array>
}

/** A perl that calls can be made to. */
export interface Perl {
  readonly call: (operation: string, ...fields: ReadonlyArray<Field>) => Effect.Effect<Answer, Fault>
}

interface Call {
  readonly resume: (answer: Effect.Effect<Answer, Fault>) => void
  readonly parts: Array<Uint8Array>
}

const bytesOf = (field: Field): Uint8Array =>
  typeof field === "object" ? field : Buffer.from(typeof field === "boolean" ? (field ? "1" : "") : String(field))

const frame = (fields: ReadonlyArray<Field>): Buffer => {
  const parts = fields.map(bytesOf)
  const length = parts.reduce((sum, part) => sum + 4 + part.length, 0)
  const whole = Buffer.allocUnsafe(4 + length)
  let at = whole.writeUInt32BE(length, 0)
  for (const part of parts) {
    at = whole.writeUInt32BE(part.length, at)
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const fieldsOf = (bytes: Buffer): Array<Uint8Array> => {
  const fields: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at)
    fields.push(bytes.subarray(at + 4, end))
    at = end
  }
  return fields
}

class Helper implements Perl, Resident {
  ended: Fault | undefined

  private process: HelperProcess | undefined
  private readonly fork: (effect: Effect.Effect<void>) => void
  private readonly calls = new Map<number, Call>()
  private lastId = 0
  private unsent: Array<Buffer> = []
  private isSending = false
  private received: Array<Uint8Array> = []
  private size = 0
  /** The number of received bytes at which the next frame may be whole. */
  private needed = 4

  constructor(fork: (effect: Effect.Effect<void>) => void) {
    this.fork = fork
  }

  /** The number of calls under way. */
  get load(): number {
    return this.calls.size
  }

  call(operation: string, ...fields: ReadonlyArray<Field>): Effect.Effect<Answer, Fault> {
    return Effect.callback((resume) => {
      if (this.ended !== undefined) return resume(Effect.fail(this.ended))
      const id = ++this.lastId
      // An interrupted call stays here until it is answered: its perl is still busy with it.
      this.calls.set(id, { resume, parts: [] })
      this.unsent.push(frame([id, operation, ...fields]))
      this.startSending()
    })
  }

  /** Its process has started. */
  began(process: HelperProcess): void {
    this.process = process
    this.startSending()
  }

  private startSending(): void {
    if (this.isSending || this.process === undefined) return
    this.isSending = true
    this.fork(this.send)
  }

  /** Sends what is unsent: all calls that came in meanwhile with one request. */
  private readonly send: Effect.Effect<void> = Effect.suspend(() => {
    const { process } = this
    if (process === undefined || this.unsent.length === 0 || this.ended !== undefined) {
      this.isSending = false
      return Effect.void
    }
    const batch: Array<Buffer> = []
    let size = 0
    do {
      const next = this.unsent.shift()!
      batch.push(next)
      size += next.length
    } while (this.unsent.length > 0 && size + this.unsent[0]!.length <= pieceSize)
    return Effect.matchEffect(process.write(batch.length === 1 ? batch[0]! : Buffer.concat(batch)), {
      onFailure: (error) => Effect.sync(() => this.end(error)),
      onSuccess: () => this.send
    })
  })

  receive(bytes: Uint8Array): void {
    this.received.push(bytes)
    this.size += bytes.length
    if (this.size < this.needed) return
    const all = this.received.length === 1
      ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      : Buffer.concat(this.received)
    let at = 0
    this.needed = 4
    while (all.length - at >= 4) {
      const end = at + 4 + all.readUInt32BE(at)
      if (end > all.length) {
        this.needed = end - at
        break
      }
      this.settle(fieldsOf(all.subarray(at + 4, end)))
      at = end
    }
    this.received = at === all.length ? [] : [all.subarray(at)]
    this.size = all.length - at
  }

  private settle([id, status, ...results]: Array<Uint8Array>): void {
    const key = Number(id)
    const call = this.calls.get(key)
    if (call === undefined) return
    const code = String(status)
    if (code === "+") {
      // Copied: the piece would keep all that arrived with it alive.
      call.parts.push(...results)
      return
    }
    this.calls.delete(key)
    if (code === "") {
      const [first = new Uint8Array(), ...rest] = results
      const bytes = call.parts.length === 0 ? first : Buffer.concat([...call.parts, first])
      call.resume(Exit.succeed({ bytes, rest }))
    } else {
      const errno = code === "!" ? undefined : Number(code)
      call.resume(Exit.fail(new Refused({ errno, detail: String(results[0] ?? "") })))
    }
  }

  end(fault: Fault): void {
    this.ended ??= fault
    const calls = [...this.calls.values()]
    this.calls.clear()
    this.unsent = []
    for (const { resume } of calls) resume(Exit.fail(this.ended))
  }
}

/** Variables that change what perl does. */
const neutral = { LC_ALL: "C", PERL5OPT: null, PERL5LIB: null, PERLIO: null, PERL_UNICODE: null, PERL5DB: null }

/** A pool of perls. */
export interface Perls {
  /** The perl for the next call; for an open file, it is the one of all its calls. */
  readonly take: Effect.Effect<Perl>
}

/** Makes a pool of at most `limit` perls, which start when they are needed. */
export const make = Effect.fnUntraced(function*(
  residents: Residents,
  options: { readonly perl: string; readonly cwd: string; readonly limit: number }
): Effect.fn.Return<Perls> {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const fork = (effect: Effect.Effect<void>): void => {
    run(effect)
  }
  let helpers: Array<Helper> = []

  /** Returns a perl at once: its calls are sent when it has started. */
  const start = (): Helper => {
    const helper = new Helper(fork)
    helpers.push(helper)
    const program = { command: [options.perl, "-e", perlProgram], cwd: options.cwd, env: neutral }
    fork(Effect.match(residents.start(helper, program), {
      onFailure: (fault) => helper.end(fault),
      onSuccess: (process) => helper.began(process)
    }))
    return helper
  }

  const take = Effect.sync((): Perl => {
    helpers = helpers.filter(({ ended }) => ended === undefined)
    const [first, ...others] = helpers
    if (first === undefined) return start()
    const best = others.reduce((best, helper) => helper.load < best.load ? helper : best, first)
    return best.load === 0 || helpers.length >= options.limit ? best : start()
  })

  return { take }
})
