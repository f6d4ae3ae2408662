import * as Timeline from "@effect-codex/recording/Timeline"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
const n = Number(process.argv[2]); const f = `/tmp/tl-${n}.jsonl`
let t = performance.now()
await Effect.runPromise(Timeline.writeFile(f, `/tmp/tn-${n}.html`)); console.log("html", performance.now()-t, Fs.statSync(`/tmp/tn-${n}.html`).size/1e6, process.resourceUsage().maxRSS/1e3)
