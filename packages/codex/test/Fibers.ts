import type * as Metric from "effect/Metric"

/** Counts the fibers that run. */
export class Fibers implements Metric.FiberRuntimeMetricsService {
  running = 0
  recordFiberStart(): void {
    this.running++
  }
  recordFiberEnd(): void {
    this.running--
  }
}
