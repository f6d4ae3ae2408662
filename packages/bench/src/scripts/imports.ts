/**
 * A script that measures the import time of modules: `node imports.ts <specifier>...`
 */
const start = performance.now()
for (const specifier of process.argv.slice(2)) await import(specifier)
process.stdout.write(JSON.stringify(performance.now() - start))
