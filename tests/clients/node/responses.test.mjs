// The Responses API with openai-node, 7.x and 4.x: PACKAGE says which.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as gateway from './gateway.mjs'
import { CHAT, TEXT, THINKING, TWO_CITIES, all, billed, bodies, requests, say, user } from './gateway.mjs'

const { default: OpenAI, APIError } = await import(process.env.PACKAGE)
const { zodTextFormat } = await import(`${process.env.PACKAGE}/helpers/zod`)
const { z } = await import('zod')
gateway.watchUpstream()

const client = (key = 'ANN', options = {}) => new OpenAI({ baseURL: gateway.baseURL, apiKey: gateway.keys[key], ...options })
const respond = (input, options = {}) => client().responses.create({ model: CHAT, input, ...options })
const weather = { type: 'function', name: 'get_weather', parameters: gateway.WEATHER_SCHEMA, strict: false }

async function assertBilled(usage) {
  const { prompt_tokens, completion_tokens } = await billed()
  assert.deepEqual([usage.input_tokens, usage.output_tokens], [prompt_tokens, completion_tokens])
}

test('text', async () => {
  const answer = await respond(say(TEXT), { instructions: 'Be short.' })
  assert.deepEqual([answer.output_text, answer.status], [TEXT, 'completed'])
  assert.equal((await bodies())[0].messages[0].role, 'system')
  await assertBilled(answer.usage)
})

for (const model of [CHAT, THINKING]) {
  test(`events, ${model}`, async () => {
    const events = await all(await respond(say(TEXT), { model, stream: true }))
    assert(events.every((event, index) => event.sequence_number === index))
    const deltas = events.filter(event => event.type === 'response.output_text.delta')
    assert.equal(deltas.map(event => event.delta).join(''), TEXT)
    assert.equal(events.some(event => event.type === 'response.reasoning_summary_text.delta'), model === THINKING)
    await assertBilled(events.at(-1).response.usage)
  })

  test(`stream helper, ${model}`, async () => {
    const stream = client().responses.stream({ model, input: say(TEXT) })
    const answer = await stream.finalResponse()
    // Version 4 adds no `output_text` to what its helper has put together.
    assert.equal(answer.output.at(-1).content[0].text, TEXT)
    await assertBilled(answer.usage)
  })
}

for (const model of [CHAT, gateway.BROKEN_TOOLS]) {
  test(`tools streamed and answered, ${model}`, async () => {
    const called = await client().responses.stream({ model, input: TWO_CITIES, tools: [weather] }).finalResponse()
    const calls = called.output.filter(item => item.type === 'function_call')
    assert.deepEqual(calls.map(call => JSON.parse(call.arguments).city), ['Paris', 'Tokyo'])
    const results = calls.map(call => ({ type: 'function_call_output', call_id: call.call_id, output: 'Sunny' }))
    const kept = await respond(results, { model, tools: [weather], previous_response_id: called.id })
    const sent = await respond([...user(TWO_CITIES), ...called.output, ...results], { model, tools: [weather], store: false })
    assert.deepEqual([kept.output_text, sent.output_text], Array(2).fill('According to the tool: Sunny; Sunny'))
  })
}

test('parsed', async () => {
  const format = zodTextFormat(z.object({ city: z.string(), people: z.number() }), 'city')
  const answer = await client().responses.parse({ model: CHAT, input: 'A city', text: { format } })
  assert.equal(typeof answer.output_parsed.city, 'string')
})

test('kept and forgotten', async () => {
  const first = await respond(say('one'))
  const second = await respond(say('two'), { previous_response_id: first.id })
  assert.equal((await client().responses.retrieve(second.id)).id, second.id)
  const items = await all(client().responses.inputItems.list(second.id, { order: 'asc', limit: 2 }))
  assert.deepEqual(items.map(item => item.content[0].text), [say('one'), 'one', say('two')])
  await assert.rejects(client('RESTRICTED').responses.retrieve(second.id), { status: 404 })
  // Version 4 has `del`.
  await (client().responses.delete ?? client().responses.del).call(client().responses, second.id)
  await assert.rejects(client().responses.retrieve(second.id), { status: 404, code: 'response_not_found' })
  await assert.rejects(respond('Hi', { previous_response_id: second.id }), { code: 'previous_response_not_found' })
  assert.equal((await requests()).length, 2)
})

test('background is refused', async () => {
  await assert.rejects(respond('Hi', { background: true }), { status: 400, param: 'background' })
  assert.deepEqual(await requests(), [])
})

for (const expected of gateway.ERRORS) {
  for (const stream of [false, true]) {
    test(`error: ${expected.name}${stream ? ' (stream)' : ''}`, async () => {
      const caller = client(expected.key, { maxRetries: expected.retries })
      await assert.rejects(caller.responses.create({ model: expected.model, input: 'Hi', stream }), error => {
        assert(error instanceof APIError)
        assert.deepEqual([error.status, error.code], [expected.status, expected.code])
        return error.message.includes(expected.says)
      })
      // How often an overload is tried again depends on how many there were before.
      const { length } = await requests()
      assert(Math.min(expected.calls, 1) <= length && length <= expected.calls)
    })
  }
}

for (const fault of gateway.ODD) {
  test(`odd stream: ${fault}`, async () => {
    const events = await all(await respond(say(TEXT), { model: `fault/${fault}`, stream: true }))
    assert.equal(events.at(-1).response.output[0].content[0].text, TEXT)
  })
}

for (const fault of gateway.BROKEN) {
  test(`broken stream: ${fault}`, async () => {
    const received = []
    const read = async () => {
      for await (const event of await respond('[[tokens=9]]', { model: `fault/${fault}`, stream: true })) received.push(event)
    }
    await assert.rejects(read(), APIError)
    assert(received.length > 0 && !received.some(event => event.type === 'response.completed'))
  })
}
