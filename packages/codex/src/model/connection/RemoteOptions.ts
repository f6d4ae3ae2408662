/**
 * The options of a client whose server outlives it: one that it reaches over a socket.
 */
import * as Schedule from "effect/Schedule"
import * as options from "../../base/options.ts"
import * as ClientOptions from "./ClientOptions.ts"

/**
 * The options of a client over any Transport. All may be left out.
 *
 * @category models
 */
export interface TransportOptions<out R = never> extends ClientOptions.ClientOptions<R> {
  /**
   * Whether the turns of this client continue when its scope closes, if the server does (`Connection.serverContinues`). Default:
   * `false`, they are interrupted, with their sub-agents, within three seconds.
   */
  readonly detach?: boolean | undefined
}

/**
 * The options of a client of a running server. All may be left out.
 *
 * @category models
 */
export interface RemoteOptions<out R = never> extends Omit<TransportOptions<R>, "restart"> {
  /**
   * Connects again by this schedule when the connection is lost; the first attempt is made at once, and a refused token ends
   * it. Default: up to 20 attempts, for about a minute and a half. `false`: a lost connection stays lost.
   */
  readonly reconnect?: Schedule.Schedule<unknown, unknown> | false | undefined
}

/** The default of {@link RemoteOptions.reconnect}. */
const reconnect = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 20 })
)

const { restart: schedule, ...client } = ClientOptions.checks

/** One check for each option. */
export const checks: options.Checks<RemoteOptions> = { ...client, reconnect: schedule, detach: options.flag }

/** One check for each option of a client over any Transport. */
export const transportChecks: options.Checks<TransportOptions> = { ...ClientOptions.checks, detach: options.flag }

/** The options of a client of a running server, as those of any client. */
export const toTransportOptions = <R>(given: RemoteOptions<R>): TransportOptions<R> => ({
  ...options.pick<TransportOptions<R>>(given, transportChecks),
  restart: given.reconnect ?? reconnect
})
