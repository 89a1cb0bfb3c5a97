"""The LiteLLM SDK with its provider for Anthropic's protocol."""

import gc
import json

import litellm
import pytest
from gateway import *

ROOT = BASE_URL.removesuffix("/v1")
ERROR_CLASSES = {
    400: litellm.BadRequestError,
    401: litellm.AuthenticationError,
    404: litellm.NotFoundError,
    429: litellm.RateLimitError,
}


def chat(content, model=CHAT, key="ANN", **more):
    options = {"model": f"anthropic/{model}", "api_base": ROOT, "api_key": KEYS[key], "max_tokens": 2000}
    return litellm.completion(messages=user(content), **options, **more)


def test_messages(emulator):
    answer = chat(say(TEXT))
    assert answer.choices[0].message.content == TEXT
    total = emulator.billed()
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (total["prompt_tokens"], total["completion_tokens"])


@pytest.mark.parametrize("model", [CHAT, THINKING])
def test_stream(model):
    chunks = list(chat(say(TEXT), model, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT


def test_thinking_whole_and_streamed():
    # It knows only Anthropic's models to think.
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "allowed_openai_params": ["thinking"]}
    prompt = say(TEXT) + "[[think=7]]"
    whole = chat(prompt, THINKING, **thinking)
    streamed = litellm.stream_chunk_builder(list(chat(prompt, THINKING, stream=True, **thinking)))
    for answer in (whole, streamed):
        assert answer.choices[0].message.reasoning_content and answer.choices[0].message.content == TEXT


@pytest.mark.parametrize("model", [CHAT, BROKEN_TOOLS])
def test_tools_streamed(model):
    answer = litellm.stream_chunk_builder(list(chat(TWO_CITIES, model, stream=True, tools=[WEATHER_TOOL])))
    calls = answer.choices[0].message.tool_calls
    assert [(call.function.name, json.loads(call.function.arguments)["city"]) for call in calls] == [("get_weather", "Paris"), ("get_weather", "Tokyo")]


def test_vision(emulator):
    parts = [{"type": "text", "text": say(TEXT)}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    assert chat(parts, VISION).choices[0].message.content == TEXT
    assert emulator.bodies()[0]["messages"][0]["content"][1]["image_url"]["url"] == PIXEL


@pytest.mark.parametrize("case", [case for case in ERRORS if case.status in ERROR_CLASSES], ids=str)
def test_errors(case):
    with pytest.raises(ERROR_CLASSES[case.status]) as raised:
        chat("hello", case.model, case.key, num_retries=0)
    assert case.says in str(raised.value)


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_streams_raise(fault):
    with pytest.raises(Exception):
        list(chat(say(TEXT * 9), f"fault/{fault}:3", stream=True))
    # LiteLLM leaves the broken stream to the collector; within a later request httpcore would wait for its own lock.
    gc.collect()
