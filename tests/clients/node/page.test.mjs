// The page of the admin plane in Chromium, against a demo under load: what it shows is what the gateway says, keys are made
// and taken back, in both languages and themes, from a phone to a wide screen, with a keyboard only, and asking nobody else.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'

const SWITCHES = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server']
const VIEWS = ['overview', 'quota', 'spend', 'errors', 'requests', 'keys']
const HOSTILE = '<img src=x onerror="document.title=\'run\'">'
const MODELS = ['Qwen/Qwen3-8B', 'deepseek-ai/DeepSeek-V3.2', HOSTILE, 'fault/overloaded']
const PICTURES = process.env.PICTURES ?? join(process.cwd(), 'pictures')
/** Longest that anything is waited for (ms). */
const PATIENCE = 20_000

const demo = { program: null, page: '', token: '', admin: '', base: '', key: null }
let browser
/** What ends each load that still runs. */
const loads = new Set()
/** What every page did that it must not do. */
const wrong = []

before(async () => {
  await mkdir(PICTURES, { recursive: true })
  demo.program = spawn(process.env.FLOWGATE, ['serve', '--demo', '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  demo.program.stdout.setEncoding('utf8').on('data', text => (said += text))
  await until('the demo', () => said.includes('Ctrl-C'))
  demo.page = /page\s+(\S+)/.exec(said)[1]
  demo.token = /#token=(\S+)/.exec(said)[1]
  demo.admin = demo.page.split('/#')[0]
  demo.base = /base URL\s+(\S+)/.exec(said)[1]
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: SWITCHES })
})

after(async () => {
  loads.forEach(stop => stop())
  await browser?.close()
  demo.program?.kill()
})

async function until(what, look) {
  const end = Date.now() + PATIENCE
  for (;;) {
    const seen = await look()
    if (seen) return seen
    assert(Date.now() < end, `waited in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** The admin plane's own answer. */
async function api(path, method = 'GET', fields) {
  const answer = await fetch(`${demo.admin}/${path}`, { method, headers: { authorization: `Bearer ${demo.token}` }, body: fields && JSON.stringify(fields) })
  return answer.json()
}

const ask = (model, key = demo.key, more = {}) =>
  fetch(`${demo.base}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: '[[tokens=8]]' }], ...more }),
  }).then(async answer => (await answer.text(), answer.status), () => 0)

/** Requests on and on, until it is called. */
function load(workers = 3) {
  let isOver = false
  const work = async number => {
    for (let turn = number; !isOver; turn++) await ask(MODELS[turn % MODELS.length], demo.key, { stream: turn % 2 === 0 })
  }
  const all = Promise.all(Array.from({ length: workers }, (_, number) => work(number)))
  const stop = () => {
    isOver = true
    loads.delete(stop)
    return all
  }
  loads.add(stop)
  return stop
}

