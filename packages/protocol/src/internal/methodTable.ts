/**
 * A table of methods. `get` returns the typed entry of a literal method, and an entry or `undefined` for any other string.
 *
 * @category models
 */
export interface MethodTable<Entries> extends ReadonlyMap<string, Entries[keyof Entries]> {
  get<const Method extends keyof Entries>(method: Method): Entries[Method]
  get(method: string): Entries[keyof Entries] | undefined
}

/** Creates a table. The cast is safe because the map has an entry for every key of the type. */
export const methodTable = <Entries extends object>(entries: Entries): MethodTable<Entries> =>
  new Map(Object.entries(entries)) as unknown as MethodTable<Entries>
