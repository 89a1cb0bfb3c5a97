// What went wrong since the start, and what to do about each.

import { el, empty, say, sync, card } from './dom.js'
import { number } from './format.js'
import { advice } from './reasons.js'
import { t } from './words.js'

const KINDS = ['upstream', 'refused']

function entry(item) {
  const { what, todo, filter } = advice(item)
  const link = filter && el('a', { href: `#requests?${filter}` }, t('errors.requests'))
  return el('li', { class: 'reason', data: { reason: item.reason } },
    el('div', { class: 'count' }, el('b', {}), el('span', { class: 'grown' })),
    el('div', {}, el('h3', {}, what, el('code', {}, item.reason)), el('p', {}, todo, link ? ' ' : '', link)))
}

function fill(node, item, first) {
  say(node.querySelector('b'), number(item.count))
  const grown = item.count - (first.get(`${item.kind} ${item.reason}`) ?? 0)
  say(node.querySelector('.grown'), grown > 0 ? t('errors.grown', { n: number(grown) }) : '')
}

function mount(main) {
  const summary = el('p', { class: 'muted' }, t('errors.about'))
  const none = el('div', {})
  const lists = KINDS.map(kind => {
    const list = el('ul', { class: 'reasons' })
    const node = card(t(`errors.${kind}`), el('p', { class: 'muted' }, t(`errors.${kind}.about`)), list)
    return { kind, list, node }
  })
  main.append(summary, none, el('div', { class: 'halves' }, lists.map(one => one.node)))
  /** Counts when the view was opened: what comes after that is new. */
  let first = null
  return {
    live(document) {
      first ??= new Map(document.errors.map(item => [`${item.kind} ${item.reason}`, item.count]))
      const items = document.errors.filter(item => item.count > 0)
      none.replaceChildren(...(items.length ? [] : [empty(t('errors.empty'), t('errors.empty.hint'))]))
      for (const { kind, list, node } of lists) {
        const own = items.filter(item => item.kind === kind).toSorted((one, other) => other.count - one.count || one.reason.localeCompare(other.reason))
        node.hidden = own.length === 0
        sync(list, own, item => item.reason, entry, (node, item) => fill(node, item, first))
      }
    },
    stop() {},
  }
}

export const view = { name: 'errors', isOpen: true, mount }
