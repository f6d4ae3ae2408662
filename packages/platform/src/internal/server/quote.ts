/**
 * Text in a script of `/bin/sh`. These quotes, and the refusal of NUL where paths and commands come in, are what keeps a hostile
 * name from being run.
 */

/** Quotes one word: every character but the single quote stands for itself between single quotes. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`
