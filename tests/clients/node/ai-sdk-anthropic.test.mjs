// The Vercel AI SDK with its provider for Anthropic's protocol.

import { createAnthropic } from '@ai-sdk/anthropic'
import { APICallError, Output, generateText, isStepCount, jsonSchema, streamText, tool } from 'ai'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as gateway from './gateway.mjs'
import { CHAT, TEXT, THINKING, all, billed, bodies, requests, say } from './gateway.mjs'

gateway.watchUpstream()

const model = (name = CHAT, key = 'ANN') => createAnthropic({ baseURL: gateway.baseURL, apiKey: gateway.keys[key] })(name)
const thinking = { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } }

async function assertBilled(usage) {
  const { prompt_tokens, completion_tokens } = await billed()
  assert.deepEqual([usage.inputTokens, usage.outputTokens], [prompt_tokens, completion_tokens])
}

test('messages', async () => {
  const answer = await generateText({ model: model(), prompt: say(TEXT), system: 'You are terse.', maxOutputTokens: 500 })
  assert.equal(answer.text, TEXT)
  assert.equal(answer.finishReason, 'stop')
  await assertBilled(answer.usage)
})

for (const name of [CHAT, THINKING, gateway.USAGE_LAST]) {
  test(`stream, ${name}`, async () => {
    const answer = streamText({ model: model(name), prompt: say(TEXT) })
    assert.equal((await all(answer.textStream)).join(''), TEXT)
    await assertBilled(await answer.usage)
  })
}

test('thinking, whole and streamed', async () => {
  const asked = { model: model(THINKING), prompt: `${say(TEXT)}[[think=7]]`, providerOptions: thinking }
  const whole = await generateText(asked)
  const streamed = streamText(asked)
  await all(streamed.textStream)
  assert(whole.reasoningText)
  assert.equal(await streamed.reasoningText, whole.reasoningText)
})

for (const name of [CHAT, THINKING, gateway.BROKEN_TOOLS]) {
  test(`tools streamed and answered, ${name}`, async () => {
    const cities = []
    const execute = async ({ city }) => {
      cities.push(city)
      return 'Sunny'
    }
    const tools = { get_weather: tool({ inputSchema: jsonSchema(gateway.WEATHER_SCHEMA), execute }) }
    const asked = { model: model(name), prompt: gateway.TWO_CITIES, tools, stopWhen: isStepCount(3) }
    const answer = streamText({ ...asked, providerOptions: name === THINKING ? thinking : undefined })
    assert((await all(answer.textStream)).join(''))
    assert.deepEqual(cities.sort(), ['Paris', 'Tokyo'])
    if (name === THINKING) assert((await bodies())[1].messages[1].reasoning_content)
  })
}

test('structured output', async () => {
  const output = Output.object({ schema: jsonSchema(gateway.WEATHER_SCHEMA) })
  assert.equal(typeof (await generateText({ model: model(), prompt: 'A city', output })).output, 'object')
})

test('vision', async () => {
  const content = [{ type: 'text', text: say(TEXT) }, { type: 'file', data: gateway.PIXEL, mediaType: 'image/png' }]
  const answer = await generateText({ model: model(gateway.VISION), messages: [{ role: 'user', content }] })
  assert.equal(answer.text, TEXT)
  assert((await bodies())[0].messages[0].content[1].image_url.url.endsWith(gateway.PIXEL))
})

for (const expected of gateway.ERRORS) {
  test(`error: ${expected.name}`, async () => {
    const asked = generateText({ model: model(expected.model, expected.key), prompt: 'Hi', maxRetries: 0 })
    const status = expected.code === 'server_is_overloaded' ? 529 : expected.status
    await assert.rejects(asked, error => {
      assert(APICallError.isInstance(error))
      assert.equal(error.statusCode, status)
      assert(error.message.includes(expected.says), error.message)
      return true
    })
    assert.equal((await requests()).length, expected.calls)
  })
}

for (const fault of gateway.BROKEN) {
  test(`broken stream: ${fault}`, async () => {
    const told = []
    const onError = ({ error }) => told.push(error.message ?? error)
    const answer = streamText({ model: model(`fault/${fault}`), prompt: '[[tokens=9]]', maxRetries: 0, onError })
    await assert.rejects(all(answer.textStream))
    assert(told.length > 0)
  })
}
