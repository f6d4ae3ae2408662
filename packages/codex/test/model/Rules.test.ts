/** Approval rules: what matches, and attacks on what matches. The real binary asks in test/real/Rules.test.ts. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { ServerRequests, type Transport } from "effect-codex"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"

const command = "item/commandExecution/requestApproval"
const fileChange = "item/fileChange/requestApproval"
const elicitation = "mcpServer/elicitation/request"

const context = { method: command, requestId: 1, threadId: "thread", turnId: "turn" } as const
const place = { threadId: "thread", turnId: "turn", itemId: "item", startedAtMs: 0 }

/** Handlers that answer with something that no rule answers. */
const next: ServerRequests.ServerRequestHandlers = {
  [command]: () => Effect.succeed({ decision: "cancel" }),
  [fileChange]: () => Effect.succeed({ decision: "cancel" }),
  [elicitation]: () => Effect.succeed(ServerRequests.mcpToolResponse("cancel")),
  applyPatchApproval: () => Effect.succeed({ decision: "abort" }),
  execCommandApproval: () => Effect.succeed({ decision: "abort" })
}

const verdicts = { accept: "allow", decline: "decline", cancel: "next" } as const

const verdictOf = (decision: unknown): string => {
  const name = typeof decision === "string" ? decision : "other"
  return name in verdicts ? verdicts[name as keyof typeof verdicts] : name
}

type AskedCommand = Partial<ServerRequests.Params<typeof command>>

/** The verdict on a command, as Codex reports it. */
const onCommand = (rules: ReadonlyArray<ServerRequests.Rule>, params: AskedCommand) => {
  const handlers = ServerRequests.orElse(ServerRequests.rules(rules), next)
  return Effect.map(handlers[command]!({ ...place, ...params }, context), ({ decision }) => verdictOf(decision))
}

const quoted = (script: string) => `'${script.replaceAll("'", `'"'"'`)}'`

const shell = (script: string): AskedCommand => ({ command: `/bin/bash -lc ${quoted(script)}` })

const allowGit: ReadonlyArray<ServerRequests.Rule> = [
  { action: "allow", command: ["git", "status"] },
  { action: "allow", command: ["echo"] },
  { action: "allow", command: ["head"] }
]

const declineRm: ReadonlyArray<ServerRequests.Rule> = [
  { action: "decline", command: ["rm"] },
  { action: "decline", command: ["git", "push"] }
]

const table = (
  name: string,
  rules: ReadonlyArray<ServerRequests.Rule>,
  expected: string,
  scripts: ReadonlyArray<string>
) =>
  it.effect(name, () =>
    Effect.gen(function*() {
      for (const script of scripts) {
        assert.strictEqual(yield* onCommand(rules, shell(script)), expected, script)
      }
    }))

