// Charts by uPlot, in the colours of the theme, with a legend of our own that the cursor fills.

import { el, say } from './dom.js'

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
/** How far back a chart of time goes (s), as far as the gateway remembers. */
const WINDOW = 900

const faint = text => `color-mix(in srgb, ${text} 14%, transparent)`

/** A chart. `series`: `{label, colour, fill}`; `write` writes a value. Draws nothing until `set`. */
export function chart({ title, series, write, height = 170, x, isBars = false }) {
  const legend = el('ul', { class: isBars ? 'legend heap' : 'legend' })
  const box = el('div', { class: 'plot', role: 'img', 'aria-label': title })
  const node = el('figure', { class: 'card chart' }, el('figcaption', {}, el('h2', {}, title), legend), box)
  const state = { plot: null, data: null, shown: [], series, write, height, x, isBars, box, legend, title }
  const fit = () => state.plot && box.clientWidth > 0 && state.plot.setSize({ width: box.clientWidth, height })
  const watcher = new ResizeObserver(fit)
  watcher.observe(box)
  return {
    node,
    set: (data, shown) => draw(state, data, shown),
    again: () => redraw(state),
    reset(next, nextX) {
      Object.assign(state, { series: next, x: nextX ?? state.x })
      redraw(state)
    },
    stop() {
      watcher.disconnect()
      state.plot?.destroy()
    },
  }
}

/** Colours belong to the plot: another theme means another plot. */
function redraw(state) {
  state.plot?.destroy()
  state.plot = null
  if (state.data) draw(state, state.data, state.shown)
}

/** `shown` is what the legend says, if that is not what is drawn: the parts of a stack. */
function draw(state, data, shown) {
  Object.assign(state, { data, shown: shown ?? data })
  if (state.plot) state.plot.setData(data)
  else if (state.box.clientWidth > 0) state.plot = new window.uPlot(options(state), data, state.box)
  else requestAnimationFrame(() => state.box.isConnected && !state.plot && draw(state, state.data, state.shown))
  tell(state, state.plot?.cursor.idx)
}

/** Fills the legend: the values under the cursor, else the last ones. */
function tell(state, at) {
  const index = at ?? state.data[0].length - 1
  const values = state.series.map((_, number) => state.shown[number + 1]?.[index] ?? 0)
  if (state.legend.children.length !== state.series.length || state.legend.dataset.of !== state.series.map(one => one.label).join()) {
    state.legend.dataset.of = state.series.map(one => one.label).join()
    state.legend.replaceChildren(...state.series.map(entry))
  }
  ;[...state.legend.children].forEach((item, number) => say(item.lastChild, state.write(values[number])))
  const words = state.series.map((one, number) => `${one.label} ${state.write(values[number])}`).join(', ')
  if (at === null || at === undefined) state.box.setAttribute('aria-label', `${state.title}: ${words}`)
}

function entry(one) {
  const dot = el('span', { class: 'dot', 'aria-hidden': 'true' })
  dot.style.setProperty('--dot', `var(${one.colour})`)
  return el('li', {}, dot, el('span', { class: 'of' }, one.label), el('b', {}))
}

function options(state) {
  const [line, text] = [colour('--grid'), colour('--muted')]
  const font = '11px system-ui, sans-serif'
  const axis = { stroke: text, font, grid: { stroke: line, width: 1 }, ticks: { show: false } }
  const time = state.x ? { time: false } : { time: true }
  const values = state.x && ((_, splits) => splits.map(split => (Number.isInteger(split) ? (state.x[split] ?? '') : '')))
  return {
    width: state.box.clientWidth,
    height: state.height,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    padding: [8, 18, 0, 0],
    scales: { x: { ...time, range: (_, low, high) => (state.x ? [low - 0.6, high + 0.6] : [high - WINDOW, high]) }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      { ...axis, size: 26, gap: 4, grid: { show: false }, space: 70, values: values || undefined, incrs: state.x ? [1, 2, 5, 7, 14, 30] : [60, 120, 300, 600], ...(state.x ? {} : { values: '{HH}:{mm}' }) },
      { ...axis, size: (_, values) => 16 + 6.4 * Math.max(4, ...(values ?? []).map(value => value.length)), space: 34, values: (_, splits) => splits.map(split => state.write(split)) },
    ],
    series: [{}, ...state.series.map(one => shape(state, one))],
    hooks: { setCursor: [plot => tell(state, plot.cursor.idx)] },
  }
}

function shape(state, one) {
  const stroke = colour(one.colour)
  if (state.isBars) return { stroke, fill: stroke, width: 0, points: { show: false }, paths: window.uPlot.paths.bars({ size: [0.7, 48] }) }
  return { stroke, fill: one.isFilled ? faint(stroke) : undefined, width: 1.75, points: { show: false } }
}
