"""Anthropic's own SDK: every mode of messages, counted tokens, models, errors."""

import anthropic
import pydantic
import pytest
from gateway import *

ROOT = BASE_URL.removesuffix("/v1")
WEATHER = {"name": "get_weather", "description": "Weather of a city", "input_schema": WEATHER_SCHEMA}
THINK = {"type": "enabled", "budget_tokens": 1024}
ADAPTIVE = {"type": "adaptive"}
PICTURE = {"type": "base64", "media_type": "image/png", "data": PIXEL.split(",")[1]}
ERROR_CLASSES = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    404: anthropic.NotFoundError,
    429: anthropic.RateLimitError,
}


def client(key="ANN", **more):
    return anthropic.Anthropic(base_url=ROOT, api_key=KEYS[key], **{"max_retries": 0, **more})


def ask(content, model=CHAT, key="ANN", retries=0, **more):
    return client(key, max_retries=retries).messages.create(model=model, max_tokens=2000, messages=user(content), **more)


def assert_billed(emulator, usage):
    total = emulator.billed()
    assert usage.input_tokens + usage.cache_read_input_tokens == total["prompt_tokens"]
    assert usage.output_tokens == total["completion_tokens"]


def test_create(emulator):
    answer = ask(say(TEXT), system="You are terse.", stop_sequences=["END"], metadata={"user_id": "u"}, extra_body={"temperature": 0.5})
    (sent,) = emulator.bodies()
    assert (sent["temperature"], sent["stop"]) == (0.5, ["END"]) and "metadata" not in sent
    assert answer.content[0].text == TEXT
    assert (answer.stop_reason, answer.role, answer.type) == ("end_turn", "assistant", "message")
    assert answer.model == CHAT and answer._request_id
    assert_billed(emulator, answer.usage)


@pytest.mark.parametrize("model", [CHAT, THINKING, SAYS_EOS, "deepseek-ai/DeepSeek-V3.2"])
def test_who_does_not_ask_for_thinking_reads_the_first_block(model):
    assert ask(say(TEXT), model).content[0].text == TEXT


@pytest.mark.parametrize("model", [CHAT, THINKING, SAYS_EOS, "deepseek-ai/DeepSeek-V3.2"])
def test_stream_helper(emulator, model):
    with client().messages.stream(model=model, max_tokens=2000, messages=user(say(TEXT))) as stream:
        assert "".join(stream.text_stream) == TEXT
        answer = stream.get_final_message()
    assert answer.content[0].text == TEXT and answer.stop_reason == "end_turn"
    assert_billed(emulator, answer.usage)


def test_raw_stream():
    events = list(ask(say(TEXT), stream=True))
    assert events[0].type == "message_start" and events[0].message.usage.input_tokens > 0
    assert events[-1].type == "message_stop"
    assert "".join(event.delta.text for event in events if event.type == "content_block_delta") == TEXT


@pytest.mark.parametrize("thinking", [THINK, ADAPTIVE, {**ADAPTIVE, "display": "omitted"}])
def test_thinking_whole_and_streamed(thinking):
    prompt = say(TEXT) + "[[think=7]]"
    whole = ask(prompt, THINKING, thinking=thinking)
    with client().messages.stream(model=THINKING, max_tokens=2000, messages=user(prompt), thinking=thinking) as stream:
        streamed = stream.get_final_message()
    for answer in (whole, streamed):
        thought, text = answer.content
        assert (thought.type, text.text) == ("thinking", TEXT) and thought.signature
        assert bool(thought.thinking) == ("display" not in thinking)
    assert [whole.content[0], whole.content[1].text] == [streamed.content[0], streamed.content[1].text]
    assert whole.usage.output_tokens_details.thinking_tokens == 7


@pytest.mark.parametrize("model", [CHAT, THINKING, BROKEN_TOOLS])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_tools_and_their_results(emulator, model, is_streamed):
    options = {"model": model, "max_tokens": 2000, "tools": [WEATHER], "thinking": ADAPTIVE}

    def turn(messages):
        if not is_streamed:
            return client().messages.create(messages=messages, **options)
        with client().messages.stream(messages=messages, **options) as stream:
            return stream.get_final_message()

    messages = user(TWO_CITIES)
    answer = turn(messages)
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert answer.stop_reason == "tool_use"
    assert [(call.name, call.input) for call in calls] == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Tokyo"})]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": f"{call.input['city']}: sunny"} for call in calls]
    messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    assert "sunny" in turn(messages).content[-1].text
    sent = emulator.bodies()[-1]["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool"]
    thoughts = [block.thinking for block in answer.content if block.type == "thinking"]
    assert sent[1].get("reasoning_content", "") == "".join(thoughts)


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_tool_choice(choice):
    answer = ask("Hello from Oslo", tools=[WEATHER], tool_choice={**choice, "disable_parallel_tool_use": True})
    assert [block.type for block in answer.content] == ["tool_use"]
    assert not any(block.type == "tool_use" for block in ask(say(TEXT), tools=[WEATHER], tool_choice={"type": "none"}).content)


