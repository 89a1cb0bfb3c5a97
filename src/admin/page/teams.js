// The teams that keys belong to, below the keys.

import { call, name } from './api.js'
import { confirm, toast } from './dialogs.js'
import { el, empty, sync, table } from './dom.js'
import { money, number } from './format.js'
import { TEAM_GROUPS, fieldsDialog } from './key-form.js'
import { t } from './words.js'

const FIELDS = ['budget_per_day', 'budget_per_month', 'tokens_per_day', 'tokens_per_month']

function summary(fields) {
  const budgets = FIELDS.filter(own => own in fields).map(own => t(`sum.${own}`, { n: typeof fields[own] === 'number' ? number(fields[own]) : money(fields[own].replace(/ CNY$/, '')) }))
  return fields.models ? [...budgets, `${t('key.models')}: ${fields.models.join(', ')}`] : budgets
}

/** The block of teams; `changed` is called when one was. */
export function teams(changed) {
  const set = async (own, fields) => {
    await call('PATCH', `teams/${name(own)}`, fields)
    toast(t('teams.set', { name: own }))
    changed()
  }
  const make = el('button', { type: 'button' }, t('teams.create'))
  make.addEventListener('click', () => fieldsDialog({ title: t('teams.create'), verb: t('teams.create'), groups: TEAM_GROUPS, teams: [], save: set }))
  const edit = team => fieldsDialog({ title: t('teams.edit.of', { name: team.name }), verb: t('save'), name: team.name, before: team.fields, groups: TEAM_GROUPS, teams: [], save: set })
  const remove = team => confirm(t('teams.remove.of', { name: team.name }), t('teams.remove.text'), t('teams.remove'), async () => {
    await call('DELETE', `teams/${name(team.name)}`)
    toast(t('teams.removed', { name: team.name }))
    changed()
  })
  const list = table(t('teams'), [[t('column.team'), 'name'], [t('column.keys'), 'n'], [t('column.may'), 'grow'], [t('column.actions'), 'n']])
  list.box.classList.add('folds')
  const none = el('div', {})
  const node = el('section', { class: 'card' }, el('div', { class: 'top' }, el('h2', {}, t('teams')), make), list.box, none)
  const fill = (row, team) => {
    const written = JSON.stringify(team)
    if (row.dataset.is === written) return
    row.dataset.is = written
    const button = (verb, act, tone) => el('button', { type: 'button', class: `quiet ${tone}`, 'aria-label': t(`teams.${verb}.of`, { name: team.name }), on: { click: () => act(team) } }, t(`teams.${verb}`))
    const words = summary(team.fields)
    row.replaceChildren(
      el('th', { scope: 'row', class: 'name' }, team.name, team.source === 'file' ? el('small', { class: 'muted' }, t('keys.file')) : null),
      el('td', { class: 'n', data: { label: t('column.keys') } }, number(team.count)),
      el('td', { class: 'text grow' }, words.length ? words.join(' · ') : t('keys.unlimited')),
      el('td', { class: 'n wide' }, el('div', { class: 'actions' }, team.source === 'store' ? [button('edit', edit, ''), button('remove', remove, 'bad')] : null)))
  }
  return {
    node,
    draw(all, keys) {
      const counted = all.map(team => ({ ...team, count: keys.filter(key => key.state === 'active' && key.fields?.team === team.name).length }))
      sync(list.body, counted, team => team.name, () => el('tr', {}), fill)
      list.box.hidden = all.length === 0
      none.replaceChildren(...(all.length ? [] : [empty(t('teams.empty'), t('teams.empty.hint'))]))
    },
  }
}
