export {}
// # sourceMappingURL=Masking.js.map
