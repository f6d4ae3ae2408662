/**
 * Paged lists as Streams.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** Emits every entry of a paged list. Reads a page when its entries are needed. */
export const pages = <A, E>(
  page: (
    cursor: string | undefined
  ) => Effect.Effect<{ readonly data: ReadonlyArray<A>; readonly nextCursor?: string | null }, E>
): Stream.Stream<A, E> =>
  Stream.paginate(
    undefined as string | undefined,
    (cursor) => Effect.map(page(cursor), ({ data, nextCursor }) => [data, Option.fromNullishOr(nextCursor)] as const)
  )
