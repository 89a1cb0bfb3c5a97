// What was spent, day by day, by key, model or team, from the ledger.

import { call, download, query } from './api.js'
import { chart } from './charts.js'
import { card, cells, el, empty, failure, save, say, sync, table } from './dom.js'
import { compact, day, dayAfter, money, number } from './format.js'
import { t } from './words.js'

/** Parts of a stack that have a colour of their own; what is smaller is one more part. */
const MOST = 7
const RANGES = ['today', '7', '30', 'month']
const BY = ['model', 'key', 'team', 'account']
const UNITS = {
  cost: { of: sum => Number(sum.cost_cny), write: money },
  tokens: { of: sum => sum.input_tokens + sum.output_tokens, write: compact },
  requests: { of: sum => sum.requests, write: compact },
}
const COLUMNS = ['requests', 'failed', 'input', 'output', 'cost']

/** First and last day of a range. */
function days(range) {
  const today = day()
  if (range === 'today') return [today, today]
  if (range === 'month') return [`${today.slice(0, 7)}-01`, today]
  return [dayAfter(today, 1 - Number(range)), today]
}

function every(from, until) {
  const all = []
  for (let at = from; at <= until && all.length < 1000; at = dayAfter(at, 1)) all.push(at)
  return all
}

/** The largest groups, with the rest together, each with its value on each day. */
function stack(sums, by, all, of) {
  const totals = new Map()
  for (const sum of sums) totals.set(sum[by], (totals.get(sum[by]) ?? 0) + of(sum))
  const used = [...totals].filter(([, total]) => total > 0)
  const names = (used.length ? used : [...totals]).toSorted((one, other) => other[1] - one[1]).map(([name]) => name)
  const [large, small] = [names.slice(0, MOST), names.slice(MOST)]
  const groups = small.length ? [...large, null] : large
  const group = name => (large.includes(name) ? name : null)
  const values = groups.map(name => all.map(at => sums.filter(sum => sum.day === at && group(sum[by]) === name).reduce((whole, sum) => whole + of(sum), 0)))
  return { groups, values }
}

function label(name) {
  return name === null ? t('spend.rest') : name === '' ? '–' : name
}

/** Largest sums are drawn first, so that what lies below is drawn over them. */
function plotted({ groups, values }, all) {
  const heaped = values.map((_, index) => all.map((_, at) => values.slice(0, index + 1).reduce((whole, own) => whole + own[at], 0)))
  const order = groups.map((_, index) => index).reverse()
  const series = order.map(index => ({ label: label(groups[index]), colour: groups[index] === null ? '--s8' : `--s${index + 1}` }))
  const at = all.map((_, index) => index)
  return { series, data: [at, ...order.map(index => heaped[index])], shown: [at, ...order.map(index => values[index])] }
}

const line = sum => [number(sum.requests), number(sum.failed), compact(sum.input_tokens), compact(sum.output_tokens), money(sum.cost_cny)]

function fillRows(list, foot, report, by) {
  const largest = report.data.toSorted((one, other) => Number(other.cost_cny) - Number(one.cost_cny) || other.requests - one.requests)
  const make = () => el('tr', {}, cells(['name', 'n', 'n', 'n', 'n', 'n']))
  sync(list.body, largest, sum => sum[by], make, (row, sum) => [label(sum[by]), ...line(sum)].forEach((value, index) => say(row.children[index], value)))
  foot.replaceChildren(...[t('spend.total'), ...line(report.total)].map((value, index) => el('td', { class: index ? 'n' : 'name' }, value)))
}

const options = (names, words, chosen) => names.map(name => el('option', { value: name, selected: name === chosen }, t(`${words}.${name}`)))

function choice(id, words, names, chosen) {
  const select = el('select', { id }, options(names, words, chosen))
  return { select, node: el('label', {}, el('span', {}, t(words)), select) }
}

function mount(main) {
  const [range, by, unit] = [choice('range', 'range', RANGES, '7'), choice('by', 'by', BY, 'model'), choice('unit', 'unit', Object.keys(UNITS), 'cost')]
  const csv = el('button', { type: 'button', class: 'quiet' }, t('spend.csv'))
  const [fault, none, plots, rows] = [el('div', {}), el('div', {}), el('div', {}), el('div', {})]
  main.append(el('div', { class: 'filters' }, range.node, by.node, unit.node, csv), fault, none, plots, rows)
  const parts = { plot: null, round: 0 }
  const question = more => query([['from', days(range.select.value)[0]], ['until', days(range.select.value)[1]], ...more])
  const load = async () => {
    const round = ++parts.round
    try {
      const [daily, whole] = await Promise.all([call('GET', `usage?${question([['by', `day,${by.select.value}`]])}`), call('GET', `usage?${question([['by', by.select.value]])}`)])
      if (round === parts.round) draw(daily, whole)
    } catch (error) {
      if (round === parts.round) fault.replaceChildren(error.code === 'unknown_url' ? empty(t('ledger.off'), t('ledger.off.hint')) : failure(error))
    }
  }
  const draw = (daily, whole) => {
    fault.replaceChildren()
    parts.plot?.stop()
    const isEmpty = whole.total.requests === 0
    none.replaceChildren(...(isEmpty ? [empty(t('spend.empty'), t('spend.empty.hint'))] : []))
    plots.replaceChildren()
    rows.replaceChildren()
    parts.plot = null
    if (isEmpty) return
    const { of, write } = UNITS[unit.select.value]
    const all = every(...days(range.select.value))
    const drawn = plotted(stack(daily.data, by.select.value, all, of), all)
    parts.plot = chart({ title: t('spend.chart', { unit: t(`unit.${unit.select.value}`) }), series: drawn.series, write, height: 260, x: all.map(at => at.slice(5)), isBars: true })
    plots.append(parts.plot.node)
    parts.plot.set(drawn.data, drawn.shown)
    const list = table(t('spend.table'), [[t(`by.${by.select.value}`), 'name'], ...COLUMNS.map(name => [t(`column.${name}`), 'n'])])
    const foot = el('tr', {})
    list.box.firstChild.append(el('tfoot', {}, foot))
    fillRows(list, foot, whole, by.select.value)
    rows.append(card(t('spend.table'), list.box, el('p', { class: 'muted' }, t('spend.days'))))
  }
  ;[range, by, unit].forEach(one => one.select.addEventListener('change', load))
  csv.addEventListener('click', async () => {
    const text = await download(`usage?${question([['by', `day,${by.select.value}`], ['format', 'csv']])}`).catch(error => void fault.replaceChildren(failure(error)))
    if (text) save(`flowgate-${days(range.select.value).join('-to-')}.csv`, 'text/csv', text)
  })
  load()
  return {
    again: () => parts.plot?.again(),
    stop() {
      parts.round += 1
      parts.plot?.stop()
    },
  }
}

export const view = { name: 'spend', mount }
