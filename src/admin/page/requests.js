// Rows of the ledger, the newest first: who asked what, how it ended, what it used. Never what was said.

import { call, download, query } from './api.js'
import { dialog } from './dialogs.js'
import { badge, el, empty, failure, save, sync, table } from './dom.js'
import { compact, money, moment, number, shortMoment, span } from './format.js'
import { repeat } from './live.js'
import { t } from './words.js'

const EVERY = 3000
/** Rows of a page. */
const MOST = 50
const OUTCOMES = ['complete', 'refused', 'caller_gone', 'broken', 'unknown']
const STATUSES = ['2xx', '4xx', '429', '5xx']
const TONES = { refused: 'warn', caller_gone: '', broken: 'bad', unknown: 'bad' }
const FIELDS = ['key', 'model', 'outcome', 'status', 'from', 'until']
/** Fields of a row by what they are about. */
const GROUPS = {
  who: ['id', 'at', 'key', 'team', 'tags', 'account'],
  what: ['endpoint', 'asked', 'model', 'right', 'edits'],
  end: ['status', 'outcome', 'attempts', 'flags', 'trace_id'],
  time: ['queued_ms', 'first_ms', 'total_ms'],
  use: ['usage', 'input_tokens', 'cached_tokens', 'output_tokens', 'reasoning_tokens', 'images', 'videos', 'spoken_bytes', 'audio_ms', 'cost_cny', 'price'],
}

function written(field, value) {
  if (value === null || value === undefined || value === '' || (Array.isArray(value) && !value.length)) return '–'
  if (field === 'at') return moment(value)
  if (field.endsWith('_ms')) return span(value)
  if (field === 'cost_cny') return money(value)
  if (Array.isArray(value)) return value.join(', ')
  if (typeof value === 'object') return Object.entries(value).map(([name, part]) => `${name} ${part}`).join(', ')
  return typeof value === 'number' && field !== 'status' ? number(value) : String(value)
}

/** Everything about one request. */
function detail(row) {
  const groups = Object.entries(GROUPS).map(([group, fields]) => {
    const pairs = fields.filter(field => field in row).flatMap(field => [el('dt', {}, t(`field.${field}`)), el('dd', { class: field === 'id' || field === 'trace_id' ? 'code' : '' }, written(field, row[field]))])
    return el('section', {}, el('h3', {}, t(`group.${group}`)), el('dl', { class: 'pairs' }, pairs))
  })
  dialog(t('request.title', { seq: row.seq }), el('div', { class: 'stack' }, el('p', { class: 'muted' }, t(`outcome.${row.outcome}.why`)), groups), { kind: 'side' })
}

function line(row) {
  const open = el('button', { type: 'button', class: 'link', 'aria-label': t('request.open', { seq: row.seq }) }, shortMoment(row.at))
  const cost = row.cost_cny === null || row.cost_cny === undefined || row.cost_cny === '' ? '–' : money(row.cost_cny)
  return el('tr', { class: 'pick', on: { click: () => detail(row) } },
    el('td', { class: 'name' }, open), el('td', {}, row.key), el('td', { class: 'text' }, row.model || row.asked || '–'), el('td', {}, row.endpoint),
    el('td', {}, row.status < 400 ? String(row.status) : badge(String(row.status), row.status < 500 ? 'warn' : 'bad')), el('td', {}, row.outcome === 'complete' ? el('span', { class: 'muted' }, t('outcome.complete')) : badge(t(`outcome.${row.outcome}`), TONES[row.outcome] ?? '')),
    el('td', { class: 'n' }, compact(row.input_tokens)), el('td', { class: 'n' }, compact(row.output_tokens)), el('td', { class: 'n' }, cost), el('td', { class: 'n' }, row.queued_ms > 0 ? span(row.queued_ms) : '–'), el('td', { class: 'n' }, span(row.total_ms)))
}

