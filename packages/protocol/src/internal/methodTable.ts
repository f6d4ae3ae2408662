/**
 * A table of methods. Looking up a literal gives the entry of that method; looking up what came from outside gives the entry of
 * some method or `undefined`, whatever the string is.
 *
 * @category models
 */
export interface MethodTable<Entries> extends ReadonlyMap<string, Entries[keyof Entries]> {
  get<const Method extends keyof Entries>(method: Method): Entries[Method]
  get(method: string): Entries[keyof Entries] | undefined
}

/** The cast says what holds: the map has an entry for every key of the type. */
export const methodTable = <Entries extends object>(entries: Entries): MethodTable<Entries> =>
  new Map(Object.entries(entries)) as unknown as MethodTable<Entries>
