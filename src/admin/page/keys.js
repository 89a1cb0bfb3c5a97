// Virtual keys and teams: seen, made, changed, rotated, taken back.

import { call, name } from './api.js'
import { confirm, dialog, toast } from './dialogs.js'
import { badge, card, el, empty, failure, sync, table } from './dom.js'
import { moment, money, number } from './format.js'
import { KEY_GROUPS, fieldsDialog } from './key-form.js'
import { repeat } from './live.js'
import { teams as teamCard } from './teams.js'
import { t } from './words.js'

const EVERY = 5000
const TONES = { active: 'good', expired: 'warn', revoked: '', shadowed: 'warn', broken: 'bad' }
const LIMITS = ['rpm', 'rph', 'rpd', 'tpm', 'tpd', 'ipm', 'ipd', 'concurrency']
const BUDGETS = ['budget_per_day', 'budget_per_month', 'tokens_per_day', 'tokens_per_month']

/** What a key may use, in few words. */
function summary(fields) {
  const limits = LIMITS.filter(own => own in fields).map(own => `${own === 'concurrency' ? t('key.concurrency') : own.toUpperCase()} ${number(fields[own])}`)
  const budgets = BUDGETS.filter(own => own in fields).map(own => t(`sum.${own}`, { n: typeof fields[own] === 'number' ? number(fields[own]) : money(fields[own].replace(/ CNY$/, '')) }))
  const lists = ['models', 'endpoints', 'tags'].filter(own => fields[own]).map(own => `${t(`key.${own}`)}: ${fields[own].join(', ')}`)
  const policy = fields.policy ? [t(`policy.${fields.policy}`)] : []
  return [...limits, ...budgets, ...lists, ...policy]
}

/** The secret, this once. */
function secret(made) {
  const field = el('input', { id: 'secret', class: 'code', readOnly: true, value: made.secret, on: { focus: event => event.target.select() } })
  const copy = el('button', { type: 'button', class: 'main' }, t('copy'))
  const done = el('button', { type: 'button', on: { click: () => box.close() } }, t('secret.done'))
  copy.addEventListener('click', async () => {
    field.select()
    // Pages that did not come over TLS or from this machine have no clipboard of the newer kind.
    const isCopied = await navigator.clipboard?.writeText(made.secret).then(() => true, () => false)
    if (isCopied || document.execCommand('copy')) copy.textContent = t('copied')
  })
  const box = dialog(t('secret.title', { name: made.name }), el('div', { class: 'stack' },
    el('p', { class: 'notice warn' }, t('secret.once')), el('label', { htmlFor: 'secret' }, t('secret')), field,
    el('p', { class: 'muted' }, t('secret.use')), el('div', { class: 'buttons' }, copy, done)), { kind: 'small', onClose: () => (field.value = '') })
  copy.focus()
}

function actions(key, act) {
  const button = (verb, tone) => el('button', { type: 'button', class: `quiet ${tone ?? ''}`, 'aria-label': t(`keys.${verb}.of`, { name: key.name }), on: { click: () => act[verb](key) } }, t(`keys.${verb}`))
  const mayChange = key.source === 'store' && key.state !== 'revoked'
  const uses = el('a', { class: 'button quiet', href: `#requests?key=${name(key.name)}`, 'aria-label': t('keys.requests.of', { name: key.name }) }, t('keys.requests'))
  return el('div', { class: 'actions' }, uses, mayChange ? [button('edit'), button('rotate'), button('revoke', 'bad')] : null)
}

function fill(row, key, act) {
  const written = JSON.stringify(key)
  if (row.dataset.is === written) return
  const hadFocus = row.contains(document.activeElement)
  row.dataset.is = written
  const fields = key.fields ?? {}
  const state = badge(t(`keystate.${key.state}`), TONES[key.state], t(`keystate.${key.state}.why`))
  const words = summary(fields)
  row.replaceChildren(
    el('th', { scope: 'row', class: 'name' }, key.name, key.prefix ? el('code', {}, `${key.prefix}…`) : el('small', { class: 'muted' }, t('keys.file'))),
    el('td', { class: 'tag' }, state, key.previous_until ? el('small', { class: 'muted' }, t('keys.previous', { until: moment(key.previous_until) })) : null, key.faults ? el('small', { class: 'bad' }, key.faults) : null),
    el('td', { data: { label: t('column.team') } }, fields.team ?? '–', fields.owner ? el('small', { class: 'muted' }, fields.owner) : null),
    el('td', { class: 'text grow' }, words.length ? words.join(' · ') : t('keys.unlimited')),
    el('td', { data: { label: t('column.expires') } }, fields.expires ? moment(fields.expires) : '–'),
    el('td', { data: { label: t('column.created') } }, key.created ? moment(key.created) : '–'),
    el('td', { class: 'n wide' }, actions(key, act)))
  if (hadFocus) row.querySelector('button, a')?.focus()
}

