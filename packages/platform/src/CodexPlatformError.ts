/**
 * The error of building a layer of this package. Later failures of a file system or a process are Effect's `PlatformError`.
 */
export { CodexPlatformError, type Reason } from "./internal/model/CodexPlatformError.ts"
