/**
 * The style of a timeline's page, in light and dark colors.
 */

const light = {
  bg: "#f5f6f8",
  surface: "#ffffff",
  sunken: "#fafbfc",
  line: "#dfe3e8",
  "line-soft": "#eceff2",
  text: "#1b2028",
  muted: "#566070",
  faint: "#7b8595",
  accent: "#2f5fe0",
  "accent-soft": "#e7edfd",
  shadow: "0 8px 28px rgb(20 28 40 / 16%)",
  turn: "#64748b",
  user: "#0d8f83",
  message: "#2563eb",
  reasoning: "#7c3aed",
  command: "#a8720c",
  files: "#15803d",
  tool: "#c0257f",
  approval: "#dd5b0b",
  request: "#8391a5",
  other: "#6b7280",
  tokens: "#47699e",
  error: "#d92d20",
  warning: "#b7791f"
}

const dark: typeof light = {
  bg: "#0e1218",
  surface: "#151a22",
  sunken: "#11161d",
  line: "#2a323e",
  "line-soft": "#1f2630",
  text: "#e5e9ef",
  muted: "#a0aab8",
  faint: "#7a8595",
  accent: "#7ea6ff",
  "accent-soft": "#1d2b4a",
  shadow: "0 8px 28px rgb(0 0 0 / 55%)",
  turn: "#8f9db3",
  user: "#2fc9b7",
  message: "#6ea8fe",
  reasoning: "#b197fc",
  command: "#e0b04a",
  files: "#4fcf7f",
  tool: "#f277b6",
  approval: "#fb923c",
  request: "#6b7a90",
  other: "#9ca3af",
  tokens: "#7fa3d8",
  error: "#ff7b72",
  warning: "#f0b849"
}

const tokens = (theme: typeof light): string =>
  Object.entries(theme).map(([name, value]) => `--${name}: ${value};`).join(" ")

