// Every limit of every account and model, what is used of it, and where its number comes from.

import { open } from './api.js'
import { badge, card, el, empty, failure, say, sync, table } from './dom.js'
import { compact, money, moment, number, span } from './format.js'
import { repeat } from './live.js'
import { t } from './words.js'

const EVERY = 2000
const SOURCES = ['documented', 'seen', 'interpolated', 'configured', 'learned']
const TONES = { documented: '', seen: '', interpolated: '', configured: 'info', learned: 'warn' }

/** A bar of what is used and, behind it, what requests under way may add. */
function bar() {
  return el('div', { class: 'bar-of', role: 'meter', 'aria-valuemin': 0, 'aria-valuemax': 100 }, el('i', { class: 'used' }), el('i', { class: 'reserved' }))
}

function fillBar(node, used, reserved, limit, label) {
  const part = value => (limit > 0 ? Math.min(1, value / limit) : 1)
  const [first, both] = [part(used), part(used + reserved)]
  node.style.setProperty('--used', `${first * 100}%`)
  node.style.setProperty('--reserved', `${(both - first) * 100}%`)
  node.dataset.tone = both >= 0.95 ? 'bad' : both >= 0.75 ? 'warn' : 'good'
  node.setAttribute('aria-valuenow', Math.round(both * 100))
  node.setAttribute('aria-label', label)
}

/** A lane: an account's way to a model, or a key's own limits. */
function lane(item) {
  const title = item.model ?? item.name.replace(/^key:/, '')
  const kind = item.model ? t('quota.of', { account: item.account }) : t('quota.key')
  const columns = [[t('column.limit'), 'name'], [t('column.used'), 'grow'], [t('column.left'), 'n'], [t('column.next'), 'n'], [t('column.source')], [t('column.refusals'), 'n']]
  const list = table(t('quota.limits', { name: title }), columns)
  list.box.classList.add('folds')
  const load = el('span', { class: 'muted load' })
  const node = el('section', { class: 'card lane' }, el('h3', {}, el('span', { class: 'title' }, title), el('small', { class: 'muted' }, kind), load), list.box)
  node.rows = list.body
  node.load = load
  return node
}

function limitRow(limit) {
  const metric = el('th', { scope: 'row', class: 'name', title: t(`metric.${limit.metric}`) }, limit.metric.toUpperCase(), el('small', { class: 'muted' }, t(`metric.${limit.metric}`)))
  const used = el('td', { class: 'grow' }, bar(), el('span', { class: 'figures' }))
  const cell = (name, kind) => el('td', { class: kind, data: { label: t(`column.${name}`) } })
  return el('tr', { data: { metric: limit.metric } }, metric, used, cell('left', 'n'), cell('next', 'n'), cell('source', 'tag'), cell('refusals', 'n'))
}

function fillRow(row, limit) {
  const [, used, left, next, source, refusals] = row.children
  const figures = { used: number(limit.used), limit: number(limit.limit), reserved: number(limit.reserved) }
  const words = limit.reserved > 0 ? t('quota.figures.reserved', figures) : t('quota.figures', figures)
  fillBar(used.firstChild, limit.used, limit.reserved, limit.limit, `${limit.metric.toUpperCase()}: ${words}`)
  say(used.lastChild, words)
  say(left, compact(limit.remaining))
  say(next, limit.free_in_seconds > 0 ? span(limit.free_in_seconds * 1000) : t('quota.now'))
  if (source.dataset.source !== limit.source) {
    source.dataset.source = limit.source
    source.replaceChildren(badge(t(`source.${limit.source}`), TONES[limit.source] ?? '', t(`source.${limit.source}.why`)))
  }
  say(refusals, number(limit.refusals))
  refusals.classList.toggle('bad', limit.refusals > 0)
}

function fillLane(node, item) {
  sync(node.rows, item.limits, limit => limit.metric, limitRow, fillRow)
  say(node.load, t('quota.load', { flight: number(item.in_flight), waiting: number(item.waiting) }))
  node.load.classList.toggle('warn', item.waiting > 0)
}

