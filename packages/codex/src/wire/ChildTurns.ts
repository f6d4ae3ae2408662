/**
 * The running turns of sub-agents, each assigned to the turn at the root of its family. That turn stops them, and its result
 * includes their usage.
 */
import * as Usage from "../model/turns/Usage.ts"

/** A running turn of a sub-agent. */
export interface ChildTurn {
  readonly threadId: string
  readonly turnId: string
  /** The turn that it works for, on the outermost thread. */
  readonly rootId: string
  /** The number of levels below the outermost thread, as far as it is known. */
  readonly depth: number
}

/** The sub-agents of one turn, at one moment. */
export interface Snapshot {
  /** Tokens of all their model requests so far. */
  readonly usage: Usage.Tokens
  /** Their model requests so far. */
  readonly steps: number
  /** The number of sub-agents that run. */
  readonly running: number
  /** The number of their turns that this client interrupted. */
  readonly stopped: number
}

/** Callbacks for the sub-agents of a root turn: see {@link ChildTurns.watch}. */
export interface Watcher {
  /** A sub-agent has used tokens. */
  readonly used?: () => void
  /** The turn of a sub-agent has ended. */
  readonly ended?: () => void
}

class Running {
  readonly turn: ChildTurn
  readonly usage = new Usage.TurnUsage()
  /** The number of reports of its tokens. */
  reports = 0
  isStopped = false

  constructor(turn: ChildTurn) {
    this.turn = turn
  }
}

class Root {
  readonly running = new Set<Running>()
  readonly watchers = new Set<Watcher>()
  usage: Usage.Tokens = Usage.none
  steps = 0
  stopped = 0
}

/** Stopped roots that are remembered: a child that was being spawned may start after its root has ended. */
const maxStopped = 256

const nothing: Snapshot = { usage: Usage.none, steps: 0, running: 0, stopped: 0 }

export class ChildTurns {
  /** Handles a turn that must not run: its root was stopped, or `mayRun` refused it. Set once by the client. */
  onUnwanted: (turn: ChildTurn, isStopped: boolean) => void = () => {}

  /** Returns true if a turn that has just started may continue. Set once by the client. */
  mayRun: (turn: ChildTurn) => boolean = () => true

  /** Turns that this client has started, with their threads: their results are read at their end. */
  private readonly claimed = new Map<string, string>()
  /** A thread runs one turn at a time. */
  private readonly running = new Map<string, Running>()
  private readonly roots = new Map<string, Root>()
  private readonly stopped = new Set<string>()

  /** Turns of sub-agents that run. */
  get size(): number {
    return this.running.size
  }

  /** Root turns that are remembered for their sub-agents. */
  get rootCount(): number {
    return this.roots.size
  }

  /** Registers a turn of this client, whose result reports on its sub-agents. */
  claim(threadId: string, turnId: string): void {
    this.claimed.set(turnId, threadId)
  }

  start(turn: ChildTurn): void {
    // A review runs in its own turn on the same thread.
    if (this.claimed.get(turn.rootId) === turn.threadId) return
    this.end(turn.threadId)
    const running = new Running(turn)
    this.running.set(turn.threadId, running)
    const root = this.root(turn.rootId)
    root.running.add(running)
    const isStopped = this.stopped.has(turn.rootId)
    if (!isStopped && this.mayRun(turn)) return
    this.mark(running)
    this.onUnwanted(turn, isStopped)
  }

  /** The turn that ran on a thread has ended. */
  end(threadId: string): void {
    const running = this.running.get(threadId)
    if (running === undefined) return
    this.running.delete(threadId)
    const { rootId } = running.turn
    const root = this.roots.get(rootId)
    if (root === undefined) return
    root.running.delete(running)
    root.usage = Usage.add(root.usage, running.usage.tokens ?? Usage.none)
    root.steps += running.usage.steps
    for (const watcher of root.watchers) watcher.ended?.()
    this.release(rootId, root)
  }