/** The style sheet. */
export const style = `
:root { color-scheme: light; print-color-adjust: exact; -webkit-print-color-adjust: exact; ${tokens(light)} }
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) { color-scheme: dark; ${tokens(dark)} } }
:root[data-theme="dark"] { color-scheme: dark; ${tokens(dark)} }

* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body {
  display: grid; grid-template: auto 1fr / minmax(0, 1fr); background: var(--bg); color: var(--text);
  font: 13px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; -webkit-font-smoothing: antialiased;
}
button, input, select { font: inherit; color: inherit; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.mono, pre, code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12px; }

header { background: var(--surface); border-bottom: 1px solid var(--line); padding: 10px 14px 8px; display: grid; grid-template-columns: minmax(0, 1fr); gap: 8px; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; }
h1 { font-size: 15px; font-weight: 650; margin: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 46ch; }
.facts { flex: 1 1 0; min-width: 0; display: flex; flex-wrap: wrap; gap: 2px 14px; color: var(--muted); margin: 0; font-variant-numeric: tabular-nums; }
.facts b { color: var(--text); font-weight: 600; }
.facts .bad b { color: var(--error); }
.tools { display: flex; gap: 6px; margin-left: auto; align-self: start; }

.search { position: relative; flex: 0 1 300px; min-width: 180px; }
.search input {
  width: 100%; padding: 5px 10px; border: 1px solid var(--line); border-radius: 7px; background: var(--sunken);
}
.search:has(output:not(:empty)) input { padding-right: 90px; }
.search input::-webkit-search-cancel-button { display: none; }
.search output { position: absolute; right: 10px; top: 50%; translate: 0 -50%; color: var(--muted); pointer-events: none; font-variant-numeric: tabular-nums; }
.button, select {
  border: 1px solid var(--line); background: var(--surface); border-radius: 7px; padding: 4px 9px; cursor: pointer; min-height: 28px;
}
.button:hover, select:hover { border-color: var(--faint); }
.chips { display: flex; flex-wrap: wrap; gap: 6px; }
.chip {
  display: inline-flex; align-items: center; gap: 6px; border: 1px solid var(--line); background: var(--surface); color: var(--text);
  border-radius: 999px; padding: 2px 10px 2px 8px; cursor: pointer; font-size: 12px; min-height: 24px;
}
.chip:hover { border-color: var(--faint); }
.chip i { width: 9px; height: 9px; border-radius: 3px; background: var(--color); }
.chip span { color: var(--muted); font-variant-numeric: tabular-nums; }
.chip[aria-pressed="false"] { color: var(--muted); background: transparent; border-style: dashed; text-decoration: line-through; }
.chip[aria-pressed="false"] i { background: transparent; box-shadow: inset 0 0 0 1.5px var(--faint); }

main {
  display: grid; min-height: 0; grid-template: minmax(160px, 1fr) minmax(120px, 34%) / minmax(0, 1fr) clamp(320px, 30vw, 480px);
  grid-template-areas: "chart details" "events details";
}
section { min-width: 0; min-height: 0; }
.chart { grid-area: chart; display: grid; grid-template-rows: auto auto 1fr; position: relative; background: var(--surface); }
.chart canvas { display: block; }
.overview { border-bottom: 1px solid var(--line); background: var(--sunken); cursor: crosshair; touch-action: none; }
.lanes { overflow-x: hidden; overflow-y: auto; position: relative; outline-offset: -2px; cursor: default; touch-action: pan-y; }
.lanes canvas { position: sticky; top: 0; left: 0; }
.lanes.dragging { cursor: grabbing; }
.zoom { position: absolute; left: 10px; top: 8px; display: flex; gap: 4px; }
.zoom .button { min-width: 28px; padding: 2px 7px; }
.tip {
  position: fixed; z-index: 5; pointer-events: none; max-width: 420px; padding: 7px 10px; border-radius: 8px; background: var(--surface);
  border: 1px solid var(--line); box-shadow: var(--shadow); visibility: hidden;
}
.tip b { display: block; overflow-wrap: anywhere; }
.tip span { color: var(--muted); font-variant-numeric: tabular-nums; }

.events { grid-area: events; display: grid; grid-template-rows: auto 1fr; border-top: 1px solid var(--line); background: var(--surface); }
.head { display: flex; align-items: center; gap: 10px; padding: 5px 12px; border-bottom: 1px solid var(--line); color: var(--muted); }
.head h2 { font-size: 12px; font-weight: 650; margin: 0; color: var(--text); }
.rows { overflow: auto; position: relative; outline-offset: -2px; contain: strict; }
.row {
  position: absolute; left: 0; right: 0; height: 24px; display: grid; align-items: center; gap: 10px; padding: 0 12px; cursor: pointer;
  grid-template-columns: 88px 16px minmax(60px, 150px) minmax(120px, 280px) minmax(0, 1fr); white-space: nowrap;
}
.row > * { overflow: hidden; text-overflow: ellipsis; }
.row:hover { background: var(--line-soft); }
.row.of { background: color-mix(in srgb, var(--accent-soft) 45%, transparent); }
.row[aria-selected="true"] { background: var(--accent-soft); box-shadow: inset 3px 0 var(--accent); }
.row .at { color: var(--muted); text-align: right; font-variant-numeric: tabular-nums; }
.row .way { color: var(--muted); }
.row .lane, .row .what { color: var(--muted); }
.row .method { color: color-mix(in srgb, var(--color) 65%, var(--text)); }
.live::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%; background: var(--faint); margin-right: 6px; }
.live[aria-pressed="true"]::before { background: var(--files); }
.notice { display: flex; align-items: center; gap: 10px; margin: 0; padding: 6px 10px; border: 1px solid var(--line); border-radius: 8px; background: var(--accent-soft); }
.notice[hidden], .notice [hidden] { display: none; }
.empty { padding: 18px; color: var(--muted); }

.details { grid-area: details; overflow: auto; border-left: 1px solid var(--line); background: var(--surface); padding: 14px 16px 28px; }
.details h2 { font-size: 15px; line-height: 1.35; margin: 6px 0 10px; overflow-wrap: anywhere; }
.details h3 { font-size: 11px; font-weight: 650; letter-spacing: .04em; text-transform: uppercase; color: var(--muted); margin: 18px 0 6px; }
.badge {
  display: inline-block; border-radius: 5px; padding: 1px 7px; font-size: 11px; font-weight: 600; margin-right: 6px;
  color: color-mix(in srgb, var(--color) 85%, var(--text)); background: color-mix(in srgb, var(--color) 15%, transparent);
}
dl { display: grid; grid-template-columns: auto 1fr; gap: 3px 14px; margin: 0; }
pre + dl { margin-top: 10px; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
pre {
  margin: 0; padding: 10px 12px; border: 1px solid var(--line-soft); border-radius: 8px; background: var(--sunken); overflow: auto;
  max-height: 60vh; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5; tab-size: 2;
}
.prose { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; line-height: 1.55; }
.json .key { color: color-mix(in srgb, var(--message) 82%, var(--text)); }
.json .string { color: color-mix(in srgb, var(--files) 82%, var(--text)); }
.json .literal { color: color-mix(in srgb, var(--command) 88%, var(--text)); }
.added { color: var(--files); }
.removed { color: var(--error); }
.links { display: grid; gap: 2px; }
.link {
  display: grid; grid-template-columns: 12px 1fr auto; gap: 8px; align-items: center; text-align: left; border: 0; background: none; padding: 4px 6px;
  border-radius: 6px; cursor: pointer; width: 100%;
}
.link:hover { background: var(--line-soft); }
.link i { width: 9px; height: 9px; border-radius: 3px; background: var(--color); }
.link span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.link small { color: var(--muted); font-variant-numeric: tabular-nums; }
.actions { display: flex; gap: 6px; margin: 12px 0 0; }
.hint { color: var(--muted); }
.hint li { margin: 3px 0; }

dialog { border: 1px solid var(--line); border-radius: 12px; background: var(--surface); color: var(--text); box-shadow: var(--shadow); padding: 18px 22px; max-width: 460px; }
dialog::backdrop { background: rgb(0 0 0 / 35%); }
dialog h2 { margin: 0 0 10px; font-size: 15px; }
kbd { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 5px; padding: 0 5px; background: var(--sunken); white-space: nowrap; }

@media (max-width: 900px) {
  main { grid-template: minmax(200px, 1fr) minmax(110px, 24%) minmax(120px, 30%) / minmax(0, 1fr); grid-template-areas: "chart" "events" "details"; }
  .details { border-left: 0; border-top: 1px solid var(--line); }
  .row { grid-template-columns: 72px 12px minmax(90px, 1fr) minmax(0, 1fr); }
  .row .lane { display: none; }
}
@media (max-width: 620px) {
  header { padding: 8px 10px 6px; gap: 6px; }
  .facts { order: 1; flex-basis: 100%; }
  h1 { max-width: 60vw; }
  .search, .bar select { flex: 1 1 140px; min-width: 0; }
  .chips { flex-wrap: nowrap; flex-basis: 100%; overflow-x: auto; scrollbar-width: none; padding-bottom: 2px; }
  .chip { flex: none; }
}
@media (prefers-reduced-motion: no-preference) { .chip, .button { transition: border-color .12s, background .12s; } }
`
