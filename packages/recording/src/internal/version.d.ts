/** The version of this package, as in its package.json. */
export declare const version = "0.1.0"
// # sourceMappingURL=version.d.ts.map
