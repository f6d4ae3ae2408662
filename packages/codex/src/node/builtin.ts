/**
 * Modules of Node that are loaded on first use: each takes some milliseconds, and a program that imports this package may never
 * need them.
 */

export const childProcess = () => process.getBuiltinModule("node:child_process")

export const nodeCrypto = () => process.getBuiltinModule("node:crypto")

export const net = () => process.getBuiltinModule("node:net")

export const tls = () => process.getBuiltinModule("node:tls")
