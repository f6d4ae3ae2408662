/**
 * Columns of numbers that grow.
 */

type Values = Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array

/** Returns the values, or twice the room with the values at its beginning if there is no room for so many. */
export const withRoom = <A extends Values>(values: A, length: number): A => {
  if (values.length >= length) return values
  const Type = values.constructor as new(length: number) => A // The constructor of a typed array makes its own kind.
  const grown = new Type(Math.max(1024, length, values.length * 2))
  grown.set(values)
  return grown
}

/** The columns of events: entry `i` is the `i`th of each. Room beyond `length` is zero. */
export class Events {
  length = 0
  at = new Float64Array(0)
  lane = new Int32Array(0)
  span = new Int32Array(0)
  direction = new Uint8Array(0)
  method = new Uint16Array(0)
  delta = new Uint8Array(0)

  /** Makes room for so many events. */
  private room(length: number): void {
    this.at = withRoom(this.at, length)
    this.lane = withRoom(this.lane, length)
    this.span = withRoom(this.span, length)
    this.direction = withRoom(this.direction, length)
    this.method = withRoom(this.method, length)
    this.delta = withRoom(this.delta, length)
  }

  /** Adds an event, and returns its index. */
  push(at: number, lane: number, span: number, direction: number, method: number, delta: number): number {
    const index = this.length
    this.room(index + 1)
    this.at[index] = at
    this.lane[index] = lane
    this.span[index] = span
    this.direction[index] = direction
    this.method[index] = method
    this.delta[index] = delta
    this.length++
    return index
  }

  /** Adds the events of some columns. */
  append(columns: {
    readonly at: ReadonlyArray<number>
    readonly lane: ReadonlyArray<number>
    readonly span: ReadonlyArray<number>
    readonly direction: ReadonlyArray<number>
    readonly method: ReadonlyArray<number>
    readonly delta: ReadonlyArray<number>
  }): void {
    const { length } = this
    this.room(length + columns.at.length)
    this.at.set(columns.at, length)
    this.lane.set(columns.lane, length)
    this.span.set(columns.span, length)
    this.direction.set(columns.direction, length)
    this.method.set(columns.method, length)
    this.delta.set(columns.delta, length)
    this.length += columns.at.length
  }
}
