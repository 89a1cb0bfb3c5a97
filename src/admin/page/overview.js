// What happens now and happened in the last minutes.

import { call, token } from './api.js'
import { chart } from './charts.js'
import { badge, card, cells, el, empty, say, sync, table } from './dom.js'
import { compact, money, number, rate, span } from './format.js'
import { repeat, samples, speed, speeds } from './live.js'
import { t } from './words.js'

/** How often the ledger is asked for today's sum (ms). */
const EVERY = 10_000

const TILES = ['requests', 'tokens', 'failures', 'flight', 'waiting', 'avoided', 'spend', 'up']

const CHARTS = [
  { name: 'requests', fields: ['requests', 'refused', 'failed'], colours: ['--s1', '--s3', '--s4'], write: rate },
  { name: 'tokens', fields: ['input_tokens', 'output_tokens'], colours: ['--s1', '--s2'], write: compact },
  { name: 'load', fields: ['in_flight', 'waiting'], colours: ['--s1', '--s3'], write: rate, isLevel: true },
  { name: 'cost', fields: ['cost_cny'], colours: ['--s2'], write: money, per: 60 },
]

function tile(name) {
  const value = el('dd', { id: `tile-${name}` }, '–')
  const note = el('dd', { class: 'muted', id: `note-${name}` })
  return el('div', { class: 'tile', data: { tile: name } }, el('dt', {}, t(`tile.${name}`)), value, note)
}

function charts() {
  return CHARTS.map(one => {
    const series = one.fields.map((field, index) => ({ label: t(`series.${field}`), colour: one.colours[index], isFilled: index === 0 }))
    return { ...one, ...chart({ title: t(`chart.${one.name}`), series, write: one.write }) }
  })
}

function plotted(one, points) {
  if (!one.isLevel) return speeds(points, one.fields, one.per)
  return [points.map(point => point.at_ms / 1000), ...one.fields.map(field => points.map(point => point[field]))]
}

function tables() {
  const numbers = ['requests', 'refused', 'failed', 'input', 'output', 'cost', 'waiting'].map(name => [t(`column.${name}`), 'n'])
  const models = table(t('models'), [[t('column.model'), 'name'], ...numbers])
  const keys = table(t('keys'), [[t('column.key'), 'name'], [t('column.team')], ...['input', 'output', 'cost'].map(name => [t(`column.${name}`), 'n'])])
  const accounts = table(t('accounts'), [[t('column.account'), 'name'], [t('column.tier')], [t('column.state')]])
  return { models, keys, accounts }
}

function fill({ box, body }, items, key, values) {
  const kinds = [...box.querySelectorAll('thead th')].map(head => head.className)
  const make = () => el('tr', {}, cells(kinds))
  sync(body, items, key, make, (row, item) => values(item).forEach((value, index) => {
    if (value instanceof Node) row.children[index].replaceChildren(value)
    else say(row.children[index], value)
    row.children[index].classList.toggle('zero', value === number(0))
  }))
}

function update(live, parts, today) {
  const points = samples(live)
  const { totals } = live
  const tokens = speed(points, 'input_tokens') + speed(points, 'output_tokens')
  const figures = {
    requests: [rate(speed(points, 'requests')), t('note.total', { n: number(totals.requests) })],
    tokens: [compact(Math.round(tokens)), t('note.total', { n: compact(totals.input_tokens + totals.output_tokens) })],
    failures: [rate(speed(points, 'failed')), t('note.failed', { failed: number(totals.failed), refused: number(totals.refused) })],
    flight: [number(totals.in_flight), t('note.flight')],
    waiting: [number(totals.waiting), t('note.waiting')],
    avoided: [number(totals.avoided_429), t('note.avoided', { n: number(totals.upstream_429) })],
    spend: today ? [money(today.total.cost_cny), t('note.today')] : [money(totals.cost_cny), t('note.since')],
    up: [span(live.now_ms - live.started_ms, 'narrow'), t('note.version', { version: live.version })],
  }
  for (const [name, [value, note]] of Object.entries(figures)) {
    say(parts.tile(name), value)
    say(parts.note(name), note)
  }
  parts.tile('failures').classList.toggle('bad', speed(points, 'failed') > 0)
  parts.charts.forEach(one => one.set(plotted(one, points)))
  rows(live, parts.tables)
}

function rows(live, { models, keys, accounts }) {
  const busiest = live.models.toSorted((one, other) => other.requests - one.requests || one.model.localeCompare(other.model))
  fill(models, busiest, item => item.model, item => [item.model, number(item.requests), number(item.refused ?? 0), number(item.failed), compact(item.input_tokens), compact(item.output_tokens), money(item.cost_cny), number(item.waiting)])
  const largest = live.keys.toSorted((one, other) => other.input_tokens + other.output_tokens - one.input_tokens - one.output_tokens)
  fill(keys, largest, item => JSON.stringify([item.key, item.team]), item => [item.key, item.team || '–', compact(item.input_tokens), compact(item.output_tokens), money(item.cost_cny)])
  fill(accounts, live.accounts, item => item.name, item => [item.name, item.tier ?? '–', item.is_resting ? badge(t('account.resting'), 'warn', t('account.resting.why')) : badge(t('account.well'), 'good')])
}

function mount(main, { live }) {
  const tiles = el('dl', { class: 'tiles' }, TILES.map(tile))
  const drawn = charts()
  const lists = tables()
  const hint = el('div', {})
  main.append(tiles, hint, el('div', { class: 'charts' }, drawn.map(one => one.node)),
    el('div', { class: 'columns' }, el('div', { class: 'wide' }, card(t('models'), lists.models.box)), el('div', {}, card(t('keys'), lists.keys.box), card(t('accounts'), lists.accounts.box))))
  const find = id => tiles.querySelector(`#${id}`)
  const parts = { tile: name => find(`tile-${name}`), note: name => find(`note-${name}`), charts: drawn, tables: lists }
  let today = null
  const ask = async () => {
    today = await call('GET', 'usage?today=').catch(error => {
      // Nothing is kept here, and will not be.
      if (error.status === 404) asking.stop()
      return null
    })
    if (live()) update(live(), parts, today)
  }
  const asking = token() ? repeat(ask, EVERY) : null
  return {
    live: document => {
      hint.replaceChildren(...(document.totals.requests === 0 ? [empty(t('overview.empty'), t('overview.empty.hint'))] : []))
      update(document, parts, today)
    },
    again: () => drawn.forEach(one => one.again()),
    stop() {
      asking?.stop()
      drawn.forEach(one => one.stop())
    },
  }
}

export const view = { name: 'overview', isOpen: true, mount }
