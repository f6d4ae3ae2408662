/**
 * The file operations that a helper offers: what a `FileSystem` is built on. Paths are absolute. Failures are the system's; the
 * layer above turns them into `PlatformError`.
 */
import type * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type { Fault } from "../server/Fault.ts"

type Op<A = void> = Effect.Effect<A, Fault>

/** An open file. Positions are bytes from its start. */
export interface OpenFile {
  /** Reads up to `length` bytes; fewer at the end of the file, none beyond it. */
  readonly read: (position: bigint, length: number) => Op<Uint8Array>
  /** Writes at a position; without one, at the end of a file that is open for appending. Returns how many bytes were written. */
  readonly write: (position: bigint | undefined, bytes: Uint8Array) => Op<number>
  readonly truncate: (length: number) => Op
  readonly stat: Op<FileSystem.File.Info>
  readonly sync: Op
  readonly close: Op
}

/** How a file is opened. */
export interface OpenOptions {
  readonly flag: FileSystem.OpenFlag
  readonly mode: number
  readonly noFollow?: boolean
}

/** A time as seconds and nanoseconds. */
export interface Time {
  readonly seconds: number
  readonly nanoseconds: number
}

/**
 * Signs of paths: texts that change when the file does, by path. The sign of a path that does not exist is the empty text; a
 * directory's begins with `d`.
 */
export type Signs = ReadonlyMap<string, string>

/** File operations. */
export interface Files {
  /** Fails if the path does not exist, or if the server's user may not read (4) or write (2) it. */
  readonly access: (path: string, mode: number) => Op
  readonly stat: (path: string, follow: boolean) => Op<FileSystem.File.Info>
  readonly readFile: (path: string) => Op<Uint8Array>
  readonly writeFile: (path: string, bytes: Uint8Array, options: OpenOptions) => Op
  readonly open: (path: string, options: OpenOptions) => Op<OpenFile>
  readonly names: (path: string, recursive: boolean) => Op<Array<string>>
  readonly entries: (path: string) => Op<Array<FileSystem.DirectoryEntry>>
  readonly makeDirectory: (
    path: string,
    options: { readonly recursive: boolean; readonly mode?: number | undefined }
  ) => Op
  /** Creates a directory whose name begins with the last part of the path. Returns its path. */
  readonly makeTempDirectory: (prefix: string) => Op<string>
  readonly remove: (path: string, options: { readonly recursive: boolean; readonly force: boolean }) => Op
  readonly rename: (from: string, to: string) => Op
  readonly link: (from: string, to: string) => Op
  readonly symlink: (target: string, path: string) => Op
  readonly readLink: (path: string) => Op<string>
  readonly realPath: (path: string) => Op<string>
  readonly chmod: (path: string, mode: number) => Op
  readonly chown: (path: string, uid: number, gid: number) => Op
  readonly utimes: (path: string, atime: Time, mtime: Time) => Op
  readonly truncate: (path: string, length: number) => Op
  readonly copyFile: (from: string, to: string) => Op
  readonly copy: (from: string, to: string, options: { readonly overwrite: boolean; readonly preserve: boolean }) => Op
  /** Reads the signs of paths. */
  readonly signs: (paths: ReadonlyArray<string>) => Op<Signs>
  /** Reads the signs of what is in a directory, by absolute path; of a file, its own. Does not follow links. */
  readonly scan: (path: string, recursive: boolean) => Op<Signs>
}