function budgets() {
  const columns = [[t('column.budget'), 'name'], [t('column.used'), 'grow'], [t('column.ends'), 'n']]
  const list = table(t('quota.budgets'), columns)
  list.box.classList.add('folds')
  const node = card(t('quota.budgets'), list.box)
  node.hidden = true
  return { node, body: list.body }
}

function fillBudget(row, budget) {
  const write = budget.unit === 'tokens' ? number : money
  const [, used, ends] = row.children
  const figures = { used: write(budget.spent), limit: write(budget.limit), reserved: write(budget.held) }
  const words = Number(budget.held) > 0 ? t('quota.figures.reserved', figures) : t('quota.figures', figures)
  fillBar(used.firstChild, Number(budget.spent), Number(budget.held), Number(budget.limit), words)
  say(used.lastChild, words)
  say(ends, moment(budget.ends_at))
}

function budgetRow(budget) {
  const what = t('quota.budget', { scope: t(`scope.${budget.scope}`), name: budget.name, period: t(`period.${budget.period}`) })
  return el('tr', {}, el('th', { scope: 'row', class: 'name' }, what), el('td', { class: 'grow' }, bar(), el('span', { class: 'figures' })), el('td', { class: 'n', data: { label: t('column.ends') } }))
}

/** What each word in the column of sources means, for those who cannot point at it. */
function meanings() {
  const terms = SOURCES.flatMap(source => [el('dt', {}, badge(t(`source.${source}`), TONES[source])), el('dd', {}, t(`source.${source}.why`))])
  return el('details', { class: 'card' }, el('summary', {}, t('quota.meanings')), el('dl', { class: 'pairs' }, terms))
}

function mount(main, { params }) {
  const find = el('input', { type: 'search', id: 'find', value: params.get('model') ?? '', placeholder: t('quota.find') })
  const accounts = el('ul', { class: 'chips' })
  const [fault, none, lanes, money] = [el('div', {}), el('div', {}), el('div', { class: 'lanes' }), budgets()]
  let last = null
  const draw = () => {
    const wanted = last.data.filter(item => item.name.toLowerCase().includes(find.value.trim().toLowerCase()))
    const fullest = item => Math.max(0, ...item.limits.map(limit => (limit.used + limit.reserved) / limit.limit))
    const shown = wanted.filter(item => item.limits.length).toSorted((one, other) => other.waiting - one.waiting || fullest(other) - fullest(one) || one.name.localeCompare(other.name))
    sync(lanes, steady(lanes, shown), item => item.name, lane, fillLane)
    none.replaceChildren(...(shown.length ? [] : [empty(t(last.data.length ? 'quota.none' : 'quota.empty'), t(last.data.length ? 'quota.none.hint' : 'quota.empty.hint'))]))
    sync(accounts, Object.entries(last.accounts), ([name]) => name, () => el('li', {}), (node, [name, { tier, reason }]) => say(node, `${name}: ${tier} (${reason})`))
    money.node.hidden = last.budgets.length === 0
    sync(money.body, last.budgets, budget => [budget.scope, budget.name, budget.period, budget.unit].join(), budgetRow, fillBudget)
  }
  const ask = async () => {
    try {
      last = await open('limits')
      fault.replaceChildren()
      draw()
    } catch (error) {
      fault.replaceChildren(failure(error))
    }
  }
  find.addEventListener('input', () => last && draw())
  main.querySelector('.top').append(el('label', { class: 'search' }, el('span', { class: 'hidden' }, t('quota.find')), find))
  main.append(accounts, fault, none, lanes, money.node, meanings())
  return repeat(ask, EVERY)
}

/** Lanes stay where they are while somebody looks; new ones come first in their own order. */
function steady(parent, items) {
  const place = new Map([...parent.children].map((child, index) => [child.dataset.key, index]))
  const known = items.filter(item => place.has(item.name)).toSorted((one, other) => place.get(one.name) - place.get(other.name))
  return [...items.filter(item => !place.has(item.name)), ...known]
}

export const view = { name: 'quota', isOpen: true, mount }