describe("a rule that allows a command", () => {
  table("matches the command with any arguments, alone and among others that are allowed", allowGit, "allow", [
    "git status",
    "git status --short",
    "  git   status  ",
    "'git' \"status\"",
    "g'i't status",
    "git status && echo done",
    "git status || echo 'a; b && c $(d) `e` | f > g'",
    "git status | head -3; echo x",
    "echo \"it's\"",
    "echo a=b",
    "git status;echo x"
  ])

  table("matches nothing that runs, writes or means more", allowGit, "next", [
    "",
    " ",
    "git",
    "gitstatus",
    "git  'status '",
    "git 'status; rm x'",
    "GIT status",
    "./git status",
    "/tmp/git status",
    "git push",
    "rm x",
    // Further commands.
    "git status; rm x",
    "git status && rm x",
    "git status || rm x",
    "git status | rm x",
    "git status |& head",
    "git status & rm x",
    "git status &",
    "git status;",
    "git status;; echo",
    "; git status",
    "| git status",
    "git status &&",
    "git status\nrm x",
    "git status\rrm x",
    "git status\\\nrm x",
    "git status \u2028rm x",
    "git status\u00a0x",
    "git status\u0000x",
    "git status\u001b[2K",
    // Expansions.
    "git status $(rm x)",
    "git status `rm x`",
    "git status \"$(rm x)\"",
    "git status \"`rm x`\"",
    "git status $HOME",
    "git status ${x:=y}",
    "git status $'\\x3b'",
    "git status $((1))",
    "git status <(rm x)",
    "git status >(rm x)",
    "git status *",
    "git status ?",
    "git status [a]",
    "git status {a,b}",
    "git status ~",
    "git status !x",
    "git status \"!x\"",
    "git status =ls",
    "git status ^a",
    // Redirections.
    "git status > x",
    "git status >> x",
    "git status 2>&1",
    "git status < x",
    "git status <<< x",
    "git status << EOF\nEOF",
    "git status &> x",
    // Escapes and open quotes.
    "git stat\\us",
    "git status \\; rm x",
    "git status 'a",
    "git status \"a",
    "git status \"a\\\"; rm x\"",
    // Assignments.
    "PATH=/tmp git status",
    "X=1",
    "GIT_PAGER=x git status",
    "git=1 status",
    // Wrappers and groups.
    "env git status",
    "env PATH=/tmp git status",
    "sh -c 'git status'",
    "bash -c 'git status; rm x'",
    "xargs git status",
    "echo x | xargs git status",
    "eval git status",
    "exec git status",
    "command git status",
    "time git status",
    "nohup git status",
    "sudo git status",
    "(git status)",
    "{ git status; }",
    "! git status",
    "if git status; then rm x; fi",
    "while git status; do rm x; done",
    "git() { rm x; }; git status",
    "alias git=rm; git status",
    "function git { rm x; }",
    "cd /tmp && git status",
    "export PATH=/tmp; git status",
    "git status # x"
  ])

  it.effect("matches the words only, where no shell is between", () =>
    Effect.gen(function*() {
      for (
        const [text, expected] of [
          ["git status", "allow"],
          ["git status 'a b'", "allow"],
          ["git status && rm x", "next"],
          ["git status $(rm x)", "next"],
          ["/usr/bin/git status", "next"],
          ["/bin/sh -c 'git status'", "allow"],
          ["/usr/bin/zsh -lc 'git status'", "allow"],
          ["bash -lc 'git status'", "allow"],
          ["/tmp/bash -lc 'git status'", "next"],
          ["./sh -c 'git status'", "next"],
          ["/bin/../tmp/sh -c 'git status'", "next"],
          ["/bin/bash -lc git status", "next"],
          ["/bin/bash -lc 'git status' x", "next"],
          ["/bin/bash -lc 'git status' && rm x", "next"],
          ["/bin/bash -c", "next"],
          ["/bin/bash -ic 'git status'", "next"],
          ["/bin/bash --rcfile x -c 'git status'", "next"],
          ["/bin/bash -lc \"git status \\\"a\\\"\"", "allow"],
          ["/bin/bash -lc \"git status $(rm x)\"", "next"],
          ["/bin/bash -lc \"git status \\$(rm x)\"", "next"],
          ["/bin/bash -lc 'git status", "next"],
          ["powershell.exe -Command 'git status'", "next"],
          ["", "next"]
        ] as const
      ) assert.strictEqual(yield* onCommand(allowGit, { command: text }), expected, text)
      assert.strictEqual(yield* onCommand(allowGit, {}), "next")
    }))

  it.effect("matches nothing that asks for more than to run it, or that Codex has read differently", () =>
    Effect.gen(function*() {
      const asks: ReadonlyArray<readonly [AskedCommand, string]> = [
        [{ commandActions: [{ type: "unknown", command: "git status" }] }, "allow"],
        [{ commandActions: [{ type: "unknown", command: "rm x" }] }, "next"],
        [{ commandActions: [{ type: "unknown", command: "git status $(x)" }] }, "next"],
        [{ additionalPermissions: null, networkApprovalContext: null, kind: "command" }, "allow"],
        [{ additionalPermissions: { network: { enabled: true } } }, "next"],
        [{ networkApprovalContext: { host: "example.com", protocol: "https" } }, "next"],
        [{ kind: "writeStdin" }, "next"],
        [{ kind: "humanCommand" }, "next"],
        [{ kind: "new" }, "next"]
      ]
      for (const [params, expected] of asks) {
        assert.strictEqual(
          yield* onCommand(allowGit, { ...shell("git status"), ...params }),
          expected,
          JSON.stringify(params)
        )
      }
    }))

  it("is refused for a program that runs any command", () => {
    for (const program of ["sh", "/bin/bash", "env", "xargs", "sudo", "eval"]) {
      assert.throws(() => ServerRequests.rules([{ action: "allow", command: [program] }]), /runs any command/)
    }
    ServerRequests.rules([{ action: "decline", command: ["sudo"] }])
  })
})

