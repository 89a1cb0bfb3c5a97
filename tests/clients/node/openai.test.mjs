// openai-node, 7.x and 4.x: PACKAGE says which.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as gateway from './gateway.mjs'
import { CHAT, EMBEDDING, SPEECH, TEXT, THINKING, TRANSCRIPTION, VIDEO, all, billed, bodies, requests, say, user } from './gateway.mjs'

const { default: OpenAI, APIError, toFile } = await import(process.env.PACKAGE)
gateway.watchUpstream()

const client = (key = 'ANN', options = {}) => new OpenAI({ baseURL: gateway.baseURL, apiKey: gateway.keys[key], ...options })
const chat = (content, options = {}) => client().chat.completions.create({ model: CHAT, messages: user(content), ...options })
const text = chunks => chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join('')
const weather = { type: 'function', function: { name: 'get_weather', parameters: gateway.WEATHER_SCHEMA } }

async function assertBilled(usage) {
  const { prompt_tokens, completion_tokens } = await billed()
  assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [prompt_tokens, completion_tokens])
}

test('chat', async () => {
  const answer = await chat(say(TEXT))
  assert.equal(answer.choices[0].message.content, TEXT)
  assert.match(answer._request_id, /^req_/)
  await assertBilled(answer.usage)
})

for (const model of [CHAT, THINKING, gateway.USAGE_LAST]) {
  test(`stream without usage, ${model}`, async () => {
    const chunks = await all(await chat(say(TEXT), { model, stream: true }))
    assert(chunks.every(chunk => chunk.choices.length === 1 && !chunk.usage))
    assert.equal(text(chunks), TEXT)
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop')
  })

  test(`stream with usage, ${model}`, async () => {
    const chunks = await all(await chat(say(TEXT), { model, stream: true, stream_options: { include_usage: true } }))
    const last = chunks.pop()
    assert(chunks.every(chunk => chunk.choices.length === 1 && !chunk.usage))
    assert.deepEqual(last.choices, [])
    await assertBilled(last.usage)
  })
}

test('reasoning, whole and streamed', async () => {
  const answer = await chat(`${say(TEXT)}[[think=7]]`, { model: THINKING })
  assert(answer.choices[0].message.reasoning_content)
  assert.equal(answer.usage.completion_tokens_details.reasoning_tokens, 7)
  const chunks = await all(await chat(`${say(TEXT)}[[think=7]]`, { model: THINKING, stream: true }))
  assert.equal(chunks.filter(chunk => chunk.choices[0].delta.reasoning_content).length, 7)
  assert.equal(text(chunks), TEXT)
})

for (const model of [CHAT, gateway.BROKEN_TOOLS]) {
  test(`tools streamed and answered, ${model}`, async () => {
    const { completions } = (client().chat.completions.stream ? client() : client().beta).chat
    const asked = user(gateway.TWO_CITIES)
    const { choices } = await completions.stream({ model, messages: asked, tools: [weather] }).finalChatCompletion()
    const calls = choices[0].message.tool_calls
    assert.deepEqual(calls.map(call => JSON.parse(call.function.arguments).city), ['Paris', 'Tokyo'])
    assert(calls.every(call => call.id && call.function.name === 'get_weather'))
    const results = calls.map(call => ({ role: 'tool', tool_call_id: call.id, content: 'Sunny' }))
    const messages = [...asked, choices[0].message, ...results]
    const answer = await client().chat.completions.create({ model, messages, tools: [weather] })
    assert(answer.choices[0].message.content)
  })
}

test('JSON mode', async () => {
  const answer = await chat('A city as JSON', { response_format: { type: 'json_object' } })
  assert.equal(typeof JSON.parse(answer.choices[0].message.content), 'object')
})

test('JSON schema', async () => {
  const format = { type: 'json_schema', json_schema: { name: 'weather', strict: true, schema: gateway.WEATHER_SCHEMA } }
  const answer = await chat('A city', { response_format: format })
  assert.equal(typeof JSON.parse(answer.choices[0].message.content).city, 'string')
})

