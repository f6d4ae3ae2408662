import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Masker } from "../src/masking/Masker.ts"

const masker = (secrets: ReadonlyArray<string> = []) =>
  new Masker({
    config: { envMode: "replace", cwd: "/srv/app", codexHome: "/srv/codex", env: { HOME: "/srv/ada" } },
    secrets
  })

const base64 = (text: string): string => Buffer.from(text).toString("base64")

/** Every text that contains a secret, before and after it is masked. */
const secrets: ReadonlyArray<readonly [text: string, masked: string]> = [
  ["GET /v1?api_key=abc&x=1 HTTP/1.1", "GET /v1?api_key=[secret]&x=1 HTTP/1.1"],
  ["https://x.io/?a=1&password=p#top", "https://x.io/?a=1&password=[secret]#top"],
  ["curl -H 'x-api-key: abcdef123456' x.io", "curl -H 'x-api-key: [secret]' x.io"],
  ["X-Api-Key:abcdef123456", "X-Api-Key:[secret]"],
  ["password: hunter2", "password: [secret]"],
  ["The password: hunter2, and no other.", "The password: [secret], and no other."],
  ["\"password\": \"correct horse\",", "\"password\": \"[secret]\","],
  ["passwd='it is \"this\"'", "passwd='[secret]'"],
  ["export DB_PASSWORD=abc#def&ghi", "export DB_PASSWORD=[secret]"],
  ["{ apiKey: 'k-1' }", "{ apiKey: 'k-1' }"],
  ["{ apiKey: 'k-12' }", "{ apiKey: '[secret]' }"],
  ["aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = [secret]"],
  ["client_secret => abcdefgh1234", "client_secret => [secret]"],
  ["stripe sk_live_abcdefgh1234.", "stripe [secret]."],
  ["rk_test_abcdefgh1234 whsec_abcdefgh1234", "[secret] [secret]"],
  ["AKIAIOSFODNN7EXAMPLE", "[secret]"],
  ["tool --api-key abcdefgh --verbose", "tool --api-key [secret] --verbose"],
  ["Authorization: Basic dXNlcjpwdw==", "Authorization: Basic [secret]"],
  ["authorization: \"Bearer abcdefgh\"", "authorization: \"Bearer [secret]\""],
  ["Authorization: Digest username=\"a\", nonce=\"b\"\nHost: x", "Authorization: Digest [secret]\nHost: x"],
  ["basic dXNlcjpwYXNzd29yZA==", "basic [secret]"],
  ["Set-Cookie: id=1; Path=/\nHost: x", "Set-Cookie: [secret]\nHost: x"],
  ["postgres://ada:hunter2@db.example.com/app", "postgres://[secret]@db.example.com/app"],
  ["{\\\"password\\\":\\\"hunter2\\\",\\\"a\\\":1}", "{\\\"password\\\":\\\"[secret]\\\",\\\"a\\\":1}"],
  [
    JSON.stringify(JSON.stringify({ token: "abc def", a: 1 })),
    JSON.stringify(JSON.stringify({ token: "[secret]", a: 1 }))
  ],
  ["redirect=%3Ftoken%3Dabcdefgh12345", "redirect=%3Ftoken%3D[secret]"],
  ["Bearer%20abcdefgh12345", "Bearer%20[secret]"],
  ["mailto:jane%40example.org", "mailto:someone@example.com"]
]

/** Texts that look like secrets only at first sight. */
const harmless: ReadonlyArray<string> = [
  "a basic understanding of tokens",
  "password: string",
  "{\"type\":\"password\",\"token\":null,\"secret\":true}",
  "token: {\"value\":1}",
  "totalTokens: 123456789",
  "The secret is simple. So is the password",
  "the task-force asks-for-nothing-at-all",
  "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----",
  "eyJ is not a token, nor is eyJhbGciOiJIUzI1NiJ9",
  "user@host, @mention, a@b"
]