  /** The root turn has ended, and its result has been read. */
  endRoot(rootId: string): void {
    this.claimed.delete(rootId)
    const root = this.roots.get(rootId)
    if (root !== undefined) this.release(rootId, root)
  }

  used(threadId: string, turnId: string | undefined, report: unknown): void {
    const running = this.running.get(threadId)
    if (running === undefined || running.turn.turnId !== turnId) return
    running.usage.add(report)
    running.reports++
    for (const watcher of this.roots.get(running.turn.rootId)?.watchers ?? []) watcher.used?.()
  }

  /** The root turn that a thread's running turn works for; undefined if it is no sub-agent's. */
  rootOf(threadId: string): string | undefined {
    return this.running.get(threadId)?.turn.rootId
  }

  /** The number of reports of the tokens of the turn that runs on a thread. */
  reports(threadId: string): number {
    return this.running.get(threadId)?.reports ?? 0
  }

  /** The turn of a sub-agent that runs on a thread. */
  on(threadId: string): ChildTurn | undefined {
    return this.running.get(threadId)?.turn
  }

  /** The turns of sub-agents that run below a root turn, from the top. */
  below(rootId: string): ReadonlyArray<ChildTurn> {
    const running = Array.from(this.roots.get(rootId)?.running ?? [], ({ turn }) => turn)
    return running.sort((a, b) => a.depth - b.depth)
  }

  /** Returns the usage and the number of sub-agents of these root turns. */
  snapshot(rootIds: ReadonlyArray<string>): Snapshot {
    let { running, steps, stopped, usage } = nothing
    for (const rootId of rootIds) {
      const root = this.roots.get(rootId)
      if (root === undefined) continue
      usage = Usage.add(usage, root.usage)
      steps += root.steps
      stopped += root.stopped
      for (const child of root.running) {
        usage = Usage.add(usage, child.usage.tokens ?? Usage.none)
        steps += child.usage.steps
        if (!child.isStopped) running++
      }
    }
    return { usage, steps, running, stopped }
  }

  /** Calls back while sub-agents of a root turn work. Returns a function that ends this. */
  watch(rootId: string, watcher: Watcher): () => void {
    const root = this.root(rootId)
    root.watchers.add(watcher)
    return () => {
      root.watchers.delete(watcher)
      this.release(rootId, root)
    }
  }

  /**
   * Forbids the sub-agents of this root turn to run. Returns those that run now, from the top, and reports those that start later
   * to {@link onUnwanted}.
   */
  stop(rootId: string): ReadonlyArray<ChildTurn> {
    this.stopped.add(rootId)
    if (this.stopped.size > maxStopped) {
      for (const oldest of this.stopped) {
        this.stopped.delete(oldest)
        break
      }
    }
    for (const running of this.roots.get(rootId)?.running ?? []) this.mark(running)
    return this.below(rootId)
  }

  /** This client interrupts the turn that runs on a thread. */
  markStopped(threadId: string): void {
    const running = this.running.get(threadId)
    if (running !== undefined) this.mark(running)
  }

  /** The connection is lost. */
  lost(): void {
    const roots = Array.from(this.roots.values())
    this.running.clear()
    this.roots.clear()
    this.stopped.clear()
    for (const root of roots) for (const watcher of root.watchers) watcher.ended?.()
  }

  private mark(running: Running): void {
    if (running.isStopped) return
    running.isStopped = true
    this.root(running.turn.rootId).stopped++
  }

  private root(rootId: string): Root {
    let root = this.roots.get(rootId)
    if (root === undefined) this.roots.set(rootId, root = new Root())
    return root
  }

  /** Removes a root that is not needed any more. */
  private release(rootId: string, root: Root): void {
    if (root.running.size > 0 || root.watchers.size > 0) return
    // A root turn that runs here is read at its end.
    if (this.claimed.has(rootId)) return
    if (this.roots.get(rootId) === root) this.roots.delete(rootId)
  }
}