function mount(main) {
  const make = el('button', { type: 'button', class: 'main' }, t('keys.create'))
  const withRevoked = el('input', { type: 'checkbox', id: 'with-revoked' })
  const [fault, none] = [el('div', {}), el('div', {})]
  const columns = [[t('column.key'), 'name'], [t('column.state')], [t('column.team')], [t('column.may'), 'grow'], [t('column.expires')], [t('column.created')], [t('column.actions'), 'n']]
  const list = table(t('keys'), columns)
  list.box.classList.add('folds')
  const state = { keys: [], teams: [] }
  const groups = teamCard(() => asking.now())
  const names = () => state.teams.map(team => team.name)
  const changed = (words, key) => (toast(t(words, { name: key.name })), asking.now())
  const act = {
    edit: key => fieldsDialog({ title: t('keys.edit.of', { name: key.name }), verb: t('save'), name: key.name, before: key.fields ?? {}, groups: KEY_GROUPS, teams: names(), save: async (own, fields) => changed('keys.edited', await call('PATCH', `keys/${name(own)}`, fields)) }),
    rotate: key => confirm(t('keys.rotate.of', { name: key.name }), t('keys.rotate.text'), t('keys.rotate'), async form => {
      const made = await call('POST', `keys/${name(key.name)}/rotate`, { overlap: form.elements.overlap.value })
      changed('keys.rotated', made)
      secret(made)
    }, overlap()),
    revoke: key => confirm(t('keys.revoke.of', { name: key.name }), t('keys.revoke.text'), t('keys.revoke'), async () => changed('keys.revoked', await call('DELETE', `keys/${name(key.name)}`))),
  }
  const create = async (own, fields) => {
    const made = await call('POST', 'keys', { name: own, ...fields })
    changed('keys.made', made)
    secret(made)
  }
  make.addEventListener('click', () => fieldsDialog({ title: t('keys.create'), verb: t('keys.create'), groups: KEY_GROUPS, teams: names(), note: state.keys.length ? null : t('keys.first'), save: create }))
  const draw = () => {
    const shown = state.keys.filter(key => withRevoked.checked || key.state !== 'revoked')
    sync(list.body, shown, key => key.name, () => el('tr', {}), (row, key) => fill(row, key, act))
    list.box.hidden = shown.length === 0
    none.replaceChildren(...(shown.length ? [] : [empty(t('keys.empty'), t(state.keys.length ? 'keys.empty.revoked' : 'keys.empty.hint'))]))
    groups.draw(state.teams, state.keys)
  }
  const ask = async () => {
    try {
      const [keys, teams] = await Promise.all([call('GET', 'keys'), call('GET', 'teams')])
      Object.assign(state, { keys: keys.data, teams: teams.data })
      fault.replaceChildren()
      draw()
    } catch (error) {
      fault.replaceChildren(failure(error))
    }
  }
  withRevoked.addEventListener('change', draw)
  main.querySelector('.top').append(el('label', { class: 'check' }, withRevoked, el('span', {}, t('keys.withrevoked'))), make)
  main.append(fault, el('div', { class: 'card' }, list.box, none), groups.node)
  const asking = repeat(ask, EVERY)
  return asking
}

/** How long the secret before still works. */
function overlap() {
  const spans = [['24h', 'overlap.day'], ['1h', 'overlap.hour'], ['0s', 'overlap.none']]
  return el('div', { class: 'field' }, el('label', { htmlFor: 'overlap' }, t('overlap')), el('select', { id: 'overlap', name: 'overlap' }, spans.map(([value, words]) => el('option', { value }, t(words)))))
}

export const view = { name: 'keys', mount }
