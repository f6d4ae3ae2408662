/** Returns the processor time of a function, in seconds. Unlike its duration, it does not depend on the load of the machine. */
export const cpuTime = (run: () => unknown): number => {
  const before = process.cpuUsage()
  run()
  const { system, user } = process.cpuUsage(before)
  return (system + user) / 1e6
}
