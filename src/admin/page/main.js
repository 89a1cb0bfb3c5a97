// The frame around the views: which one is shown, language and theme, the session, and whether the gateway is there.

import { onToken, open, setToken, takeToken, token, tryToken } from './api.js'
import { dialog, submit } from './dialogs.js'
import { card, el, empty, say, sync } from './dom.js'
import { span } from './format.js'
import { repeat } from './live.js'
import { LANGUAGES, language, speak, t, translate } from './words.js'
import { view as errors } from './errors.js'
import { view as keys } from './keys.js'
import { view as overview } from './overview.js'
import { view as quota } from './quota.js'
import { view as requests } from './requests.js'
import { view as spend } from './spend.js'

const VIEWS = [overview, quota, spend, errors, requests, keys]
/** How often the live figures are asked for (ms). */
const EVERY = 2000
const by = id => document.getElementById(id)

let live = null
let gone = null
let shown = null
let asking = null

/** `#requests?key=ann`: the view and what it shall show. */
function where() {
  const [name, rest] = location.hash.slice(1).split('?')
  return { view: VIEWS.find(view => view.name === name) ?? overview, params: new URLSearchParams(rest) }
}

function show(isMoved) {
  shown?.stop?.()
  const { view, params } = where()
  const heading = el('h1', { tabIndex: -1 }, t(`view.${view.name}`))
  by('main').replaceChildren(el('div', { class: 'top' }, heading))
  const may = view.isOpen || token()
  shown = may ? view.mount(by('main'), { params, live: () => live, signIn: why => signIn(why) }) : { stop() {} }
  if (!may) by('main').append(gate())
  if (live) shown.live?.(live)
  document.title = `${t(`view.${view.name}`)} · flowgate`
  for (const link of by('views').children) {
    if (link.hash === `#${view.name}`) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  by('views').querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  if (isMoved) heading.focus()
}

/** In the place of a view that needs the token. */
function gate() {
  return el('div', { class: 'gate' }, card(t('gate.title'), el('p', {}, t('gate.why')), live?.has_token === false ? shut() : form()))
}

/** What to write where there is no token. */
function shut() {
  const lines = '[admin]\ntoken = { env = "FLOWGATE_ADMIN_TOKEN" }'
  return el('div', { class: 'stack' }, el('p', {}, t('gate.shut')), el('pre', { tabIndex: 0 }, lines), el('p', { class: 'muted' }, t('gate.shut.then')))
}

function form(why, done = () => {}) {
  const field = el('input', { type: 'password', name: 'token', required: true, autocomplete: 'current-password', spellcheck: false, id: 'token', 'aria-describedby': 'token-hint' })
  const fault = el('div', {}, why ? el('p', { class: 'fault', role: 'alert' }, why) : null)
  const go = el('button', { type: 'submit', class: 'main' }, t('signin'))
  const enter = async () => {
    const value = field.value.trim()
    await tryToken(value)
    setToken(value)
    done()
  }
  return el('form', { class: 'stack', on: { submit: event => submit(event, go, fault, enter) } },
    // Password managers file the token under a name.
    el('input', { name: 'username', value: 'operator', autocomplete: 'username', readOnly: true, hidden: true }),
    el('label', { htmlFor: 'token' }, t('token')), field, el('p', { class: 'muted', id: 'token-hint' }, t('token.hint')), fault, el('div', { class: 'buttons' }, go))
}

function signIn(why) {
  const box = dialog(t('signin'), live?.has_token === false ? shut() : form(why, () => box.close()), { kind: 'small' })
  box.querySelector('#token')?.focus()
}

function frame() {
  document.documentElement.lang = language() === 'zh' ? 'zh-CN' : 'en'
  translate(document)
  sync(by('views'), VIEWS, view => view.name, view => el('a', { href: `#${view.name}` }), (link, view) => say(link, t(`view.${view.name}`)))
  by('views').setAttribute('aria-label', t('views'))
  say(by('session'), token() ? t('signout') : t('signin'))
  say(by('foot'), live ? t('foot', { version: live.version, up: span(live.now_ms - live.started_ms) }) : '')
  state()
}

/** Whether the gateway is there and ready, at the top of every view. */
function state() {
  const [tone, words] = gone ? ['bad', t('state.gone')] : !live ? ['', t('state.asking')] : live.is_ready ? ['good', t('state.ready')] : ['warn', t('state.notready')]
  by('state').className = `pill ${tone}`
  say(by('state'), words)
  const notices = gone ? [['bad', t('gone', { why: gone.message })]] : (live?.notes ?? []).map(note => ['warn', note])
  const key = ([, text]) => text
  sync(by('notices'), notices, key, ([tone, text]) => el('p', { class: `notice ${tone}` }, text))
}

async function look() {
  try {
    const next = await open('live')
    const isNew = live && live.started_ms !== next.started_ms
    const isBack = gone !== null
    // Where there is no token the place of a view says how to set one.
    const isOther = (live?.has_token === false) !== (next.has_token === false)
    live = next
    gone = null
    if (isNew || isBack || isOther) show(false)
    else shown?.live?.(live)
  } catch (error) {
    gone = error
  }
  document.body.classList.toggle('gone', gone !== null)
  frame()
}

function settings() {
  by('language').append(...LANGUAGES.map(([name, words]) => el('option', { value: name, lang: name }, words)))
  by('language').value = language()
  by('language').addEventListener('change', event => {
    speak(event.target.value)
    frame()
    show(false)
  })
  by('theme').value = document.documentElement.dataset.theme ?? 'auto'
  by('theme').addEventListener('change', event => dress(event.target.value))
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => shown?.again?.())
}

function dress(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  try {
    localStorage.setItem('flowgate.theme', theme)
  } catch {
    // Then only until the page is closed.
  }
  shown?.again?.()
}

function session() {
  by('session').addEventListener('click', () => (token() ? setToken(null) : signIn()))
  onToken(why => {
    frame()
    show(false)
    if (why) signIn(why)
  })
  addEventListener('hashchange', () => {
    takeToken()
    show(true)
  })
  by('skip').addEventListener('click', event => {
    event.preventDefault()
    by('main').focus()
  })
}

takeToken()
settings()
session()
frame()
by('main').append(empty(t('state.asking')))
show(false)
asking = repeat(look, EVERY)
addEventListener('online', () => asking.now())
