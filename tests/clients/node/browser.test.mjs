// A page in Chromium that uses the gateway as programs with a web interface do, and a foreign page that must not.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'
import * as gateway from './gateway.mjs'
import { CHAT, TEXT, requests, say, user } from './gateway.mjs'

gateway.watchUpstream()

const SWITCHES = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--no-proxy-server', '--host-resolver-rules=MAP evil.example 127.0.0.1',
]
const CHAT_URL = `${gateway.baseURL}/chat/completions`
let server, profile, browser

before(async () => {
  server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<title>A page</title>'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  profile = await mkdtemp(join(tmpdir(), 'flowgate-browser-'))
  browser = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM, args: SWITCHES })
})

after(async () => {
  await browser?.close()
  server.close()
  await rm(profile, { recursive: true, force: true })
})

async function pageAt(host) {
  const page = await browser.newPage()
  await page.goto(`http://${host}:${server.address().port}/`)
  return page
}

/** Runs in the page, as a chat program would: with the headers of the openai package. */
const post = ([url, key, body]) =>
  fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'x-stainless-lang': 'js', 'x-stainless-retry-count': '0' },
    body: JSON.stringify(body),
  }).then(
    async answer => ({ status: answer.status, id: answer.headers.get('x-request-id'), text: await answer.text() }),
    error => ({ error: error.name }),
  )
const ask = (page, key, more) => page.evaluate(post, [CHAT_URL, gateway.keys[key], { model: CHAT, messages: user(say(TEXT)), ...more }])

for (const host of ['localhost', '127.0.0.1']) {
  test(`chat from a page at ${host}`, async () => {
    const answer = await ask(await pageAt(host), 'ANN')
    assert.equal(JSON.parse(answer.text).choices[0].message.content, TEXT)
    assert.match(answer.id, /^req_/)
  })
}

test('stream from a page', async () => {
  const answer = await ask(await pageAt('localhost'), 'ANN', { stream: true })
  const events = answer.text.split('\n\n').filter(Boolean).map(event => event.replace('data: ', ''))
  assert.equal(events.pop(), '[DONE]')
  assert.equal(events.map(event => JSON.parse(event).choices[0].delta.content ?? '').join(''), TEXT)
})

test('an error is readable', async () => {
  const answer = await ask(await pageAt('localhost'), 'WRONG')
  assert.equal(answer.status, 401)
  assert.equal(JSON.parse(answer.text).error.code, 'invalid_api_key')
  assert.match(answer.id, /^req_/)
})

test('a wait is readable', async () => {
  const headers = { authorization: `Bearer ${gateway.keys.ANN}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ model: 'fault/tpm-429', messages: user('Hi') })
  const page = await pageAt('localhost')
  const asked = ([url, options]) => fetch(url, options).then(answer => answer.headers.get('retry-after'))
  assert.equal(await page.evaluate(asked, [CHAT_URL, { method: 'POST', headers, body }]), '60')
})

test('a foreign page is refused', async () => {
  const page = await pageAt('evil.example')
  assert.deepEqual(await ask(page, 'ANN'), { error: 'TypeError' })
  const unasked = ([url, body]) => fetch(url, { method: 'POST', mode: 'no-cors', body }).then(answer => answer.type)
  assert.equal(await page.evaluate(unasked, [CHAT_URL, '{}']), 'opaque')
  assert.deepEqual(await requests(), [])
})

test('a foreign name for this machine is refused', async () => {
  const page = await browser.newPage()
  const answer = await page.goto(`http://evil.example:${new URL(gateway.baseURL).port}/v1/models`)
  assert.equal(answer.status(), 403)
  assert.equal((await answer.json()).error.code, 'host_not_allowed')
})
