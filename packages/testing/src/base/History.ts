/**
 * A history of events, and the readers that wait for more of them. Readers run at once, as part of the call that tells them:
 * a test that waits for a request sees it before anything else happens.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export class History<A> {
  readonly items: Array<A> = []
  /** Items that were cleared. */
  private cleared = 0
  private readonly waiting = new Set<() => void>()

  /** Adds an item. Readers see it after {@link tell}. */
  add(item: A): void {
    this.items.push(item)
  }

  /** Forgets every item. */
  clear(): void {
    this.cleared += this.items.length
    this.items.length = 0
  }

  /** Lets the readers look at what was added. */
  tell(): void {
    for (const look of this.waiting) look()
  }

  /** Waits until `select` finds something in the items, and returns it. */
  find<B>(select: (items: ReadonlyArray<A>) => B | undefined): Effect.Effect<B> {
    return Effect.callback<B>((resume) => {
      const look = () => {
        const found = select(this.items)
        if (found === undefined) return
        this.waiting.delete(look)
        resume(Effect.succeed(found))
      }
      this.waiting.add(look)
      look()
      return Effect.sync(() => this.waiting.delete(look))
    })
  }

  /** Emits every item, from the first one on, and never ends. Items that are cleared before they are read are skipped. */
  readonly stream: Stream.Stream<A> = Stream.unfold(0, (seen) =>
    this.find((items) => {
      const index = Math.max(0, seen - this.cleared)
      return index < items.length ? [items[index]!, this.cleared + index + 1] as const : undefined
    }))
}
