/**
 * Measures how long modules take to be imported: `node imports.ts <specifier>...`
 */
const start = performance.now()
for (const specifier of process.argv.slice(2)) await import(specifier)
process.stdout.write(JSON.stringify(performance.now() - start))
