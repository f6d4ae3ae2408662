/**
 * What the server tells: the protocol's notifications as typed events, discriminated on `method`.
 *
 * Nothing is lost: what this version does not know arrives as `$unknown`, what it knows but can't read as
 * `$undecodable`, each where it belongs.
 */
export * from "./model/Notification.ts"
