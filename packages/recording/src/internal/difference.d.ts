/** A place at which two values differ. A value that is not there is left out. */
export interface Difference {
  /** E.g. `input[0].text`; empty for the values themselves. */
  readonly path: string
  readonly recorded?: unknown
  readonly asked?: unknown
}
/** Every place at which the values differ, except the ignored ones: patterns such as `input.*.text`. */
export declare const differences: (
  recorded: unknown,
  asked: unknown,
  ignore?: ReadonlyArray<string>
) => ReadonlyArray<Difference>
/** The differences as lines of text, long values cut around the place where they part. */
export declare const render: (differences: ReadonlyArray<Difference>, indent?: string) => string
// # sourceMappingURL=difference.d.ts.map
