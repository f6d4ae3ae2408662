/**
 * An MCP server over HTTP that needs an OAuth login, on the loopback interface. It has one tool, and lets everybody in.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

export class McpOauthServer extends Context.Service<McpOauthServer, {
  /** The URL of the MCP server. */
  readonly url: string
}>()("test/McpOauthServer") {}

interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

const bodyOf = (request: Http.IncomingMessage): Promise<string> =>
  new Promise((resolve) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => resolve(Buffer.concat(chunks).toString()))
  })

const tool = { name: "secret", description: "Tells the secret.", inputSchema: { type: "object", properties: {} } }

/** Answers one JSON-RPC message of an MCP client; undefined for notifications. */
const mcp = ({ id, method, params }: { readonly [key: string]: unknown }): unknown => {
  if (id === undefined) return undefined
  const results: { readonly [method: string]: unknown } = {
    initialize: {
      protocolVersion: Object(params).protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: "vault", version: "1.0.0" }
    },
    "tools/list": { tools: [tool] },
    "tools/call": { content: [{ type: "text", text: "the secret is 42" }] }
  }
  const result = results[String(method)]
  return result === undefined
    ? { jsonrpc: "2.0", id, error: { code: -32601, message: "no such method" } }
    : { jsonrpc: "2.0", id, result }
}

const answer = (base: string, request: Http.IncomingMessage, body: string): Reply => {
  const url = new URL(request.url ?? "/", base)
  if (url.pathname.startsWith("/.well-known/oauth-protected-resource")) {
    return { body: { resource: `${base}/mcp`, authorization_servers: [base] } }
  }
  if (url.pathname.startsWith("/.well-known/oauth-authorization-server")) {
    return {
      body: {
        issuer: base,
        authorization_endpoint: `${base}/authorize`,
        token_endpoint: `${base}/token`,
        registration_endpoint: `${base}/register`,
        response_types_supported: ["code"],
        code_challenge_methods_supported: ["S256"],
        token_endpoint_auth_methods_supported: ["none"]
      }
    }
  }
  switch (url.pathname) {
    case "/register":
      return { status: 201, body: { ...JSON.parse(body), client_id: "client-1" } }
    case "/authorize": {
      // A person would see a page here.
      const back = new URL(url.searchParams.get("redirect_uri") ?? base)
      back.searchParams.set("code", "code-1")
      back.searchParams.set("state", url.searchParams.get("state") ?? "")
      return { status: 302, headers: { location: back.href } }
    }
    case "/token":
      return { body: { access_token: "token-1", token_type: "Bearer", expires_in: 3600, refresh_token: "refresh-1" } }
    case "/mcp": {
      if (request.headers.authorization !== "Bearer token-1") {
        const metadata = `${base}/.well-known/oauth-protected-resource`
        return { status: 401, headers: { "www-authenticate": `Bearer resource_metadata="${metadata}"` } }
      }
      if (request.method !== "POST") return { status: 405 }
      const reply = mcp(JSON.parse(body))
      return reply === undefined ? { status: 202 } : { body: reply }
    }
    default:
      return { status: 404 }
  }
}

export const layer: Layer.Layer<McpOauthServer> = Layer.effect(
  McpOauthServer,
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Http.Server>((resume) => {
        const server = Http.createServer((request, response) => {
          void bodyOf(request).then((text) => {
            const { port } = server.address() as AddressInfo
            const { body, headers, status = 200 } = answer(`http://127.0.0.1:${port}`, request, text)
            response.writeHead(status, { "content-type": "application/json", ...headers })
            response.end(body === undefined ? undefined : JSON.stringify(body))
          })
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.closeAllConnections()
          server.close(() => resume(Effect.void))
        })
    ),
    (server) => ({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` })
  )
)
