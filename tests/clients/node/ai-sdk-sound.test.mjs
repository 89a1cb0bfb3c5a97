// The Vercel AI SDK with its provider for OpenAI: speech and transcription.

import { createOpenAI } from '@ai-sdk/openai'
import { experimental_generateSpeech as generateSpeech, experimental_transcribe as transcribe } from 'ai'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as gateway from './gateway.mjs'
import { SPEECH, TRANSCRIPTION } from './gateway.mjs'

gateway.watchUpstream()

const provider = createOpenAI({ baseURL: gateway.baseURL, apiKey: gateway.keys.ANN })

test('speech', async () => {
  const spoken = await generateSpeech({ model: provider.speech(SPEECH), text: 'Hello', voice: 'nova', outputFormat: 'wav', instructions: 'Be calm.' })
  assert.equal(Buffer.from(spoken.audio.uint8Array).toString('latin1', 0, 4), 'RIFF')
})

test('transcription', async () => {
  const heard = await transcribe({ model: provider.transcription(TRANSCRIPTION), audio: Buffer.alloc(32_000) })
  assert.equal(heard.text, 'A recording of 32000 bytes.')
  assert.deepEqual(heard.segments, [])
})