describe("secrets by their form", () => {
  for (const [text, masked] of secrets) {
    it(`masks ${JSON.stringify(text)}`, () => {
      assert.strictEqual(masker().text(text), masked)
      assert.strictEqual(masker().text(masked), masked)
    })
  }

  for (const text of harmless) {
    it(`leaves ${JSON.stringify(text)}`, () => assert.strictEqual(masker().text(text), text))
  }

  it("masks values that are described beside them, and the arguments of flags", () => {
    assert.deepStrictEqual(
      masker().value({
        headers: [{ name: "X-Api-Key", value: "k" }, { name: "Accept", value: "json" }],
        edit: { keyPath: "mcp_servers.x.env.API_KEY", value: "k" },
        args: ["--token", "k", "--depth", "3"]
      }),
      {
        headers: [{ name: "X-Api-Key", value: "[secret]" }, { name: "Accept", value: "json" }],
        edit: { keyPath: "mcp_servers.x.env.API_KEY", value: "[secret]" },
        args: ["--token", "[secret]", "--depth", "3"]
      }
    )
  })

  it("learns the credentials in a header", () => {
    const learning = masker()
    learning.value({ authorization: `Basic ${base64("ada:difference")}` })
    assert.strictEqual(learning.text("the difference"), "the [secret]")
  })

  it("masks known secrets in every encoding, and nothing else of a text", () => {
    const known = masker(["say \"friend\" & enter"])
    for (
      const encoded of [
        encodeURIComponent("say \"friend\" & enter"),
        JSON.stringify(JSON.stringify("say \"friend\" & enter")).slice(3, -3),
        base64("say \"friend\" & enter").replace(/=+$/, "")
      ]
    ) assert.strictEqual(known.text(`one ${encoded} two`), "one [secret] two")
  })

  it("keeps the names of fields that every object has", () => {
    const value: unknown = JSON.parse(`{"__proto__":{"password":"hunter2"},"constructor":"c","toString":"t"}`)
    assert.strictEqual(
      JSON.stringify(masker().value(value)),
      `{"__proto__":{"password":"[secret]"},"constructor":"c","toString":"t"}`
    )
  })
})

/** Returns the characters that masking a text looks at. */
const work = (text: string): number => {
  const masking = masker(["correct horse battery", "lovelace", "lovelace-lovelace"])
  masking.text(text)
  return masking.work
}

describe("the work of masking", () => {
  /** Units that a scanner could get stuck on, each as often as a long answer has place for it. */
  const characters = ["a", "0f", " ", "\n", "=", ":", "@", "-", "\"", "/", "é", "\u{1f980}"]
  const escapes = ["\\", "\\\"", "%", "%25", "%2525"]
  const addresses = ["a@", "a@b.", "://", "a://b:c"]
  const keys = [
    "sk-",
    "AKIA",
    "eyJ",
    "eyJ-",
    "eyJabcdefgh.",
    "bearer ",
    "basic ",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----"
  ]
  const names = ["password", "password ", "password:", "password=\"", "token=x&", "?key=", "authorization: ", "cookie:"]
  const flags = ["--a", "--token "]
  const known = ["lovelace", "lovelac", "correct horse ", "/srv/app"]
  const units = [...characters, ...escapes, ...addresses, ...keys, ...names, ...flags, ...known]

  for (const unit of units) {
    it(`doubles when a text of ${JSON.stringify(unit)} doubles`, () => {
      const text = unit.repeat(Math.ceil(20_000 / unit.length))
      assert.isAtMost(work(text + text), work(text) * 2.05 + 100)
      assert.isAtMost(work(text), text.length * 30)
    })
  }

  it.prop(
    "is in proportion to any text",
    { parts: Schema.Array(Schema.Literals(units)).check(Schema.isMinLength(1)) },
    ({ parts }) => {
      const text = parts.join("").repeat(50)
      assert.isAtMost(work(text + text), work(text) * 2.1 + 1000)
      assert.isAtMost(work(text), text.length * 40 + 1000)
    },
    { arbitrary: { runs: 200, size: 10 } }
  )

  it("does not grow with the number of pieces that a word arrives in", () => {
    const masking = masker()
    assert.isFalse(masking.decided("a".repeat(4095)))
    assert.isTrue(masking.decided("a".repeat(100_000)))
  })
})

describe("a text that may go on", () => {
  for (
    const [text, isDecided] of [
      ["", true],
      ["one ", true],
      ["one", false],
      ["password: ", false],
      ["aws_secret_access_key ", false],
      ["aws_secret_access_key = ", false],
      ["password: hunter2 ", true],
      ["password: \"correct horse ", false],
      ["password: \"correct horse\" ", true],
      ["Authorization: ", false],
      ["Authorization: Basic ", false],
      ["curl --token ", false],
      ["-----BEGIN PRIVATE KEY-----\nabc\n", false],
      ["the correct ", false],
      ["the correct horse battery ", true],
      ["the correct hors ", true]
    ] as const
  ) {
    it(`${isDecided ? "is decided" : "is not decided"} after ${JSON.stringify(text)}`, () =>
      assert.strictEqual(masker(["correct horse battery"]).decided(text), isDecided))
  }

  it.prop(
    "is masked in pieces as it is masked as a whole",
    {
      words: Schema.Array(
        Schema.Literals([
          "a",
          " ",
          "password",
          ":",
          "\"",
          "hunter2",
          "correct",
          "horse",
          "=",
          "token",
          "Bearer",
          "\n",
          "-",
          "/srv/app"
        ])
      )
    },
    ({ words }) => {
      // What is decided before a piece stays so: the masked texts of the decided parts are those of the whole.
      const masking = masker(["correct horse"])
      let parts = ""
      let pending = ""
      for (const word of words) {
        pending += word
        if (!masking.decided(pending)) continue
        parts += masking.text(pending)
        pending = ""
      }
      assert.strictEqual(parts + masking.text(pending), masking.text(words.join("")))
    },
    { arbitrary: { runs: 300 } }
  )
})