def test_tool_runner():
    cities = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Weather of a city"""
        cities.append(city)
        return f"{city}: sunny"

    runner = client().beta.messages.tool_runner(model=CHAT, max_tokens=500, messages=user(TWO_CITIES), tools=[get_weather])
    assert "sunny" in runner.until_done().content[-1].text
    assert cities == ["Paris", "Tokyo"]


class City(pydantic.BaseModel):
    city: str
    people: int


def test_parsed_output():
    answer = client().messages.parse(model=CHAT, max_tokens=500, messages=user("A city"), output_format=City)
    assert isinstance(answer.parsed_output, City)


def test_pictures(emulator):
    blocks = [{"type": "text", "text": say(TEXT)}, {"type": "image", "source": PICTURE}]
    assert ask(blocks, VISION).content[0].text == TEXT
    assert emulator.bodies()[0]["messages"][0]["content"][1]["image_url"]["url"] == PIXEL


def test_documents():
    document = {"type": "document", "title": "Notes", "source": {"type": "text", "media_type": "text/plain", "data": "It rained."}}
    assert ask([document, {"type": "text", "text": say(TEXT)}]).content[0].text == TEXT
    with pytest.raises(anthropic.BadRequestError, match="PDF"):
        ask([{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}])


def test_what_claude_code_adds(emulator):
    """The beta namespace sends `?beta=true` and `anthropic-beta`."""
    answer = client().beta.messages.create(
        model=CHAT,
        max_tokens=500,
        betas=["interleaved-thinking-2025-05-14", "context-management-2025-06-27"],
        thinking=ADAPTIVE,
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        output_config={"effort": "high"},
        system=[{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        messages=user(say(TEXT)),
    )
    assert answer.content[-1].text == TEXT
    (request,) = emulator.requests()
    assert request["path"] == "/v1/chat/completions" and not any("anthropic" in name for name, _ in request["headers"])


def test_tokens_are_counted(emulator):
    few = client().messages.count_tokens(model=CHAT, messages=user("Hello")).input_tokens
    more = client().messages.count_tokens(model=CHAT, messages=user("Hello"), tools=[WEATHER], system="You are terse.").input_tokens
    blocks = [{"type": "image", "source": PICTURE}]
    assert 0 < few < more and client().messages.count_tokens(model=VISION, messages=user(blocks)).input_tokens > few
    assert not emulator.requests()


def test_models():
    all_of_them = [model for model in client().models.list(limit=7)]
    ids = [model.id for model in all_of_them]
    assert len(ids) > 7 and len(set(ids)) == len(ids) and CHAT in ids and EMBEDDING not in ids
    assert client().models.retrieve(CHAT).display_name == CHAT


def test_names_of_other_models():
    assert ask(say(TEXT), "gpt-4o-mini").model == CHAT


@pytest.mark.parametrize("case", ERRORS, ids=str)
@pytest.mark.parametrize("is_streamed", [False, True])
def test_errors(emulator, case, is_streamed):
    status = 529 if case.code == "server_is_overloaded" else case.status
    with pytest.raises(ERROR_CLASSES.get(status, anthropic.InternalServerError)) as raised:
        ask("hello", case.model, case.key, retries=case.retries, stream=is_streamed)
    error = raised.value
    assert error.status_code == status
    assert case.says in error.body["error"]["message"] and error.body["type"] == "error"
    assert error.body["request_id"] == error.request_id
    if case.retry_after:
        assert error.response.headers.get("retry-after") == case.retry_after
    assert len(emulator.requests()) == case.calls


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_streams_raise(fault):
    with pytest.raises((anthropic.APIStatusError, anthropic.APIConnectionError)):
        with client().messages.stream(model=f"fault/{fault}:3", max_tokens=2000, messages=user(say(TEXT * 9))) as stream:
            stream.get_final_message()


@pytest.mark.parametrize("fault", ODD)
def test_odd_streams_are_whole(fault):
    with client().messages.stream(model=f"fault/{fault}", max_tokens=2000, messages=user(say(TEXT))) as stream:
        answer = stream.get_final_message()
    assert answer.content[0].text == TEXT and answer.usage.output_tokens > 0
