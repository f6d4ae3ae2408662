/**
 * The threads that the server stores: lists, archives and deletes them.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import { check } from "../model/errors/check.ts"
import * as optionChecks from "../options/checks.ts"
import { supported } from "../options/supported.ts"
import { pages } from "./pages.ts"
import type { Services } from "./Services.ts"

/** Returns the methods of `Codex` that concern stored threads. */
export const make = ({ client }: Services) => {
  const threadListPage = (filter: Protocol.ThreadListParams = {}) =>
    check(filter, optionChecks.threadList).pipe(
      Effect.andThen(() => supported(filter, client.metadata.serverVersion)),
      Effect.flatMap((params) => client.request("thread/list", params))
    )

  return {
    threadList: (filter?: Omit<Protocol.ThreadListParams, "cursor">) =>
      pages((cursor) => threadListPage({ ...filter, cursor })),
    threadListPage,
    threadArchive: (threadId: string) => Effect.asVoid(client.request("thread/archive", { threadId })),
    threadUnarchive: (threadId: string) =>
      Effect.map(client.request("thread/unarchive", { threadId }), ({ thread }) => thread),
    threadDelete: (threadId: string) => Effect.asVoid(client.request("thread/delete", { threadId }))
  }
}
