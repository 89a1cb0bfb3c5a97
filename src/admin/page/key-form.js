// The form of a key or a team: every field that the gateway knows, and what was changed in it.

import { el } from './dom.js'
import { dialog, submit } from './dialogs.js'
import { t } from './words.js'

const POLICIES = ['exact', 'free-only', 'prefer-free', 'prefer-pro']
const ENDPOINTS = ['/chat/completions', '/messages', '/responses', '/completions', '/embeddings', '/rerank', '/images/generations', '/audio/speech', '/audio/transcriptions', '/videos', '/files', '/batches']

/** How each field is written, by groups. */
const KEY_GROUPS = [
  ['who', { owner: 'text', team: 'team', tags: 'list', expires: 'text' }],
  ['may', { models: 'list', endpoints: 'endpoints', policy: 'policy', spill: 'flag' }],
  ['budgets', { budget_per_day: 'money', budget_per_month: 'money', tokens_per_day: 'number', tokens_per_month: 'number' }],
  ['limits', { rpm: 'number', rph: 'number', rpd: 'number', tpm: 'number', tpd: 'number', ipm: 'number', ipd: 'number', concurrency: 'number' }],
  ['queue', { weight: 'number', priority: 'number', max_wait: 'text', on_leave: 'leave' }],
]
const TEAM_GROUPS = [
  ['may', { models: 'list' }],
  ['budgets', { budget_per_day: 'money', budget_per_month: 'money', tokens_per_day: 'number', tokens_per_month: 'number' }],
]

const option = (value, words, chosen) => el('option', { value, selected: value === chosen }, words)
const select = (id, options) => el('select', { id, name: id }, options)

/** How a field's value is shown in its input. */
function shown(kind, value) {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return value.join(', ')
  if (kind === 'money') return String(value).replace(/ CNY$/, '')
  return String(value)
}

function input(id, kind, value, teams) {
  const text = shown(kind, value)
  if (kind === 'team') return select(id, [option('', t('form.noteam'), text), ...teams.map(team => option(team, team, text))])
  if (kind === 'policy') return select(id, [option('', t('form.inherit'), text), ...POLICIES.map(name => option(name, t(`policy.${name}`), text))])
  if (kind === 'flag') return select(id, [option('', t('form.inherit'), text), option('true', t('yes'), text), option('false', t('no'), text)])
  if (kind === 'leave') return select(id, [option('', t('leave.cancel'), text), option('drain', t('leave.drain'), text)])
  const more = kind === 'number' ? { type: 'number', min: id === 'f-priority' ? 0 : 1, step: 1, inputMode: 'numeric' } : kind === 'money' ? { type: 'text', inputMode: 'decimal', pattern: '[0-9]+([.][0-9]+)?' } : { type: 'text' }
  return el('input', { id, name: id, value: text, autocomplete: 'off', spellcheck: false, list: kind === 'endpoints' ? 'endpoints' : null, ...more })
}

/** What an input says, as the gateway takes it; null for nothing. */
function read(kind, text) {
  const value = text.trim()
  if (value === '') return null
  if (kind === 'list' || kind === 'endpoints') return value.split(/[\s,]+/).filter(Boolean)
  if (kind === 'number') return Number(value)
  if (kind === 'money') return `${value} CNY`
  if (kind === 'flag') return value === 'true'
  return value
}

function field(name, kind, value, teams) {
  const id = `f-${name}`
  const hint = t(`hint.${name}`)
  const node = input(id, kind, value, teams)
  if (hint !== `hint.${name}`) node.setAttribute('aria-describedby', `${id}-hint`)
  return el('div', { class: 'field' }, el('label', { htmlFor: id }, t(`key.${name}`)), node, hint === `hint.${name}` ? null : el('small', { class: 'muted', id: `${id}-hint` }, hint))
}

/** Opens the form. `before`: the fields as they are. `save` gets the name and what differs; nulls take fields away. */
export function fieldsDialog({ title, verb, before = {}, name, note, groups, teams, save }) {
  const fault = el('div', {})
  const go = el('button', { type: 'submit', class: 'main' }, verb)
  const cancel = el('button', { type: 'button', on: { click: () => box.close() } }, t('cancel'))
  const naming = name === undefined ? el('div', { class: 'field first' }, el('label', { htmlFor: 'f-name' }, t('key.name')), el('input', { id: 'f-name', name: 'f-name', required: true, autocomplete: 'off', spellcheck: false, maxLength: 64 })) : null
  const sets = groups.map(([group, fields], index) => {
    const isUsed = Object.keys(fields).some(own => before[own] !== undefined)
    const grid = el('div', { class: 'grid' }, Object.entries(fields).map(([own, kind]) => field(own, kind, before[own], teams)))
    return el('details', { open: index === 0 || isUsed, data: { group } }, el('summary', {}, t(`form.${group}`)), grid)
  })
  const endpoints = el('datalist', { id: 'endpoints' }, ENDPOINTS.map(path => el('option', { value: path })))
  const act = async () => {
    await save(name ?? form.elements['f-name'].value.trim(), changes(form, groups, before))
    box.close()
  }
  const form = el('form', { class: 'stack', on: { submit: event => submit(event, go, fault, act), invalid: reveal } },
    note ? el('p', { class: 'notice warn' }, note) : null, naming, sets, endpoints, fault, el('div', { class: 'buttons' }, cancel, go))
  form.addEventListener('invalid', reveal, true)
  const box = dialog(title, form, { kind: 'form' })
  form.querySelector('input, select').focus()
}

/** A field that is wrong must be seen before the browser can point at it. */
function reveal(event) {
  const group = event.target.closest?.('details')
  if (group) group.open = true
}

function changes(form, groups, before) {
  const found = {}
  for (const [name, kind] of groups.flatMap(([, fields]) => Object.entries(fields))) {
    const text = form.elements[`f-${name}`].value
    if (text.trim() !== shown(kind, before[name])) found[name] = read(kind, text)
  }
  return found
}

export { KEY_GROUPS, TEAM_GROUPS }
