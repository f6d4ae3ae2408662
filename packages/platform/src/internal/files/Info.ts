/**
 * The `File.Info` of a file, read from what a helper prints.
 */
import * as ByteSize from "effect/ByteSize"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"

const types: ReadonlyMap<number, FileSystem.File.Type> = new Map([
  [0o100000, "File"],
  [0o040000, "Directory"],
  [0o120000, "SymbolicLink"],
  [0o060000, "BlockDevice"],
  [0o020000, "CharacterDevice"],
  [0o010000, "FIFO"],
  [0o140000, "Socket"]
])

/** Reads `seconds.nanoseconds`; a `-` stands for a time that the system does not record. */
const dateOf = (text: string): Option.Option<Date> => {
  const [seconds, nanoseconds = "0"] = text.split(".")
  return text === "-"
    ? Option.none()
    : Option.some(new Date(Number(seconds) * 1000 + Math.floor(Number(nanoseconds) / 1_000_000)))
}

const bigOf = (text: string): Option.Option<bigint> => text === "-" ? Option.none() : Option.some(BigInt(text))

/**
 * Reads `mode nlink uid gid rdev ino size blksize blocks dev atime mtime ctime birthtime`, with the numbers in decimals.
 */
export const parse = (text: string): FileSystem.File.Info => {
  const [mode, nlink, uid, gid, rdev, ino, size, blksize, blocks, dev, atime, mtime, , birthtime] = text.trim().split(
    " "
  )
  return {
    type: types.get(Number(mode) & 0o170000) ?? "Unknown",
    mtime: dateOf(mtime ?? "-"),
    atime: dateOf(atime ?? "-"),
    birthtime: dateOf(birthtime ?? "-"),
    dev: BigInt(dev ?? 0),
    ino: bigOf(ino ?? "-"),
    mode: Number(mode),
    nlink: bigOf(nlink ?? "-"),
    uid: Option.some(Number(uid)),
    gid: Option.some(Number(gid)),
    rdev: bigOf(rdev ?? "-"),
    size: ByteSize.bytes(BigInt(size ?? 0)),
    blksize: blksize === "-" ? Option.none() : Option.some(ByteSize.bytes(BigInt(blksize ?? 0))),
    blocks: bigOf(blocks ?? "-")
  }
}