/** A page that is watched. `allowed`: console messages that the test brings about itself. */
async function open({ hash = `#token=${demo.token}`, allowed = /^$/, at = demo.admin, ...options } = {}) {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 900 }, timezoneId: 'Asia/Shanghai', permissions: ['clipboard-write'], ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE)
  page.on('console', message => allowed.test(message.text()) || wrong.push(`console: ${message.text()}`))
  page.on('pageerror', error => wrong.push(`error: ${error.stack}`))
  page.on('dialog', dialog => (wrong.push(`dialog: ${dialog.message()}`), dialog.dismiss()))
  page.on('request', request => request.url().startsWith(`${at}/`) || request.url().startsWith('blob:') || wrong.push(`asked ${request.url()}`))
  await page.addInitScript(() => {
    window.violations = []
    document.addEventListener('securitypolicyviolation', event => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`))
  })
  await page.goto(`${at}/${hash}`)
  await page.locator('#state.good').waitFor()
  return page
}

async function close(page) {
  assert.deepEqual(await page.evaluate(() => window.violations), [])
  await page.context().close()
  assert.deepEqual(wrong.splice(0), [])
}

/** Opens a view by its link, and waits until it has what it shows. */
async function visit(page, view) {
  await page.locator(`#views a[href="#${view}"]`).click()
  await page.locator(`#views a[href="#${view}"][aria-current]`).waitFor()
  const sign = { overview: '.tile', quota: '.lane tbody tr', spend: 'tfoot td', errors: '.reason', requests: 'tbody tr', keys: '.card' }[view]
  await page.locator(`main ${sign}`).first().waitFor()
}

const text = (page, selector) => page.locator(selector).innerText()
const english = value => new Intl.NumberFormat('en').format(value)
const money = value => new Intl.NumberFormat('en', { style: 'currency', currency: 'CNY', currencyDisplay: 'narrowSymbol', minimumFractionDigits: 2, maximumFractionDigits: Number(value) === 0 || value >= 1 ? 2 : value >= 0.001 ? 4 : 6 }).format(value)

/** The rows of a table as they are read. */
const rows = (page, label) => page.getByRole('region', { name: label, exact: true }).locator('tbody tr').evaluateAll(all => all.map(row => [...row.children].map(cell => cell.innerText.trim())))

test('the token leaves the address, and the figures move by themselves', async () => {
  const stop = load()
  const page = await open()
  assert.equal(page.url(), `${demo.admin}/#overview`)
  assert.equal(await page.title(), 'Overview · flowgate')
  const count = async () => Number((await text(page, '#note-requests')).replace(/\D/g, ''))
  const first = await until('requests', count)
  await until('more of them', async () => (await count()) > first)
  await until('a rate', async () => Number(await text(page, '#tile-requests')) > 0)
  await until('what is under way', async () => Number(await text(page, '#tile-flight')) > 0)
  assert.equal(await page.locator('.plot canvas').count(), 4)
  await stop()
  await close(page)
})

test('live figures are those of the gateway', async () => {
  const page = await open()
  const still = await until('quiet', async () => {
    const live = await api('live')
    return live.totals.in_flight === 0 && live
  })
  const { totals } = still
  await until('the page to be there too', async () => (await text(page, '#note-requests')) === `${english(totals.requests)} since the start`)
  assert.equal(await text(page, '#note-failures'), `${english(totals.failed)} failed, ${english(totals.refused)} refused`)
  assert.equal(await text(page, '#tile-flight'), '0')
  assert.equal(await text(page, '#tile-waiting'), english(totals.waiting))
  assert.equal(await text(page, '#tile-avoided'), english(totals.avoided_429))
  const shown = await rows(page, 'Models')
  assert.equal(shown.length, still.models.length)
  for (const model of still.models) {
    const row = shown.find(([name]) => name === model.model)
    assert.deepEqual(row, [model.model, english(model.requests), english(model.refused), english(model.failed), english(model.input_tokens), english(model.output_tokens), money(model.cost_cny), english(model.waiting)])
  }
  const keys = await rows(page, 'Keys')
  assert.deepEqual(keys.map(([key]) => key).toSorted(), still.keys.map(({ key }) => key).toSorted())
  const usage = await api('api/usage?today=')
  await until('what was spent today', async () => (await text(page, '#tile-spend')) === money(usage.total.cost_cny))
  await close(page)
})

test('quotas are those of the gateway', async () => {
  const page = await open()
  await visit(page, 'quota')
  const { data } = await api('limits')
  for (const lane of data.filter(lane => lane.limits.length)) {
    const card = page.locator('.lane').filter({ has: page.getByText(lane.model, { exact: true }) })
    assert.equal(await card.locator('tbody tr').count(), lane.limits.length, lane.name)
    for (const limit of lane.limits) {
      const row = card.locator(`tr[data-metric="${limit.metric}"]`)
      assert.match(await row.locator('.figures').innerText(), new RegExp(` of ${english(limit.limit)}($|,)`))
      assert.equal(await row.locator('.badge').innerText(), limit.source)
      assert.ok((await row.locator('.badge').getAttribute('title')).length > 20)
      assert.equal(await row.locator('td').last().innerText(), english(limit.refusals))
    }
  }
  await page.getByLabel('Find a model').fill('qwen3-8b')
  await until('one lane', async () => (await page.locator('.lane').count()) === 1)
  await page.getByLabel('Find a model').fill('nothing like it')
  await page.getByText('No model has this in its name.').waitFor()
  await close(page)
})

test('spend is that of the ledger, in sum and by day', async () => {
  const page = await open()
  await visit(page, 'spend')
  for (const by of ['model', 'key']) {
    await page.locator('#by').selectOption(by)
    const usage = await api(`api/usage?from=2020-01-01&by=${by}`)
    const expected = usage.data.map(sum => [sum[by], english(sum.requests), english(sum.failed), english(sum.input_tokens), english(sum.output_tokens), money(sum.cost_cny)])
    const sorted = all => all.map(row => row.join('|')).toSorted()
    await until(`sums by ${by}`, async () => JSON.stringify(sorted(await rows(page, 'Sums'))) === JSON.stringify(sorted(expected)))
    const total = await page.locator('tfoot td').allInnerTexts()
    assert.deepEqual([total[1], total[5]], [english(usage.total.requests), money(usage.total.cost_cny)])
  }
  const waiting = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download CSV' }).click()
  const csv = await waiting
  assert.match(csv.suggestedFilename(), /^flowgate-.*\.csv$/)
  await close(page)
})

test('errors say what to do, and lead to their requests', async () => {
  const page = await open()
  await visit(page, 'errors')
  const { errors } = await api('live')
  const seen = errors.filter(error => error.count > 0)
  assert.ok(seen.some(error => error.reason === 'busy' || error.reason === 'model'), JSON.stringify(seen))
  for (const error of seen) {
    const entry = page.locator(`.reason[data-reason="${error.reason}"]`)
    await until(error.reason, async () => (await entry.locator('b').innerText()) === english(error.count))
    assert.ok((await entry.locator('p').innerText()).length > 20)
  }
  await page.getByRole('link', { name: 'Show requests' }).first().click()
  await page.locator('tbody tr').first().waitFor()
  assert.match(page.url(), /#requests\?(status|outcome)=/)
  await close(page)
})

test('requests are the rows of the ledger, the newest first, with everything but what was said', async () => {
  const page = await open()
  await visit(page, 'requests')
  const { data } = await api('api/ledger?order=newest&limit=50')
  const shown = await until('all rows', async () => {
    const all = await page.locator('tbody tr').evaluateAll(all => all.map(row => row.dataset.key))
    return all.length === data.length && all
  })
  assert.deepEqual(shown, data.map(row => String(row.seq)))
  await page.getByLabel('Status').selectOption('4xx')
  await until('refused ones only', async () => (await page.locator('tbody td:nth-child(5)').allInnerTexts()).every(status => status.startsWith('4')))
  assert.ok((await page.locator('tbody td:nth-child(3)').allInnerTexts()).includes(HOSTILE), 'a hostile name is text')
  assert.equal(await page.locator('main img').count(), 0)
  const [wanted] = (await api('api/ledger?order=newest&limit=1&status=4xx')).data
  await page.locator(`tr[data-key="${wanted.seq}"]`).click()
  const panel = page.getByRole('dialog')
  for (const value of [wanted.id, wanted.endpoint, wanted.asked]) assert.ok((await panel.innerText()).includes(value), value)
  await page.keyboard.press('Escape')
  await panel.waitFor({ state: 'detached' })
  await page.getByLabel('Status').selectOption('')
  await page.getByLabel('Model').fill('no/such')
  await page.getByLabel('Model').press('Enter')
  await page.getByText('No request like this.').waitFor()
  await close(page)
})

test('pages of requests follow each other', async () => {
  const stop = load(6)
  await until('three pages', async () => (await api('api/ledger?order=newest&limit=101')).data.length > 100)
  await stop()
  const page = await open()
  await visit(page, 'requests')
  const numbers = () => page.locator('tbody tr').evaluateAll(all => all.map(row => Number(row.dataset.key)))
  await until('a whole page', async () => (await numbers()).length === 50)
  const first = await numbers()
  await page.getByRole('button', { name: 'Older →' }).click()
  await until('the next page', async () => Math.max(...(await numbers())) < Math.min(...first))
  await page.getByRole('button', { name: '← Newer' }).click()
  await until('the first one again', async () => Math.min(...(await numbers())) >= Math.min(...first))
  await close(page)
})

test('a key is made, used, edited, rotated and revoked', async () => {
  const page = await open({ allowed: /status of (400|409)/ })
  await visit(page, 'keys')
  await page.getByText('Everybody who reaches the gateway may call it.').waitFor()
  await page.getByRole('button', { name: 'Create team' }).click()
  await page.getByLabel('Name').fill('lab')
  await page.locator('summary', { hasText: 'Budgets' }).click()
  await page.getByLabel('¥ per month').fill('500')
  await page.getByRole('dialog').getByRole('button', { name: 'Create team' }).click()
  await page.getByRole('row').filter({ hasText: '¥500.00 per month' }).waitFor()

  await page.getByRole('button', { name: 'Create key' }).click()
  const form = page.getByRole('dialog')
  await form.getByText('The first key closes the gateway').waitFor()
  await form.getByLabel('Name').fill('ann')
  await form.getByLabel('Owner').fill(HOSTILE)
  await form.getByLabel('Team').selectOption('lab')
  await form.getByLabel('Tags').fill('night, web')
  await form.getByLabel('Expires').fill('never')
  await form.locator('summary', { hasText: 'What it may use' }).click()
  await form.getByLabel('Models').fill('Qwen/*')
  await form.locator('summary', { hasText: 'Limits' }).click()
  await form.getByLabel('RPM').fill('600')
  await form.getByRole('button', { name: 'Create key' }).click()
  await form.getByRole('alert').filter({ hasText: 'key.expires' }).waitFor()
  await form.getByLabel('Expires').fill('30d')
  await form.getByRole('button', { name: 'Create key' }).click()
  const secret = await page.getByRole('textbox', { name: 'Secret' }).inputValue()
  await page.getByRole('button', { name: 'Copy', exact: true }).click()
  await page.getByRole('button', { name: 'Copied', exact: true }).waitFor()
  await page.getByRole('button', { name: 'I have copied it' }).click()
  await page.getByRole('button', { name: 'Create key' }).click()
  await form.getByLabel('Name').press('Control+V')
  assert.equal(await form.getByLabel('Name').inputValue(), secret)
  await page.keyboard.press('Escape')
  const made = await api('api/keys/ann')
  assert.deepEqual({ ...made.fields, expires: null }, { owner: HOSTILE, team: 'lab', tags: ['night', 'web'], expires: null, models: ['Qwen/*'], rpm: 600 })
  assert.ok(!(await page.content()).includes(secret), 'the secret is gone')

  await until('the key to open', async () => (await ask('Qwen/Qwen3-8B', secret)) === 200)
  assert.equal(await ask('deepseek-ai/DeepSeek-V3.2', secret), 404)
  await until('the gateway to be closed', async () => (await ask('Qwen/Qwen3-8B', null)) === 401)

  await page.getByRole('button', { name: 'Edit key ann' }).click()
  await form.getByLabel('Models').fill('')
  await form.getByLabel('RPM').fill('700')
  await form.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('row', { name: /ann/ }).filter({ hasText: 'RPM 700' }).waitFor()
  const edited = await api('api/keys/ann')
  assert.deepEqual([edited.fields.rpm, edited.fields.models, edited.fields.tags], [700, undefined, ['night', 'web']])
  await until('the edit to count', async () => (await ask('deepseek-ai/DeepSeek-V3.2', secret)) === 200)

  await page.getByRole('button', { name: 'Rotate key ann' }).click()
  await form.getByLabel('The secret before works for').selectOption('0s')
  await form.getByRole('button', { name: 'Rotate' }).click()
  const second = await page.getByRole('textbox', { name: 'Secret' }).inputValue()
  await page.getByRole('button', { name: 'I have copied it' }).click()
  await until('the second to open', async () => (await ask('Qwen/Qwen3-8B', second)) === 200)
  await until('the first to be shut', async () => (await ask('Qwen/Qwen3-8B', secret)) === 401)

  await page.getByRole('link', { name: 'Requests of key ann' }).click()
  await until('its rows', async () => (await page.locator('tbody td:nth-child(2)').allInnerTexts()).every(key => key === 'ann') && (await page.locator('tbody tr').count()) > 0)
  await visit(page, 'keys')
  await page.getByRole('button', { name: 'Revoke key ann' }).click()
  await form.getByRole('button', { name: 'Revoke' }).click()
  await page.getByText('All keys were revoked').waitFor()
  await until('it to be shut', async () => (await ask('Qwen/Qwen3-8B', second)) === 401)
  await page.getByLabel('Show revoked').check()
  await page.getByRole('row', { name: /ann/ }).filter({ hasText: 'revoked' }).waitFor()

  await page.getByRole('button', { name: 'Create key' }).click()
  await form.getByLabel('Name').fill('ann')
  await form.getByRole('button', { name: 'Create key' }).click()
  await form.getByRole('alert').filter({ hasText: 'there is or was a key' }).waitFor()
  await page.keyboard.press('Escape')
  await close(page)
  demo.key = (await api('api/keys', 'POST', { name: 'load', team: 'lab' })).secret
  await until('the next key to open', async () => (await ask('Qwen/Qwen3-8B')) === 200)
})

test('the keyboard is enough', async () => {
  const page = await open()
  const focused = () => page.evaluate(() => {
    const node = document.activeElement
    const style = getComputedStyle(node)
    return { name: node.getAttribute('aria-label') ?? node.innerText ?? '', id: node.id, tag: node.tagName, isSeen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 }
  })
  const tabTo = async wanted => {
    for (let steps = 0; steps < 60; steps++) {
      await page.keyboard.press('Tab')
      const at = await focused()
      if (at.tag !== 'BODY') assert.ok(at.isSeen, `the focus cannot be seen on ${JSON.stringify(at)}`)
      if (at.name.trim() === wanted || at.id === wanted) return
    }
    assert.fail(`Tab does not reach ${wanted}`)
  }
  await page.keyboard.press('Tab')
  assert.equal((await focused()).id, 'skip')
  await page.keyboard.press('Enter')
  assert.equal((await focused()).id, 'main')
  await page.reload()
  await page.locator('#state.good').waitFor()
  await tabTo('Keys')
  await page.keyboard.press('Enter')
  await until('the heading', async () => (await focused()).tag === 'H1')
  await tabTo('Create key')
  await page.keyboard.press('Enter')
  assert.equal((await focused()).id, 'f-name')
  await page.keyboard.type('by-keyboard')
  await page.keyboard.press('Enter')
  await page.getByRole('textbox', { name: 'Secret' }).waitFor()
  await page.keyboard.press('Escape')
  await tabTo('Revoke key by-keyboard')
  await page.keyboard.press('Enter')
  assert.equal((await focused()).name, 'Cancel')
  await tabTo('Revoke')
  await page.keyboard.press('Enter')
  await until('it to be revoked', async () => (await api('api/keys/by-keyboard')).state === 'revoked')
  await tabTo('Sign out')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'For the operator' }).waitFor()
  await close(page)
})

/** Text whose contrast is under what WCAG asks for (AA), with its colours. */
function faint() {
  const channels = colour => colour.match(/[\d.]+/g).map(Number)
  const over = (top, below) => {
    const alpha = top[3] ?? 1
    return [0, 1, 2].map(index => top[index] * alpha + below[index] * (1 - alpha))
  }
  const ground = node => {
    const layers = []
    for (let at = node; at; at = at.parentElement) layers.unshift(channels(getComputedStyle(at).backgroundColor))
    return layers.reduce((below, top) => over(top, below), [255, 255, 255])
  }
  const light = colour => {
    const [red, green, blue] = colour.map(value => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const found = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  let count = 0
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement
    const style = getComputedStyle(node)
    if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest('.hidden, :disabled, option, noscript') || style.fontSize === '0px') continue
    const below = ground(node)
    const [one, other] = [light(over(channels(style.color), below)), light(below)].toSorted((first, second) => second - first)
    const isLarge = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700)
    const ratio = (one + 0.05) / (other + 0.05)
    count += 1
    if (ratio < (isLarge ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${style.color} on ${below.map(Math.round)}: ${walker.currentNode.data.trim().slice(0, 40)}`)
  }
  return { found, count }
}

/** What a person with a screen reader would miss. */
function unnamed() {
  const found = []
  const ids = [...document.querySelectorAll('[id]')].map(node => node.id)
  ids.filter((id, index) => ids.indexOf(id) !== index).forEach(id => found.push(`two nodes are #${id}`))
  for (const node of document.querySelectorAll('input:not([hidden]), select, textarea')) if (!node.labels?.length && !node.getAttribute('aria-label')) found.push(`no label: ${node.outerHTML.slice(0, 80)}`)
  for (const node of document.querySelectorAll('button, a, [role="img"], [role="region"], [role="meter"], nav, dialog')) {
    const by = node.getAttribute('aria-labelledby')
    if (!(node.getAttribute('aria-label') ?? (by ? document.getElementById(by)?.innerText : node.textContent))?.trim()) found.push(`no name: ${node.outerHTML.slice(0, 80)}`)
  }
  for (const node of document.querySelectorAll('img:not([alt])')) found.push(`no alt: ${node.outerHTML}`)
  for (const tag of ['h1', 'main', 'header', 'nav#views']) if (document.querySelectorAll(tag).length !== 1) found.push(`not one ${tag}`)
  if (!document.title || !document.documentElement.lang) found.push('no title or language')
  if (/user-scalable|maximum-scale/.test(document.querySelector('meta[name=viewport]').content)) found.push('it cannot be made larger')
  return found
}

for (const [theme, locale, lang] of [['light', 'en-US', 'en'], ['dark', 'zh-CN', 'zh-CN']]) {
  test(`every view is legible, named and fits: ${theme}, ${lang}`, async () => {
    const stop = load()
    await until('rows', async () => (await api('live')).totals.in_flight > 0)
    for (const width of [360, 800, 1920]) {
      const page = await open({ colorScheme: theme, locale, viewport: { width, height: 900 } })
      assert.equal(await page.evaluate(() => document.documentElement.lang), lang)
      for (const view of VIEWS) {
        await visit(page, view)
        const { found, count } = await page.evaluate(faint)
        assert.deepEqual(found, [], `${view} at ${width}`)
        assert.ok(count > 10, `${view} at ${width}: ${count} texts`)
        assert.deepEqual(await page.evaluate(unnamed), [], `${view} at ${width}`)
        const [needed, has] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth])
        assert.ok(needed <= has, `${view} is ${needed} wide at ${width}`)
        const raw = await page.evaluate(() => document.body.innerText.match(/(^|\s)(view|tile|note|column|key|hint|form|state|outcome|field|source|metric)\.[a-z_.-]+/g))
        assert.equal(raw, null, `${view}: words are missing`)
        await page.screenshot({ path: join(PICTURES, `${view}-${theme}-${lang}-${width}.png`), fullPage: true })
      }
      await page.locator('button.main').click()
      await page.getByRole('dialog').waitFor()
      assert.deepEqual((await page.evaluate(faint)).found, [], `form at ${width}`)
      assert.deepEqual(await page.evaluate(unnamed), [], `form at ${width}`)
      await page.screenshot({ path: join(PICTURES, `form-${theme}-${lang}-${width}.png`) })
      await close(page)
    }
    await stop()
  })
}

test('theme and language are chosen, at once and for the next time', async () => {
  const page = await open({ colorScheme: 'light' })
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const light = await ground()
  await page.getByLabel('Theme').selectOption('dark')
  const dark = await ground()
  assert.notEqual(dark, light)
  await page.getByLabel('Language').selectOption('zh')
  assert.equal(await page.title(), '概览 · flowgate')
  for (const [view, words] of [['quota', '配额'], ['keys', '密钥'], ['overview', '概览']]) {
    await page.locator(`#views a[href="#${view}"]`).click()
    await page.getByRole('heading', { level: 1, name: words }).waitFor()
  }
  await page.reload()
  await page.getByRole('heading', { level: 1, name: '概览' }).waitFor()
  assert.equal(await ground(), dark)
  await page.locator('#theme').selectOption('auto')
  assert.equal(await ground(), light)
  await page.emulateMedia({ colorScheme: 'dark' })
  assert.equal(await ground(), dark)
  await close(page)
})

test('both languages have the same words', async () => {
  const words = async name => Object.values(await import(`data:text/javascript,${encodeURIComponent(await (await fetch(`${demo.admin}/page/words-${name}.js`)).text())}`))[0]
  const [en, zh] = [await words('en'), await words('zh')]
  assert.deepEqual(Object.keys(zh).toSorted(), Object.keys(en).toSorted())
  const places = text => (text.match(/\{\w+\}/g) ?? []).toSorted()
  for (const key of Object.keys(en)) assert.deepEqual(places(zh[key]), places(en[key]), key)
})

test('signing in and out', async () => {
  const page = await open({ hash: '', allowed: /status of 401/ })
  await page.locator('#tile-requests').waitFor()
  await page.locator('#views a[href="#keys"]').click()
  await page.getByRole('heading', { name: 'For the operator' }).waitFor()
  const token = page.locator('main').getByLabel('Operator token')
  await token.fill('not-the-operators-token')
  await token.press('Enter')
  await page.getByRole('alert').filter({ hasText: "This is not the operator's token" }).waitFor()
  await token.fill(demo.token)
  await token.press('Enter')
  await page.getByRole('button', { name: 'Create key' }).waitFor()
  const kept = () => page.evaluate(() => [JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie])
  const [inTab, inBrowser, cookie] = await kept()
  assert.ok(inTab.includes(demo.token) && !inBrowser.includes(demo.token) && cookie === '')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'For the operator' }).waitFor()
  assert.ok(!(await kept()).join().includes(demo.token))
  await close(page)
})

