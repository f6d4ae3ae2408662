/**
 * The sources of the page's data: the page itself, or the server that follows the recording.
 */
import type { Notice, Patch } from "./Timeline.ts"

/** The receiver of the data. */
export interface Receiver {
  readonly patch: (patch: Patch) => void | Promise<void>
  readonly notice: (notice: Notice) => void
}

export interface Source {
  /** True if the recording may still grow. */
  readonly follows: boolean
  /** Sends all patches, each when the one before has been received. */
  readonly send: (receiver: Receiver) => Promise<void>
  /** Returns the texts of a chunk of messages of a recording, by its number. */
  readonly texts: (recording: number, chunk: number) => Promise<string>
}

const unpack = (element: Element | undefined): Response => {
  if (element === undefined) throw new Error("a part of the page is missing")
  const text = atob(element.textContent.trim())
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index)
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")))
}

/** The data that is packed in the page. */
const packed = (patches: ReadonlyArray<Element>): Source => {
  // The page keeps the elements, and reads each when it shows its texts.
  const texts = Array.from(document.querySelectorAll("script.texts"))
  return {
    follows: false,
    send: async ({ patch }) => {
      for (const element of patches) await patch(await unpack(element).json())
    },
    texts: (_, chunk) => unpack(texts[chunk]).text()
  }
}

/** The data of the server that sent the page. */
const served: Source = {
  follows: true,
  send: ({ notice, patch }) =>
    new Promise((resolve) => {
      const events = new EventSource("events")
      const stop = () => {
        events.close()
        resolve()
      }
      // A page without its server can't be opened again: it must keep what it has.
      let received = Promise.resolve()
      events.addEventListener("message", ({ data }) => {
        received = received.then(() => patch(JSON.parse(data)))
      })
      events.addEventListener("notice", ({ data }) => {
        const told: Notice = JSON.parse(data)
        notice(told)
        if (told.final) stop()
      })
      events.addEventListener("error", () => {
        notice({
          text: "The server of this page has stopped. The page shows what it has received until then.",
          final: true
        })
        stop()
      })
    }),
  texts: async (recording, chunk) => {
    const response = await fetch(`texts/${recording}/${chunk}`)
    if (!response.ok) throw new Error(`the server answered ${response.status}`)
    return response.text()
  }
}

export const source = (): Source => {
  const patches = Array.from(document.querySelectorAll("script.patch"))
  return patches.length === 0 ? served : packed(patches)
}