test('vision', async () => {
  const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${gateway.PIXEL}` } }
  const parts = [{ type: 'text', text: say(TEXT) }, image]
  const answer = await chat(parts, { model: gateway.VISION })
  assert.equal(answer.choices[0].message.content, TEXT)
  assert(answer.usage.prompt_tokens > 256)
  assert.deepEqual((await bodies())[0].messages, user(parts))
})

test('a thousand embeddings', async () => {
  const input = gateway.thousandTexts()
  const answer = await client().embeddings.create({ model: EMBEDDING, input })
  assert.equal(answer.usage.prompt_tokens, (await billed()).prompt_tokens)
  assert.deepEqual(answer.data.map(entry => entry.index), input.map((_, index) => index))
  const expected = await gateway.vectors(input)
  assert(answer.data.every(({ embedding, index }) => gateway.isSameVector(embedding, expected[index])))
})

test('speech', async () => {
  const answer = await client().audio.speech.create({ model: SPEECH, voice: `${SPEECH}:alex`, input: 'Hello', response_format: 'wav' })
  assert.equal(Buffer.from(await answer.arrayBuffer()).toString('latin1', 0, 4), 'RIFF')
})

test('transcription', async () => {
  const file = await toFile(Buffer.alloc(32_000), 'a.wav')
  const answer = await client().audio.transcriptions.create({ model: TRANSCRIPTION, file })
  assert.equal(answer.text, 'A recording of 32000 bytes.')
})

test("speech and transcription in OpenAI's fields", async () => {
  const { audio } = client()
  const spoken = await audio.speech.create({ model: SPEECH, voice: 'nova', input: 'Hello', response_format: 'mp3', speed: 2 })
  assert.equal(spoken.headers.get('content-type'), 'audio/mpeg')
  const file = await toFile(Buffer.alloc(32_000), 'a.wav')
  const hear = options => audio.transcriptions.create({ model: TRANSCRIPTION, file, ...options })
  assert.equal(await hear({ response_format: 'text' }), 'A recording of 32000 bytes.')
  const verbose = await hear({ response_format: 'verbose_json', language: 'en' })
  assert.deepEqual([verbose.text, verbose.language, verbose.segments], ['A recording of 32000 bytes.', 'en', []])
  await assert.rejects(hear({ response_format: 'vtt' }), /subtitles/)
})

// Older versions of the library have none.
if (new OpenAI({ apiKey: 'none' }).videos) test('videos', async () => {
  const { videos } = client()
  let video = await videos.create({ model: VIDEO, prompt: 'A cat' })
  for (let tries = 0; video.status !== 'completed' && tries < 300; tries += 1) {
    await new Promise(done => setTimeout(done, 100))
    video = await videos.retrieve(video.id)
  }
  const content = await videos.downloadContent(video.id)
  assert.equal(Buffer.from(await content.arrayBuffer()).toString('latin1', 4, 8), 'ftyp')
  assert((await all(videos.list())).some(({ id }) => id === video.id))
  assert.equal((await videos.delete(video.id)).deleted, true)
})

test('files and batches', async () => {
  const { files, batches } = client()
  const line = { custom_id: 'one', method: 'POST', url: '/v1/chat/completions', body: { model: CHAT, messages: user(say(TEXT)) } }
  const file = await files.create({ file: await toFile(Buffer.from(`${JSON.stringify(line)}\n`), 'a.jsonl'), purpose: 'batch' })
  assert.equal((await files.retrieve(file.id)).status, 'processed')
  let batch = await batches.create({ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' })
  for (let tries = 0; batch.status !== 'completed' && tries < 300; tries += 1) {
    await new Promise(done => setTimeout(done, 100))
    batch = await batches.retrieve(batch.id)
  }
  const answer = JSON.parse(await (await files.content(batch.output_file_id)).text())
  assert.equal(answer.response.body.choices[0].message.content, TEXT)
})

const DRAWS = 'Kwai-Kolors/Kolors'
const isPng = base64 => Buffer.from(base64, 'base64').toString('latin1', 1, 4) === 'PNG'

test('pictures by link and as base64', async () => {
  const byLink = await client().images.generate({ model: DRAWS, prompt: 'A cat', size: '1024x1024', n: 2 })
  assert.equal(byLink.data.length, 2)
  const file = await fetch(byLink.data[1].url)
  assert.equal(file.headers.get('content-type'), 'image/png')
  assert(isPng(Buffer.from(await file.arrayBuffer()).toString('base64')))
  const whole = await client().images.generate({ model: DRAWS, prompt: 'A cat', response_format: 'b64_json' })
  assert(isPng(whole.data[0].b64_json))
  assert.equal((await billed()).images, 3)
})

// The older package does not know that pictures can be streamed.
if (process.env.PACKAGE !== 'openai-4') {
  test('a picture streamed', async () => {
    const events = await all(await client().images.generate({ model: DRAWS, prompt: 'A cat', stream: true }))
    assert.deepEqual(events.map(({ type }) => type), ['image_generation.completed'])
    assert(isPng(events[0].b64_json))
  })
}

test('a picture edited', async () => {
  const image = await toFile(Buffer.from(gateway.PIXEL, 'base64'), 'a.png', { type: 'image/png' })
  const edited = await client().images.edit({ model: 'Qwen/Qwen-Image-Edit', image, prompt: 'Blue', response_format: 'b64_json' })
  assert(isPng(edited.data[0].b64_json))
  assert.equal((await bodies())[0].image, `data:image/png;base64,${gateway.PIXEL}`)
})

test("OpenAI's names without a changed line", async () => {
  const openai = new OpenAI({ baseURL: gateway.limitedURL, apiKey: gateway.keys.ANN })
  const answer = await openai.chat.completions.create({ model: 'gpt-4o', messages: user(say(TEXT)) })
  assert.equal(answer.choices[0].message.content, TEXT)
  const vectors = await openai.embeddings.create({ model: 'text-embedding-3-small', input: ['apple', 'pear'] })
  assert(vectors.data.length === 2 && vectors.data[0].embedding.length > 100)
  const file = await toFile(Buffer.alloc(32_000), 'a.wav')
  assert.equal((await openai.audio.transcriptions.create({ model: 'whisper-1', file })).text, 'A recording of 32000 bytes.')
  const spoken = await openai.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'Hello', response_format: 'wav' })
  assert.equal(Buffer.from(await spoken.arrayBuffer()).toString('latin1', 0, 4), 'RIFF')
  const drawn = await openai.images.generate({ model: 'dall-e-3', prompt: 'A cat', size: '1024x1024' })
  assert.match(drawn.data[0].url, /^http/)
  const ids = (await all(openai.models.list())).map(model => model.id)
  assert(['gpt-4o', 'text-embedding-3-small', 'whisper-1', 'tts-1', 'dall-e-3'].every(id => ids.includes(id)))
})

test('models', async () => {
  const ids = (await all(client().models.list())).map(model => model.id)
  assert(ids.includes(CHAT) && ids.includes('gpt-4o-mini'))
  assert.equal((await client().models.retrieve(CHAT)).id, CHAT)
  const allowed = await all(client('RESTRICTED').models.list())
  assert(allowed.every(({ id }) => id.startsWith('Qwen/') || id === 'gpt-4o-mini'))
})

for (const expected of gateway.ERRORS) {
  for (const stream of [false, true]) {
    test(`error: ${expected.name}${stream ? ' (stream)' : ''}`, async () => {
      const caller = client(expected.key, { maxRetries: expected.retries })
      const asked = caller.chat.completions.create({ model: expected.model, messages: user('Hi'), stream })
      await assert.rejects(asked, error => {
        assert(error instanceof APIError)
        assert.deepEqual([error.status, error.code], [expected.status, expected.code])
        assert(error.message.includes(expected.says), error.message)
        const retryAfter = new Headers(error.headers).get('retry-after')
        return !expected.retry_after || expected.retry_after === retryAfter
      })
      assert.equal((await requests()).length, expected.calls)
    })
  }
}

test('an endpoint closed to a restricted key', async () => {
  await assert.rejects(all(client('RESTRICTED').files.list()), { status: 403, code: 'endpoint_not_allowed' })
  assert.deepEqual(await requests(), [])
})

for (const fault of gateway.ODD) {
  test(`odd stream: ${fault}`, async () => {
    const options = { model: `fault/${fault}`, stream: true, stream_options: { include_usage: true } }
    const chunks = await all(await chat(say(TEXT), options))
    assert.equal(text(chunks), TEXT)
    const plain = (await chat(say(TEXT))).usage
    assert.equal(chunks.at(-1).usage.total_tokens, plain.total_tokens)
  })
}

for (const fault of gateway.BROKEN) {
  test(`broken stream: ${fault}`, async () => {
    const received = []
    const read = async () => {
      for await (const chunk of await chat('[[tokens=9]]', { model: `fault/${fault}`, stream: true })) received.push(chunk)
    }
    await assert.rejects(read(), APIError)
    assert(received.length > 0 && !received.some(chunk => chunk.choices[0].finish_reason))
  })
}