describe("a rule that declines a command", () => {
  table("matches the command however it is written", declineRm, "decline", [
    "rm x",
    "rm",
    "/bin/rm x",
    "./rm x",
    "RM x",
    "'rm' x",
    "r''m x",
    "r\"\"m x",
    "r\\m x",
    "\\rm x",
    "$'\\x72m' x",
    "$'\\162m' x",
    "r${x}m x",
    "r$@m x",
    "rm${IFS}x",
    "r\\\nm x",
    "/bin/r? x",
    "/bin/r* x",
    "/bin/[r]m x",
    "git status; rm x",
    "git status\nrm x",
    "a=rm; $a x",
    "$(rm x)",
    "`rm x`",
    "echo $(rm x)",
    "echo \"$(rm x)\"",
    "(rm x)",
    "{ rm x; }",
    "! rm x",
    "X=1 rm x",
    "rm>x",
    "<x rm",
    "env rm x",
    "env -i X=1 rm x",
    "sudo rm x",
    "xargs rm",
    "echo x|xargs rm",
    "sh -c 'rm x'",
    "bash -c \"sh -c 'rm x'\"",
    "eval \"rm x\"",
    "find . -exec rm {} +",
    "busybox rm x",
    "python3 -c \"import os; os.system('rm x')\"",
    "python3 -c \"subprocess.run(['rm','x'])\"",
    "git push",
    "git -C /x push",
    "git -c 'a=b;c' push --force",
    "git --no-pager 'push'",
    "git \"pu\"sh",
    // Quotes that are open, and characters that no shell should see.
    "rm 'x",
    "\u0000rm x",
    "rm.exe x"
  ])

  table("leaves other commands to the next handler", declineRm, "next", [
    "git status",
    "ls *",
    "docker run --rm x",
    "farm x",
    "rmdir x",
    "git pull",
    "push git",
    "echo $HOME > x"
  ])

  it.effect("matches what Codex has recognized, and commands that ask for more", () =>
    Effect.gen(function*() {
      const rm = { type: "unknown", command: "rm x" } as const
      assert.strictEqual(yield* onCommand(declineRm, { ...shell("$x"), commandActions: [rm] }), "decline")
      assert.strictEqual(yield* onCommand(declineRm, { ...shell("rm x"), kind: "new" }), "decline")
      assert.strictEqual(
        yield* onCommand(declineRm, { ...shell("rm x"), additionalPermissions: { network: { enabled: true } } }),
        "decline"
      )
    }))
})

describe("the order of rules", () => {
  it.effect("the first that matches a command counts, and the least permitted command decides", () =>
    Effect.gen(function*() {
      const rules: ReadonlyArray<ServerRequests.Rule> = [
        { action: "ask", command: ["git", "push"] },
        { action: "allow", command: ["git"] },
        { action: "decline", command: ["rm"] }
      ]
      for (
        const [script, expected] of [
          ["git status", "allow"],
          ["git push", "next"],
          ["git commit -m 'rm x'", "allow"],
          ["git status && git push", "next"],
          ["git status && git push && rm x", "decline"],
          ["git status && ls", "next"],
          ["git status $(rm x)", "decline"]
        ] as const
      ) assert.strictEqual(yield* onCommand(rules, shell(script)), expected, script)
      assert.strictEqual(yield* onCommand([], shell("git status")), "next")
    }))

  it.effect("what no rule matches is declined if there is no next handler", () =>
    Effect.gen(function*() {
      const handlers = ServerRequests.rules([{ action: "allow", command: ["git"] }])
      const ask = (script: string) => handlers[command]!({ ...place, ...shell(script) }, context)
      assert.deepStrictEqual(yield* ask("git status"), { decision: "accept" })
      assert.deepStrictEqual(yield* ask("ls"), { decision: "decline" })
      const both = ServerRequests.orElse(handlers, ServerRequests.rules([{ action: "allow", command: ["ls"] }]))
      const last = ServerRequests.orElse(both, next)[command]!
      for (const [script, decision] of [["git x", "accept"], ["ls", "accept"], ["cat x", "cancel"]] as const) {
        assert.deepStrictEqual(yield* last({ ...place, ...shell(script) }, context), { decision }, script)
      }
    }))
})

