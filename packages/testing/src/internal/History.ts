/** What has happened so far, and who waits for more of it. */
import * as Effect from "effect/Effect"

export class History<A> {
  readonly items: Array<A> = []
  private readonly waiting = new Set<() => void>()

  /** Adds an item. Who waits for it hears of it by {@link tell}. */
  add(item: A): void {
    this.items.push(item)
  }

  /** Forgets every item. */
  clear(): void {
    this.items.length = 0
  }

  /** Lets those who wait look at what was added; they go on at once. */
  tell(): void {
    for (const look of this.waiting) look()
  }

  /** What `select` finds in the items, now or when it is there. */
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