test('a gateway that is gone is told, and comes back by itself', async () => {
  const page = await open({ allowed: /ERR_INTERNET_DISCONNECTED/ })
  await page.context().setOffline(true)
  await page.getByText('The gateway does not answer').waitFor()
  assert.equal(await text(page, '#state'), 'Unreachable')
  await page.context().setOffline(false)
  await page.locator('#state.good').waitFor()
  await page.getByText('The gateway does not answer').waitFor({ state: 'detached' })
  await close(page)
})

test('nothing is asked while nobody looks', async () => {
  const page = await open()
  await page.clock.install()
  await page.reload()
  await page.locator('#state.good').waitFor()
  let asked = 0
  page.on('request', request => (asked += request.url().includes('/live') ? 1 : 0))
  const look = isHidden => page.evaluate(isHidden => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => isHidden })
    document.dispatchEvent(new Event('visibilitychange'))
  }, isHidden)
  const idle = () => page.waitForLoadState('networkidle')
  await look(true)
  await idle()
  asked = 0
  await page.clock.runFor(60_000)
  assert.equal(asked, 0)
  await look(false)
  await until('a question', () => asked > 0)
  await close(page)
})

test('a gateway without a token says how to set one', async () => {
  const page = await open({ at: process.env.ADMIN, hash: '#keys' })
  await page.getByText('This gateway has no token').waitFor()
  assert.match(await text(page, 'main pre'), /\[admin\]\s+token = /)
  assert.equal(await page.getByLabel('Operator token').count(), 0)
  await close(page)
})