function filters(params) {
  const select = (name, names) => el('select', { name, id: `by-${name}` }, el('option', { value: '' }, t('any')), names.map(value => el('option', { value, selected: params.get(name) === value }, has(name, value))))
  const has = (name, value) => (name === 'outcome' ? t(`outcome.${value}`) : value)
  const text = (name, type = 'search') => el('input', { name, type, id: `by-${name}`, value: params.get(name) ?? '', autocomplete: 'off', spellcheck: false })
  const wanted = params.get('status')
  const inputs = { key: text('key'), model: text('model'), outcome: select('outcome', OUTCOMES), status: select('status', wanted && !STATUSES.includes(wanted) ? [...STATUSES, wanted] : STATUSES), from: text('from', 'date'), until: text('until', 'date') }
  const labels = FIELDS.map(name => el('label', {}, el('span', {}, t(`filter.${name}`)), inputs[name]))
  return { inputs, form: el('form', { class: 'filters', role: 'search', 'aria-label': t('filters') }, labels) }
}

function mount(main, { params }) {
  const { inputs, form } = filters(params)
  const follow = el('input', { type: 'checkbox', id: 'follow', checked: true })
  const csv = el('button', { type: 'button', class: 'quiet' }, t('requests.csv'))
  form.append(el('label', { class: 'check' }, follow, el('span', {}, t('requests.follow'))), csv)
  const columns = ['time', 'key', 'model', 'endpoint', 'status', 'outcome', 'input', 'output', 'cost', 'queued', 'total']
  const list = table(t('view.requests'), columns.map((name, index) => [t(`column.${name}`), index > 5 ? 'n' : '']))
  const [fault, none] = [el('div', {}), el('div', { 'aria-live': 'polite' })]
  const newer = el('button', { type: 'button' }, t('requests.newer'))
  const older = el('button', { type: 'button' }, t('requests.older'))
  const pager = el('nav', { class: 'pager', 'aria-label': t('requests.pages') }, newer, older)
  main.append(form, fault, el('div', { class: 'card' }, list.box, none, pager))
  /** Where the pages before this one begin; the last is this one's. */
  const state = { pages: [null], next: null, asking: null, round: 0 }
  const chosen = () => FIELDS.map(name => [name, inputs[name].value.trim()])
  const ask = async () => {
    const round = ++state.round
    try {
      const page = await call('GET', `ledger?${query([['order', 'newest'], ['limit', MOST], ['after', state.pages.at(-1)], ...chosen()])}`)
      if (round === state.round) draw(page)
    } catch (error) {
      if (round === state.round) fault.replaceChildren(error.code === 'unknown_url' ? empty(t('ledger.off'), t('ledger.off.hint')) : failure(error))
    }
  }
  const draw = page => {
    fault.replaceChildren()
    sync(list.body, page.data, row => row.seq, line)
    const isFiltered = chosen().some(([, value]) => value)
    const words = page.has_more ? 'requests.further' : isFiltered ? 'requests.none' : 'requests.empty'
    list.box.hidden = page.data.length === 0
    none.replaceChildren(...(page.data.length ? [] : [empty(t(words), t(`${words}.hint`))]))
    state.next = page.next
    newer.disabled = state.pages.length === 1
    older.disabled = !page.has_more
  }
  const turn = () => {
    state.asking.stop()
    const isFollowing = follow.checked && state.pages.length === 1
    state.asking = isFollowing ? repeat(ask, EVERY) : (ask(), { stop() {} })
  }
  const begin = () => {
    state.pages = [null]
    history.replaceState(null, '', `#requests${chosen().some(([, value]) => value) ? '?' : ''}${query(chosen())}`)
    turn()
  }
  form.addEventListener('change', begin)
  form.addEventListener('submit', event => (event.preventDefault(), begin()))
  newer.addEventListener('click', () => (state.pages.pop(), turn()))
  older.addEventListener('click', () => (state.pages.push(state.next), turn()))
  csv.addEventListener('click', async () => {
    const text = await download(`ledger?${query([['order', 'newest'], ['limit', 10_000], ['format', 'csv'], ...chosen()])}`).catch(error => void fault.replaceChildren(failure(error)))
    if (text) save('flowgate-requests.csv', 'text/csv', text)
  })
  state.asking = repeat(ask, EVERY)
  return { stop: () => ((state.round += 1), state.asking.stop()) }
}

export const view = { name: 'requests', mount }
