// The Vercel AI SDK with its provider for OpenAI, whose default is the Responses API.

import { createOpenAI } from '@ai-sdk/openai'
import { APICallError, Output, generateText, isStepCount, jsonSchema, streamText, tool } from 'ai'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as gateway from './gateway.mjs'
import { CHAT, TEXT, THINKING, all, billed, requests, say } from './gateway.mjs'

gateway.watchUpstream()

const provider = (key = 'ANN') => createOpenAI({ baseURL: gateway.baseURL, apiKey: gateway.keys[key] })
const model = (name = CHAT) => provider()(name)

async function assertBilled(usage) {
  const { prompt_tokens, completion_tokens } = await billed()
  assert.deepEqual([usage.inputTokens, usage.outputTokens], [prompt_tokens, completion_tokens])
}

test('text', async () => {
  const answer = await generateText({ model: model(), prompt: say(TEXT) })
  assert.deepEqual([answer.text, answer.finishReason], [TEXT, 'stop'])
  await assertBilled(answer.usage)
})

test('text and reasoning streamed', async () => {
  const answer = streamText({ model: model(THINKING), prompt: `${say(TEXT)}[[think=7]]` })
  assert.equal((await all(answer.textStream)).join(''), TEXT)
  assert(await answer.reasoningText)
  await assertBilled(await answer.usage)
})

// By default what was answered is kept, and the next step points to it.
for (const name of [CHAT, gateway.BROKEN_TOOLS, 'deepseek-ai/DeepSeek-V4-Pro']) {
  for (const store of [true, false]) {
    test(`tools streamed and answered, ${name}, ${store ? 'kept' : 'sent along'}`, async () => {
      const cities = []
      const execute = async ({ city }) => {
        cities.push(city)
        return 'Sunny'
      }
      const tools = { get_weather: tool({ inputSchema: jsonSchema(gateway.WEATHER_SCHEMA), execute }) }
      const providerOptions = { openai: { store, include: ['reasoning.encrypted_content'] } }
      const answer = streamText({ model: model(name), prompt: gateway.TWO_CITIES, tools, providerOptions, stopWhen: isStepCount(3) })
      assert((await all(answer.textStream)).join('').includes('Sunny'))
      assert.deepEqual(cities.sort(), ['Paris', 'Tokyo'])
    })
  }
}

test('structured output', async () => {
  const output = Output.object({ schema: jsonSchema(gateway.WEATHER_SCHEMA) })
  const answer = await generateText({ model: model(), prompt: 'A city as JSON', output })
  assert.equal(typeof answer.output.city, 'string')
})

test('vision', async () => {
  const content = [{ type: 'text', text: say(TEXT) }, { type: 'file', data: gateway.PIXEL, mediaType: 'image/png' }]
  const answer = await generateText({ model: model(gateway.VISION), messages: [{ role: 'user', content }] })
  assert.equal(answer.text, TEXT)
})

for (const expected of gateway.ERRORS) {
  test(`error: ${expected.name}`, async () => {
    const asked = generateText({ model: provider(expected.key)(expected.model), prompt: 'Hi', maxRetries: 0 })
    await assert.rejects(asked, error => {
      assert(APICallError.isInstance(error))
      assert.deepEqual([error.statusCode, error.data.error.code], [expected.status, expected.code])
      return error.message.includes(expected.says)
    })
    // How often an overload is tried again depends on how many there were before.
    const { length } = await requests()
    assert(Math.min(expected.calls, 1) <= length && length <= expected.calls)
  })
}

for (const fault of gateway.BROKEN) {
  test(`broken stream: ${fault}`, async () => {
    const told = []
    const onError = ({ error }) => told.push(error)
    const answer = streamText({ model: model(`fault/${fault}`), prompt: '[[tokens=9]]', maxRetries: 0, onError })
    await all(answer.textStream).catch(() => {})
    assert(told.length > 0)
    assert.match(JSON.stringify(told.map(error => error?.message ?? error)), /SiliconFlow|upstream/)
  })
}