describe("a rule for a host", () => {
  it.effect("matches every spelling of it, and no other host", () =>
    Effect.gen(function*() {
      const rules: ReadonlyArray<ServerRequests.Rule> = [
        { action: "decline", host: "evil.example.com" },
        { action: "decline", host: "127.0.0.1" },
        { action: "allow", host: "*.example.com" },
        { action: "allow", host: "registry.test" }
      ]
      for (
        const [host, expected] of [
          ["registry.test", "allow"],
          ["REGISTRY.test.", "allow"],
          ["x.registry.test", "next"],
          ["registry.test.evil", "next"],
          ["a.example.com", "allow"],
          ["a.b.example.com", "allow"],
          ["example.com", "next"],
          ["badexample.com", "next"],
          ["evil.example.com", "decline"],
          ["EVIL.example.com.", "decline"],
          ["127.0.0.1", "decline"],
          ["127.1", "decline"],
          ["0x7f.1", "decline"],
          ["2130706433", "decline"],
          ["registry.test/x", "decline"],
          ["registry.test@evil", "decline"],
          ["", "decline"]
        ] as const
      ) {
        const params = { ...shell("git status"), networkApprovalContext: { host, protocol: "https" } }
        assert.strictEqual(yield* onCommand(rules, params), expected, host)
      }
    }))
})

const approval = (serverName: string, tool?: string): ServerRequests.Params<typeof elicitation> => ({
  ...place,
  serverName,
  mode: "form",
  message: "May I?",
  requestedSchema: { type: "object", properties: {} },
  _meta: { codex_approval_kind: "mcp_tool_call", ...(tool === undefined ? {} : { tool_name: tool }) }
})

describe("a rule for an MCP server", () => {
  it.effect("matches its tools, or one of them", () =>
    Effect.gen(function*() {
      const handlers = ServerRequests.orElse(
        ServerRequests.rules([
          { action: "decline", mcpServer: "docs", tool: "delete" },
          { action: "allow", mcpServer: "docs", tool: "search" },
          { action: "allow", mcpServer: "all" }
        ]),
        next
      )
      for (
        const [server, tool, expected] of [
          ["docs", "search", "accept"],
          ["docs", "delete", "decline"],
          ["docs", "other", "cancel"],
          ["docs", undefined, "decline"],
          ["all", "anything", "accept"],
          ["all", undefined, "accept"],
          ["Docs", "search", "cancel"],
          ["docs2", "search", "cancel"]
        ] as const
      ) {
        const { action } = yield* handlers[elicitation]!(approval(server, tool), context)
        assert.strictEqual(action, expected, `${server} ${tool}`)
      }
      const form = { ...approval("all"), _meta: null }
      assert.strictEqual((yield* handlers[elicitation]!(form, context)).action, "cancel")
    }))
})

/** A directory with links inside, that lead inside and outside. */
const tree = () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "effect-codex-rules-")))
  onTestFinished(() => rmSync(root, { recursive: true }))
  mkdirSync(join(root, "src/secret"), { recursive: true })
  mkdirSync(join(root, "outside"))
  writeFileSync(join(root, "src/a.ts"), "")
  writeFileSync(join(root, "outside/b.ts"), "")
  symlinkSync(join(root, "outside"), join(root, "src/out"))
  symlinkSync(join(root, "outside/b.ts"), join(root, "src/b.ts"))
  symlinkSync(join(root, "outside/new.ts"), join(root, "src/dangling.ts"))
  symlinkSync(join(root, "src/loop"), join(root, "src/loop"))
  symlinkSync(join(root, "src"), join(root, "link"))
  return root
}

