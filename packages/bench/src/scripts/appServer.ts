/**
 * The synthetic app-server on standard input and output. It writes a file of messages on request.
 *
 * `node appServer.ts <file> <bytes per write, or 0 for one line per write>`
 */
import * as Fs from "node:fs"
import * as Readline from "node:readline"
import { serve } from "../AppServer.ts"

const [file, size] = process.argv.slice(2)
const traffic = file === undefined ? Buffer.alloc(0) : Fs.readFileSync(file)
const write = Number(size)

const pour = () => {
  for (let start = 0; start < traffic.length;) {
    const end = write === 0 ? traffic.indexOf(10, start) + 1 : Math.min(start + write, traffic.length)
    process.stdout.write(traffic.subarray(start, end))
    start = end
  }
}

Readline.createInterface({ input: process.stdin }).on(
  "line",
  serve((message) => process.stdout.write(`${message}\n`), pour)
)
