/**
 * Notifications from the server as typed events, discriminated on `method`.
 *
 * No notification is lost: one with an unknown method arrives as `$unknown`, and one with malformed parameters as
 * `$undecodable`, on the same stream and in the same order as the others.
 */
export {
  fromMessage,
  type Known,
  type Notification,
  type Raw,
  type Undecodable,
  type Unknown
} from "./model/turns/Notification.ts"
