/**
 * The error of building a layer of this package. What a file system or a process fails with later is Effect's `PlatformError`.
 */
export { CodexPlatformError, type Reason } from "./internal/model/CodexPlatformError.ts"
