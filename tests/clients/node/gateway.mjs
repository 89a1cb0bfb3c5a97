// What every client is tested with: where the gateway is, the keys, the cases, and the emulator's side of it.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach } from 'node:test'

const values = prefix => Object.entries(process.env).filter(([name]) => name.startsWith(prefix))

export const baseURL = process.env.GATEWAY
export const limitedURL = process.env.LIMITED_GATEWAY
export const keys = Object.fromEntries(values('KEY_').map(([name, value]) => [name.slice(4), value]))
const upstreamKeys = values('UPSTREAM_KEY').map(([, value]) => value)

export const CHAT = 'Qwen/Qwen3-8B'
export const THINKING = 'Qwen/Qwen3.5-4B'
export const USAGE_LAST = 'deepseek-ai/DeepSeek-V3.2'
export const VISION = 'Qwen/Qwen3-VL-8B-Instruct'
export const BROKEN_TOOLS = 'THUDM/GLM-4-9B-0414'
export const EMBEDDING = 'BAAI/bge-m3'
export const SPEECH = 'FunAudioLLM/CosyVoice2-0.5B'
export const VIDEO = 'Wan-AI/Wan2.2-T2V-A14B'
export const TRANSCRIPTION = 'FunAudioLLM/SenseVoiceSmall'

export const TEXT = 'A fox, 一只狐狸 and a 🦊 walk in.'
export const TWO_CITIES = 'What is the weather in Paris and Tokyo?'
export const WEATHER_SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
export const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

const cases = JSON.parse(readFileSync(process.env.CASES, 'utf8'))
/** Errors, and what a client must report of each; where `final`, a client's own retries must not happen. */
export const ERRORS = cases.errors.map(error => ({ model: CHAT, key: 'ANN', calls: 1, retries: error.final ? 2 : 0, ...error }))
/** Faults that a client must not notice. */
export const ODD = cases.odd
/** Faults that end a stream in its middle. */
export const BROKEN = cases.broken

/** A prompt that the emulator answers with exactly `text`. */
export const say = text => `[[say=${text}]]`
export const user = content => [{ role: 'user', content }]
export const thousandTexts = () => Array.from({ length: 1000 }, (_, number) => `Document ${number} of ${number % 7} kinds`)

async function emulator(path, body) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${upstreamKeys[0]}` }
  const method = body === undefined ? 'GET' : 'POST'
  const answer = await fetch(process.env.EMULATOR + path, { method, headers, body: body && JSON.stringify(body) })
  assert(answer.ok, `${path}: ${answer.status}`)
  return answer.json()
}

export const requests = () => emulator('/mock/requests')
export const bodies = async () => (await requests()).filter(request => request.body).map(request => JSON.parse(request.body))
export const billed = async () => (await emulator('/mock/billed')).total

/** Vectors of `texts` without the gateway, in calls that the upstream takes. */
export async function vectors(texts) {
  const found = []
  for (let first = 0; first < texts.length; first += 64) {
    const answer = await emulator('/v1/embeddings', { model: EMBEDDING, input: texts.slice(first, first + 64) })
    found.push(...answer.data.map(entry => entry.embedding))
  }
  return found
}

/** Equal within what single precision keeps. */
export const isSameVector = (one, other) =>
  one.length === other.length && one.every((value, index) => Math.abs(value - other[index]) < 1e-6)

export async function all(stream) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return parts
}

/** Makes the emulator fresh before each test; afterwards nothing of the caller's may have reached it. */
export function watchUpstream() {
  beforeEach(() => emulator('/mock/reset', {}))
  afterEach(async () => {
    for (const request of await requests()) {
      const seen = JSON.stringify(request)
      assert(!Object.values(keys).some(key => seen.includes(key)), "a caller's key went upstream")
      const headers = Object.fromEntries(request.headers)
      assert(upstreamKeys.includes(headers.authorization.replace('Bearer ', '')))
      assert(!Object.keys(headers).some(name => name.startsWith('x-stainless')), "a client's telemetry went upstream")
    }
  })
}
