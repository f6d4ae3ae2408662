/**
 * Names of secrets: of fields, headers, variables, parameters and flags.
 */

/** A longer name is judged by its end. */
export const maxName = 64

const secretName = new RegExp(
  [
    "(?:api|access|private|secret)[_-]?key$",
    "token$",
    "secret$",
    "pass(?:word|wd|phrase)$",
    "[_-]pwd$",
    "credentials?$",
    "authorization$",
    "cookie$",
    "user_?code$",
    "installation_?id$"
  ].join("|"),
  "i"
)

/** Returns true if the value of a field, variable or header of this name is a secret. */
export const isSecretName = (name: string): boolean => secretName.test(name.slice(-maxName))

/** Returns true if the name is that of a password, which may be short. */
export const isPasswordName = (name: string): boolean => /(?:pass(?:word|wd|phrase)|pwd)$/i.test(name.slice(-maxName))

/** Returns true if the name is that of a header whose value begins with a scheme, as in `Basic dXNlcjpwdw==`. */
export const isAuthorizationName = (name: string): boolean => /authorization$/i.test(name)

/** Returns true if the name is that of a header whose value is a list, as in `a=1; b=2`. */
export const isCookieName = (name: string): boolean => /cookie$/i.test(name)

const secretParameters = new Set([
  "state",
  "code",
  "code_challenge",
  "code_verifier",
  "key",
  "sig",
  "signature",
  "auth"
])

/** Returns true if the value of a URL's parameter of this name is a secret. */
export const isSecretParameter = (name: string): boolean =>
  isSecretName(name) || secretParameters.has(name.toLowerCase()) || /-(?:signature|credential)$/i.test(name)
