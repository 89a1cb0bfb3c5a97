// Asks again and again while somebody looks, and works out what happens in a second.

/** Runs `ask` now and then every `every` ms, one at a time, while the tab is seen. Returns what ends it and what asks at once. */
export function repeat(ask, every) {
  let timer = null
  let isOver = false
  let isAsking = false
  let isWanted = false
  async function round() {
    clearTimeout(timer)
    if (isOver || document.hidden) return
    if (isAsking) return void (isWanted = true)
    isAsking = true
    isWanted = false
    await ask()
    isAsking = false
    if (isWanted) return round()
    if (!isOver && !document.hidden) timer = setTimeout(round, every)
  }
  document.addEventListener('visibilitychange', round)
  round()
  return {
    now: round,
    stop() {
      isOver = true
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', round)
    },
  }
}

/** The samples as objects, and the sums of now behind them. */
export function samples(live) {
  const { fields, samples } = live.history
  const before = samples.map(sample => Object.fromEntries(fields.map((field, index) => [field, sample[index]])))
  return [...before.filter(sample => sample.at_ms < live.now_ms - 500), { at_ms: live.now_ms, ...live.totals }]
}

/** How much a sum grows in a second, lately: over the last samples, at least ten seconds of them if there are. */
export function speed(points, field) {
  const last = points.at(-1)
  const first = points.findLast(point => point.at_ms <= last.at_ms - 10_000) ?? points[0]
  const seconds = (last.at_ms - first.at_ms) / 1000
  return seconds > 0 ? Math.max(0, (last[field] - first[field]) / seconds) : 0
}

/** What each sample adds to the one before it, a second. */
export function speeds(points, fields, per = 1) {
  const steps = points.slice(1).map((point, index) => [points[index], point]).filter(([before, point]) => point.at_ms - before.at_ms >= 1000)
  const grown = field => steps.map(([before, point]) => Math.max(0, ((point[field] - before[field]) / (point.at_ms - before.at_ms)) * 1000 * per))
  return [steps.map(([, point]) => point.at_ms / 1000), ...fields.map(grown)]
}