const onFiles = (
  rules: ReadonlyArray<ServerRequests.Rule>,
  changes: ServerRequests.RequestContext["changes"],
  grantRoot: string | null = null
) =>
  FileSystem.FileSystem.use((files) =>
    ServerRequests.orElse(ServerRequests.rules(rules, { files }), next)[fileChange]!(
      { ...place, grantRoot },
      { ...context, method: fileChange, changes }
    )
  ).pipe(Effect.map(({ decision }) => verdictOf(decision)), Effect.provide(NodeServices.layer))

const add = (path: string) => ({ path, kind: { type: "add" }, diff: "" }) as const

/** The verdict on a file below `/src`. */
const onSource = (action: "allow" | "decline", realPath?: Transport.RealPath) =>
  Effect.map(
    ServerRequests.orElse(ServerRequests.rules([{ action, path: "/src" }]), next)[fileChange]!(
      { ...place, grantRoot: null },
      { ...context, method: fileChange, changes: [add("/src/a.ts")], realPath }
    ),
    ({ decision }) => verdictOf(decision)
  )

describe("a rule for a path", () => {
  it.effect("matches files below it, wherever links lead", () =>
    Effect.gen(function*() {
      const root = tree()
      const rules: ReadonlyArray<ServerRequests.Rule> = [
        { action: "decline", path: join(root, "src/secret") },
        { action: "allow", path: join(root, "src") }
      ]
      for (
        const [path, expected] of [
          ["src/a.ts", "allow"],
          ["src/new.ts", "allow"],
          ["src/new/deep/x.ts", "allow"],
          ["src", "allow"],
          ["link/new.ts", "allow"],
          ["src2/a.ts", "next"],
          ["outside/b.ts", "next"],
          ["src/out/new.ts", "next"],
          ["src/b.ts", "next"],
          ["src/./a.ts", "allow"],
          ["src/secret/x", "decline"],
          ["src/SECRET/x", "decline"],
          ["link/secret/x", "decline"],
          // In doubt, which a rule that declines takes for a match.
          ["src/dangling.ts", "decline"],
          ["src/loop/x", "decline"],
          ["src/../outside/b.ts", "decline"],
          ["src/out/../a.ts", "decline"],
          ["src/\u0000a.ts", "decline"]
        ] as const
      ) assert.strictEqual(yield* onFiles(rules, [add(`${root}/${path}`)]), expected, path)
      assert.strictEqual(yield* onFiles(rules, [add("src/a.ts")]), "decline")
      assert.strictEqual(yield* onFiles(rules.slice(1), [add("src/a.ts")]), "next")
      assert.strictEqual(yield* onFiles(rules.slice(1), [add(`${root}/src/dangling.ts`)]), "next")
      assert.strictEqual(yield* onFiles(rules.slice(1), [add(`${root}/src/../src/a.ts`)]), "next")
    }))

  it.effect("has to match every file, the target of a move, and the directory that is granted", () =>
    Effect.gen(function*() {
      const root = tree()
      const rules: ReadonlyArray<ServerRequests.Rule> = [{ action: "allow", path: join(root, "src") }]
      const inside = add(join(root, "src/a.ts"))
      const outside = add(join(root, "outside/b.ts"))
      const move = (to: string) =>
        ({ path: inside.path, kind: { type: "update", move_path: join(root, to) }, diff: "" }) as const
      assert.strictEqual(yield* onFiles(rules, [inside, inside]), "allow")
      assert.strictEqual(yield* onFiles(rules, [inside, outside]), "next")
      assert.strictEqual(yield* onFiles(rules, [move("src/c.ts")]), "allow")
      assert.strictEqual(yield* onFiles(rules, [move("outside/c.ts")]), "next")
      assert.strictEqual(yield* onFiles(rules, [inside], root), "next")
      assert.strictEqual(yield* onFiles(rules, [inside], join(root, "src")), "allow")
      assert.strictEqual(
        yield* onFiles(rules, [{ ...inside, kind: { type: "$unknown", raw: { type: "new" } } }]),
        "next"
      )
      assert.strictEqual(yield* onFiles(rules, []), "next")
      assert.strictEqual(yield* onFiles(rules, undefined), "next")
      const declining: ReadonlyArray<ServerRequests.Rule> = [{ action: "decline", path: "/etc" }, ...rules]
      assert.strictEqual(yield* onFiles(declining, undefined), "decline")
      assert.strictEqual(yield* onFiles(declining, [inside]), "allow")
      assert.strictEqual(yield* onFiles(declining, [inside, add("/etc/passwd")]), "decline")
    }))

  it.effect("is in doubt about every path on a machine whose files the client can't see", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* onSource("allow"), "next")
      assert.strictEqual(yield* onSource("decline"), "decline")
      assert.strictEqual(yield* onSource("allow", Effect.succeed), "allow")
      assert.strictEqual(yield* onSource("allow", (path) => Effect.fail(path === "/" ? "hidden" : "missing")), "next")
      assert.throws(() => ServerRequests.rules([], { fils: null } as object), /fils is not an option/)
    }))

  it.effect("answers requests of the old protocol", () =>
    Effect.gen(function*() {
      const root = tree()
      const files = yield* FileSystem.FileSystem
      const handlers = ServerRequests.orElse(
        ServerRequests.rules([
          { action: "allow", path: root },
          { action: "allow", command: ["git", "status"] },
          { action: "decline", command: ["rm"] }
        ], { files }),
        next
      )
      const exec = (words: ReadonlyArray<string>) =>
        handlers.execCommandApproval!(
          { conversationId: "thread", callId: "call", command: words, cwd: root, parsedCmd: [] },
          { ...context, method: "execCommandApproval" }
        )
      assert.deepStrictEqual(yield* exec(["bash", "-lc", "git status"]), { decision: "approved" })
      assert.deepStrictEqual(yield* exec(["git", "status", "$(x)"]), { decision: "approved" })
      assert.deepStrictEqual(yield* exec(["bash", "-lc", "git status > x"]), { decision: "abort" })
      assert.property((yield* exec(["bash", "-lc", "rm x"])).decision, "denied")
      const patch = (path: string) =>
        handlers.applyPatchApproval!(
          { conversationId: "thread", callId: "call", fileChanges: { [path]: { type: "add", content: "" } } },
          { ...context, method: "applyPatchApproval" }
        )
      assert.deepStrictEqual(yield* patch(join(root, "src/a.ts")), { decision: "approved" })
      assert.deepStrictEqual(yield* patch("/etc/passwd"), { decision: "abort" })
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("the Schema", () => {
  it("decodes a file, and refuses what it does not know", () => {
    const decode = Schema.decodeUnknownSync(Schema.fromJsonString(ServerRequests.Rules))
    const rules: ServerRequests.Rules = [
      { action: "allow", command: ["git"] },
      { action: "ask", path: "/src" },
      { action: "ask", path: "C:\\src" },
      { action: "decline", host: "*.example.com" },
      { action: "allow", mcpServer: "docs", tool: "search" },
      { action: "allow", mcpServer: "docs" }
    ]
    assert.deepStrictEqual(decode(JSON.stringify(rules)), rules)
    for (
      const rule of [
        { action: "allow" },
        { action: "accept", command: ["git"] },
        { action: "allow", command: [] },
        { action: "allow", command: "git" },
        { action: "allow", command: [""] },
        { action: "allow", command: ["git"], cwd: "/" },
        { action: "allow", command: ["git"], host: "x" },
        { action: "decline", path: "src" },
        { action: "decline", path: "" },
        { action: "allow", host: "*" },
        { action: "allow", host: "https://x" },
        { action: "allow", host: "a.*.com" },
        { action: "allow", mcpServer: "" },
        { action: "allow", tool: "x" }
      ]
    ) assert.throws(() => decode(JSON.stringify([rule])), undefined, undefined, JSON.stringify(rule))
  })
})
