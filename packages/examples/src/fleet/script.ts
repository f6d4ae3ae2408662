/** The scripted model of the fleet: it writes slowly, so that there is time to kill a runner, and asks before it releases anything. */
import { Item, type ModelRequest, Reply } from "@effect-codex/testing"

const story = (text: string): Reply.Reply =>
  Reply.make([Item.message({ deltas: text.split(/(?<= )/) })], { pace: "90 millis" })

const work =
  "I read the tests first, because they say what is promised. Three of them touch this part, and none covers the case that "
  + "was reported. I wrote one that fails, looked for the place where the value is lost, and found it two calls further up: the default "
  + "is applied before the user's own setting. With the order changed, the new test passes and the old ones still do. I also looked "
  + "for the same mistake elsewhere, and found none. "

/** Answers a request of Codex. */
export const script = (request: ModelRequest.ModelRequest): Reply.Reply => {
  const text = request.lastUserText ?? ""
  if (request.toolOutput() !== undefined && String(request.body.input.at(-1)?.type).endsWith("_output")) {
    return story(
      `The command is through, or was refused; either way I know where I stand. ${work}The release is prepared.`
    )
  }
  if (text.startsWith("Your previous turn was cut off")) {
    return story(
      `My machine failed in the middle of the work. I checked what was done before, and continue. ${work}Now it is done.`
    )
  }
  if (/release/i.test(text)) {
    return Reply.make([
      Item.message({
        text: "I have everything for the release, and need permission for the last step.",
        phase: "commentary"
      }),
      Item.functionCall({
        name: "exec_command",
        arguments: {
          cmd: "echo published",
          sandbox_permissions: "require_escalated",
          justification: "Publishing needs access to the network."
        }
      })
    ])
  }
  return story(`${work}That was the task: ${text}`)
}
