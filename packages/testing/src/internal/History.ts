/** A list that grows, with Effects that wait for an item. */
import * as Effect from "effect/Effect"

export class History<A> {
  readonly items: Array<A> = []
  private readonly waiting = new Set<() => void>()

  /** Adds an item. {@link tell} wakes the Effects that wait for it. */
  add(item: A): void {
    this.items.push(item)
  }

  /** Forgets every item. */
  clear(): void {
    this.items.length = 0
  }

  /** Wakes the Effects that wait, synchronously. */
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
}
