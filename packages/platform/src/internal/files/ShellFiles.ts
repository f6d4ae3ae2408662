/**
 * File operations by resident shells and GNU tools, for machines without perl. Open files are followed by their path, and a few
 * rare cases differ: see the documentation.
 */
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import { Buffer } from "node:buffer"
import * as base64 from "../server/base64.ts"
import { type Fault, Refused, Unsupported } from "../server/Fault.ts"
import { quote } from "../server/quote.ts"
import type { Shells } from "../server/Shells.ts"
import type { Files, OpenFile, OpenOptions, Time } from "./Files.ts"
import * as Info from "./Info.ts"
import { typeOf } from "./typeOf.ts"

/** The most bytes that one script carries. */
const scriptSize = 4 * 1024 * 1024

const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()

/** Splits texts that each end with NUL. */
const list = (bytes: Uint8Array): Array<string> => text(bytes).split("\0").slice(0, -1)

const pairs = (texts: ReadonlyArray<string>): Array<readonly [string, string]> =>
  Array.from({ length: texts.length >> 1 }, (_, index) => [texts[2 * index]!, texts[2 * index + 1]!] as const)

/** A command that fails as the system does if a path does not exist. */
const exists = (path: string) => `stat -L -c '' -- ${quote(path)} >/dev/null`

/** Bytes as the input of a command: decoded, so that any byte can be among them. */
const decoded = (bytes: Uint8Array, command: string) =>
  `base64 -d 2>/dev/null <<'=END' | ${command}\n${base64.encode(bytes)}\n=END`

/** A mode without what the umask takes away, in octal. */
const masked = (mode: number) => `"$(printf %05o "$((${mode} & ~0$(umask)))")"`

const ddFlags: { readonly [F in FileSystem.OpenFlag]: string } = {
  r: "conv=nocreat,notrunc",
  "r+": "conv=nocreat,notrunc",
  w: "",
  "w+": "",
  wx: "conv=excl",
  "wx+": "conv=excl",
  a: "oflag=append conv=notrunc",
  "a+": "oflag=append conv=notrunc",
  ax: "oflag=append conv=notrunc,excl",
  "ax+": "oflag=append conv=notrunc,excl"
}

const info = (path: string, follow: boolean) =>
  `stat ${follow ? "-L " : ""}-c '%f %h %u %g %t %T %i %s %o %b %d %.9X %.9Y %.9Z %.9W' -- ${quote(path)}`

/** Puts what `stat` prints into the order that `Info.parse` reads. */
const toInfo = (bytes: Uint8Array): FileSystem.File.Info => {
  const [mode = "0", nlink, uid, gid, major = "0", minor = "0", ...rest] = text(bytes).trim().split(" ")
  const [hi, lo] = [Number.parseInt(major, 16), Number.parseInt(minor, 16)]
  const device = (BigInt(hi & 0xfff) << 8n) | BigInt(lo & 0xff) | (BigInt(lo >> 8) << 20n) | (BigInt(hi >> 12) << 44n)
  const times = rest.slice(5).map((time) => /^(0|-|0\.0+)$/.test(time) ? "-" : time)
  return Info.parse([Number.parseInt(mode, 16), nlink, uid, gid, device, ...rest.slice(0, 5), ...times].join(" "))
}

const timeOf = ({ nanoseconds, seconds }: Time) => `@${seconds}.${String(nanoseconds).padStart(9, "0")}`

const refused = (errno: number, detail: string) => Effect.fail(new Refused({ errno, detail }))

/** A script that runs a command which may create a file, and gives the file its mode if it did. */
const creating = (path: string, mode: number, command: string) =>
  mode === 0o666
    ? command
    : `[ -e ${quote(path)} ]; new=$?; ${command} && { [ "$new" = 0 ] || chmod ${masked(mode)} ${quote(path)}; }`

