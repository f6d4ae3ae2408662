/**
 * The configuration of MCP servers, as Schemas, with the names of `config.toml`. Unknown keys are refused. Use it to read servers
 * from a file, and to pass them to a thread or a Layer.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { Codex, McpConfig } from "effect-codex"
 *
 * const program = Effect.gen(function*() {
 *   const codex = yield* Codex.Codex
 *   return yield* codex.threadStart({
 *     config: McpConfig.config({
 *       files: { command: "npx", args: ["-y", "@modelcontextprotocol/server-filesystem", "."] },
 *       docs: { url: "https://mcp.example.com/mcp", bearer_token_env_var: "DOCS_TOKEN" }
 *     })
 *   })
 * })
 * ```
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Schema from "effect/Schema"
import { exactly } from "./base/exactly.ts"

const texts = Schema.Array(Schema.String)

const textByName = Schema.Record(Schema.String, Schema.String)

const approval = Schema.Literals(["auto", "prompt", "approve"])

/** The fields of every server. */
const shared = {
  /** Whether the server is started. Default: true. */
  enabled: Schema.optionalKey(Schema.Boolean),
  /** Whether a thread fails to start without the server. Default: false. */
  required: Schema.optionalKey(Schema.Boolean),
  /** The time limit for the start, in seconds. */
  startup_timeout_sec: Schema.optionalKey(Schema.Number),
  /** The time limit for a tool call, in seconds. */
  tool_timeout_sec: Schema.optionalKey(Schema.Number),
  /** The only tools that the model sees. Default: all. */
  enabled_tools: Schema.optionalKey(texts),
  /** Tools that the model does not see. */
  disabled_tools: Schema.optionalKey(texts),
  /** Whether Codex asks before it calls a tool: `"auto"` by the tool's annotations, `"prompt"` always, `"approve"` never. */
  default_tools_approval_mode: Schema.optionalKey(approval),
  /** The same for single tools. */
  tools: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Struct({ approval_mode: Schema.optionalKey(approval) }))
  )
}

/**
 * A server that Codex starts as a process, and with which it talks over its standard input and output.
 *
 * @category schemas
 */
export const StdioServer = exactly(Schema.Struct({
  /** The program. */
  command: Schema.NonEmptyString,
  /** Its arguments. */
  args: Schema.optionalKey(texts),
  /** Environment variables for it. They are stored and reported as they are: pass secrets with `env_vars`. */
  env: Schema.optionalKey(textByName),
  /** Names of environment variables of the app-server that the program receives. */
  env_vars: Schema.optionalKey(texts),
  /** Its working directory. */
  cwd: Schema.optionalKey(Schema.String),
  ...shared
}))

/**
 * A server that is reached over HTTP.
 *
 * @category schemas
 */
export const HttpServer = exactly(Schema.Struct({
  /** Its URL. */
  url: Schema.NonEmptyString,
  /** The environment variable of the app-server that has the bearer token. */
  bearer_token_env_var: Schema.optionalKey(Schema.String),
  /** Headers of each request. They are stored and reported as they are: pass secrets with `env_http_headers`. */
  http_headers: Schema.optionalKey(textByName),
  /** Headers whose values are in environment variables of the app-server: the name of the variable by that of the header. */
  env_http_headers: Schema.optionalKey(textByName),
  /** The scopes of an OAuth login. */
  scopes: Schema.optionalKey(texts),
  /** The `resource` parameter of an OAuth login. */
  oauth_resource: Schema.optionalKey(Schema.String),
  ...shared
}))

/**
 * An MCP server.
 *
 * @category schemas
 */
export const Server = Schema.Union([StdioServer, HttpServer])

/** The configuration of one MCP server. */
export type Server = typeof Server.Type

/**
 * MCP servers by their names: the table `mcp_servers` of `config.toml`.
 *
 * @category schemas
 */
export const Servers = Schema.Record(Schema.String, Server)

/** The configuration of MCP servers by their names. */
export type Servers = typeof Servers.Type

const encode = Schema.encodeSync(Servers)

/**
 * Returns the `config` with these servers, for `threadStart` and for Layers. Spread it to add further keys. Throws a `SchemaError`
 * if a server does not fit its Schema, which the types do not reach in JavaScript.
 *
 * @category constructors
 */
export const config = (servers: Servers): { readonly mcp_servers: Protocol.JsonObject } => ({
  // Servers are JSON, which their types say only with `exactOptionalPropertyTypes`.
  mcp_servers: encode(servers) as Protocol.JsonObject
})
