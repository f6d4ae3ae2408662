/**
 * Names of hosts, compared by what they reach.
 */

/**
 * Returns the canonical form of a host: lower case, punycode, IPv4 addresses with four numbers, also those that are written as IPv6.
 * Returns undefined if the text is not a host.
 */
export const hostName = (host: string): string | undefined => {
  if (/[\s/@?#\\]/.test(host)) return undefined
  const text = `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}/`
  if (!URL.canParse(text)) return undefined
  const { hostname, port } = new URL(text)
  if (port !== "") return undefined
  const mapped = /^\[::(?:ffff:(?:0:)?)?([\da-f]+):([\da-f]+)\]$/.exec(hostname)
    ?? /^\[64:ff9b::([\da-f]+):([\da-f]+)\]$/.exec(hostname)
  if (mapped === null) return hostname.replace(/\.$/, "")
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join(".")
}