/** Makes file operations on a pool of shells. */
export const make = (shells: Shells): Files => {
  const { run } = shells
  const done = (script: string): Effect.Effect<void, Fault> => Effect.asVoid(run(script))

  /** Writes bytes with `dd`: the first piece as the flag says, the others behind it. */
  const write = (
    path: string,
    bytes: Uint8Array,
    first: string,
    offset: bigint | undefined
  ): Effect.Effect<void, Fault> =>
    Effect.gen(function*() {
      for (let at = 0; at === 0 || at < bytes.length; at += scriptSize) {
        const piece = bytes.subarray(at, at + scriptSize)
        const place = offset === undefined
          ? "oflag=append conv=notrunc,nocreat"
          : `oflag=seek_bytes conv=notrunc,nocreat seek=${offset + BigInt(at)}`
        yield* done(
          decoded(piece, `dd of=${quote(path)} bs=1M iflag=fullblock status=none ${at === 0 ? first : place}`)
        )
      }
    })

  const open = (path: string, { flag, mode }: OpenOptions) =>
    done(
      flag === "r"
        ? `dd if=${quote(path)} of=/dev/null count=0 status=none`
        : creating(path, mode, `dd if=/dev/null of=${quote(path)} status=none ${ddFlags[flag]}`)
    )

  const openFile = (path: string, flag: FileSystem.OpenFlag): OpenFile => ({
    read: (position, length) =>
      run(
        `size=$(stat -L -c %s -- ${quote(path)}) && if [ "$size" -gt ${position} ]; then dd if=${
          quote(path)
        } bs=1M status=none`
          + ` iflag=skip_bytes,count_bytes,fullblock skip=${position} count=${length}; fi`
      ),
    write: (position, bytes) => {
      if (flag === "r") return refused(9, "Bad file descriptor")
      const first = position === undefined
        ? "oflag=append conv=notrunc,nocreat"
        : `oflag=seek_bytes conv=notrunc,nocreat seek=${position}`
      return Effect.as(write(path, bytes, first, position), bytes.length)
    },
    truncate: (length) =>
      flag === "r"
        ? refused(22, "Invalid argument")
        : done(`${exists(path)} && truncate -c -s ${length} -- ${quote(path)}`),
    stat: Effect.map(run(info(path, true)), toInfo),
    sync: done(`sync -- ${quote(path)}`),
    close: Effect.void
  })

  return {
    access: (path, mode) =>
      done([
        exists(path),
        ...(["r", "w"] as const).filter((letter) => mode & (letter === "r" ? 4 : 2)).map((letter) =>
          `{ [ -${letter} ${quote(path)} ] || { echo Permission denied; false; }; }`
        )
      ].join(" && ")),
    stat: (path, follow) => Effect.map(run(info(path, follow)), toInfo),
    readFile: (path) => run(`cat -- ${quote(path)}`),
    writeFile: (path, bytes, { flag, mode }) => {
      if (flag === "r") {
        return Effect.andThen(
          open(path, { flag, mode }),
          bytes.length === 0 ? Effect.void : refused(9, "Bad file descriptor")
        )
      }
      if (mode !== 0o666) {
        const then = flag.startsWith("a")
          ? "oflag=append conv=notrunc,nocreat"
          : "oflag=seek_bytes conv=notrunc,nocreat seek=0"
        return Effect.andThen(
          open(path, { flag, mode }),
          write(path, bytes, then, flag.startsWith("a") ? undefined : 0n)
        )
      }
      return write(path, bytes, ddFlags[flag], flag.startsWith("a") ? undefined : 0n)
    },
    open: (path, options) =>
      options.noFollow
        ? Effect.fail(new Unsupported({ detail: "noFollow needs perl on the server's machine" }))
        : Effect.as(open(path, options), openFile(path, options.flag)),
    names: (path, recursive) =>
      Effect.map(run(`find ${quote(`${path}/`)} -mindepth 1 ${recursive ? "" : "-maxdepth 1 "}-printf '%P\\0'`), list),
    entries: (path) =>
      Effect.map(
        run(`find ${quote(`${path}/`)} -mindepth 1 -maxdepth 1 -printf '%P\\0%y\\0'`),
        (bytes) => pairs(list(bytes)).map(([name, letter]) => ({ name, type: typeOf[letter] ?? "Unknown" }))
      ),
    makeDirectory: (path, { mode, recursive }) =>
      done(`mkdir ${recursive ? "-p " : ""}${mode === undefined ? "" : `-m ${masked(mode)} `}-- ${quote(path)}`),
    makeTempDirectory: (prefix) =>
      Effect.map(run(`mktemp -d -- ${quote(`${prefix}XXXXXX`)}`), (bytes) => text(bytes).slice(0, -1)),
    remove: (path, { force, recursive }) => {
      const word = quote(path)
      const missing = `[ ! -e ${word} ] && [ ! -L ${word} ] && ${force ? "true" : `stat -c '' -- ${word}`}`
      const remove = recursive
        ? `rm -rf -- ${word}`
        : `if [ -d ${word} ] && [ ! -L ${word} ]; then echo "it is a directory; pass recursive: true to remove it"; false; `
          + `else unlink -- ${word}; fi`
      return done(`if [ ! -e ${word} ] && [ ! -L ${word} ]; then ${missing}; else ${remove}; fi`)
    },
    rename: (from, to) => done(`mv -f -T -- ${quote(from)} ${quote(to)}`),
    link: (from, to) => done(`link -- ${quote(from)} ${quote(to)}`),
    symlink: (target, path) => done(`ln -s -T -- ${quote(target)} ${quote(path)}`),
    readLink: (path) => Effect.map(run(`readlink -v -n -- ${quote(path)}`), text),
    realPath: (path) => Effect.map(run(`realpath -e -z -- ${quote(path)}`), (bytes) => text(bytes).slice(0, -1)),
    chmod: (path, mode) => done(`chmod -- ${mode.toString(8).padStart(5, "0")} ${quote(path)}`),
    chown: (path, uid, gid) => done(`chown -- ${uid}:${gid} ${quote(path)}`),
    utimes: (path, atime, mtime) =>
      done(
        `${exists(path)} && touch -c -a -d ${timeOf(atime)} -- ${quote(path)} && touch -c -m -d ${timeOf(mtime)} -- ${
          quote(path)
        }`
      ),
    truncate: (path, length) => done(`${exists(path)} && truncate -c -s ${length} -- ${quote(path)}`),
    copyFile: (from, to) =>
      done(
        `${exists(from)} && if [ ! ${quote(from)} -ef ${quote(to)} ]; then cp -T -- ${quote(from)} ${quote(to)} && `
          + `chmod --reference=${quote(from)} -- ${quote(to)}; fi`
      ),
    copy: (from, to, { overwrite, preserve }) =>
      done(
        `stat -c '' -- ${quote(from)} >/dev/null && mkdir -p -- "$(dirname -- ${quote(to)})" && `
          + `if [ ${quote(from)} -ef ${
            quote(to)
          } ]; then echo 'the source and the destination cannot be the same'; false; else `
          + `cp -R -P -T ${overwrite ? "--remove-destination" : "-n"} --preserve=mode${
            preserve ? ",timestamps" : ""
          } -- `
          + `${quote(from)} ${quote(to)}; fi`
      ),
    signs: (paths) =>
      paths.length === 0
        ? Effect.succeed(new Map())
        : Effect.map(
          run(
            `for p in ${paths.map(quote).join(" ")}; do stat -c '%A %i %s %.9Y %.9Z' -- "$p" 2>/dev/null || echo; done`
          ),
          (bytes) => {
            const signs = text(bytes).split("\n")
            return new Map(paths.map((path, index) => [path, signs[index] ?? ""]))
          }
        ),
    scan: (path, recursive) => {
      const what = `-printf '%P\\0%y %m %i %s %T@ %C@\\0'`
      return Effect.map(
        run(
          `${exists(path)} && if [ -d ${quote(path)} ]; then find ${quote(`${path}/`)} -mindepth 1 ${
            recursive ? "" : "-maxdepth 1 "
          }${what} `
            + `2>/dev/null; true; else find -L ${quote(path)} -maxdepth 0 ${what}; fi`
        ),
        (bytes) => new Map(pairs(list(bytes)).map(([name, sign]) => [name === "" ? path : `${path}/${name}`, sign]))
      )
    }
  }
}
