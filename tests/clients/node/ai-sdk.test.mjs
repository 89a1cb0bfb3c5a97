// The Vercel AI SDK with its provider for OpenAI-compatible servers.

import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, Output, embedMany, generateImage, generateText, isStepCount, jsonSchema, streamText, tool } from 'ai'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as gateway from './gateway.mjs'
import { CHAT, TEXT, THINKING, all, billed, bodies, requests, say } from './gateway.mjs'

gateway.watchUpstream()

const provider = (key = 'ANN', options = {}) =>
  createOpenAICompatible({ name: 'flowgate', baseURL: gateway.baseURL, apiKey: gateway.keys[key], ...options })
const model = (name = CHAT) => provider()(name)

async function assertBilled(usage) {
  const { prompt_tokens, completion_tokens } = await billed()
  assert.deepEqual([usage.inputTokens, usage.outputTokens], [prompt_tokens, completion_tokens])
}

test('chat', async () => {
  const answer = await generateText({ model: model(), prompt: say(TEXT) })
  assert.equal(answer.text, TEXT)
  await assertBilled(answer.usage)
})

test('stream without usage', async () => {
  const answer = streamText({ model: model(), prompt: say(TEXT) })
  assert.equal((await all(answer.textStream)).join(''), TEXT)
  assert.equal((await answer.usage).totalTokens, undefined)
  assert.equal(await answer.finishReason, 'stop')
})

for (const name of [CHAT, THINKING, gateway.USAGE_LAST]) {
  test(`stream with usage, ${name}`, async () => {
    const answer = streamText({ model: provider('ANN', { includeUsage: true })(name), prompt: say(TEXT) })
    assert.equal((await all(answer.textStream)).join(''), TEXT)
    await assertBilled(await answer.usage)
  })
}

test('reasoning, whole and streamed', async () => {
  const asked = { model: model(THINKING), prompt: `${say(TEXT)}[[think=7]]` }
  const whole = await generateText(asked)
  const streamed = streamText(asked)
  await all(streamed.textStream)
  assert(whole.reasoningText)
  assert.equal(await streamed.reasoningText, whole.reasoningText)
  assert.equal(whole.usage.outputTokenDetails.reasoningTokens, 7)
})

for (const name of [CHAT, gateway.BROKEN_TOOLS]) {
  test(`tools streamed and answered, ${name}`, async () => {
    const cities = []
    const execute = async ({ city }) => {
      cities.push(city)
      return 'Sunny'
    }
    const tools = { get_weather: tool({ inputSchema: jsonSchema(gateway.WEATHER_SCHEMA), execute }) }
    const answer = streamText({ model: model(name), prompt: gateway.TWO_CITIES, tools, stopWhen: isStepCount(3) })
    assert((await all(answer.textStream)).join(''))
    assert.deepEqual(cities.sort(), ['Paris', 'Tokyo'])
  })
}

for (const supportsStructuredOutputs of [true, false]) {
  test(`structured output, ${supportsStructuredOutputs ? 'JSON schema' : 'JSON mode'}`, async () => {
    const schema = jsonSchema(supportsStructuredOutputs ? gateway.WEATHER_SCHEMA : { type: 'object' })
    const model = provider('ANN', { supportsStructuredOutputs })(CHAT)
    const answer = await generateText({ model, prompt: 'A city as JSON', output: Output.object({ schema }) })
    assert.equal(typeof answer.output, 'object')
  })
}

test('vision', async () => {
  const content = [{ type: 'text', text: say(TEXT) }, { type: 'file', data: gateway.PIXEL, mediaType: 'image/png' }]
  const answer = await generateText({ model: model(gateway.VISION), messages: [{ role: 'user', content }] })
  assert.equal(answer.text, TEXT)
  assert((await bodies())[0].messages[0].content[1].image_url.url.endsWith(gateway.PIXEL))
})

test('a thousand embeddings', async () => {
  const values = gateway.thousandTexts()
  const answer = await embedMany({ model: provider().embeddingModel(gateway.EMBEDDING), values })
  assert.equal(answer.usage.tokens, (await billed()).prompt_tokens)
  const expected = await gateway.vectors(values)
  assert.equal(answer.embeddings.length, 1000)
  assert(answer.embeddings.every((vector, index) => gateway.isSameVector(vector, expected[index])))
})

test('pictures', async () => {
  const model = provider().imageModel('Kwai-Kolors/Kolors')
  const { images } = await generateImage({ model, prompt: 'A cat', size: '1024x1024', n: 2 })
  assert.equal(images.length, 2)
  assert(images.every(({ mediaType, uint8Array }) => mediaType === 'image/png' && uint8Array[1] === 0x50))
  assert.equal((await billed()).images, 2)
})

test('a picture edited', async () => {
  const pixel = Buffer.from(gateway.PIXEL, 'base64')
  const model = provider().imageModel('Qwen/Qwen-Image-Edit')
  const { image } = await generateImage({ model, prompt: { text: 'Blue', images: [pixel] } })
  assert.equal(image.mediaType, 'image/png')
  const [sent] = await bodies()
  assert.deepEqual([sent.prompt, sent.image], ['Blue', `data:image/png;base64,${gateway.PIXEL}`])
})

for (const expected of gateway.ERRORS) {
  test(`error: ${expected.name}`, async () => {
    const asked = generateText({ model: provider(expected.key)(expected.model), prompt: 'Hi', maxRetries: 0 })
    await assert.rejects(asked, error => {
      assert(APICallError.isInstance(error))
      assert.deepEqual([error.statusCode, error.data.error.code], [expected.status, expected.code])
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
    const received = []
    const read = async () => {
      for await (const text of answer.textStream) received.push(text)
    }
    await assert.rejects(read())
    assert(received.length > 0)
    assert.match(told[0], /SiliconFlow|upstream/)
    await assert.rejects(Promise.resolve(answer.finishReason))
  })
}
