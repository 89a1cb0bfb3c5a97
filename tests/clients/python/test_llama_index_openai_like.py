"""LlamaIndex with llama-index-llms-openai-like."""

import openai
import pytest
from gateway import *
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel


def model(name=CHAT, key="ANN", max_retries=0, **options):
    options = {"is_chat_model": True, "is_function_calling_model": True, **options}
    return OpenAILike(model=name, api_base=BASE_URL, api_key=KEYS[key], max_retries=max_retries, **options)


def message(content):
    return [ChatMessage(content)]


def assert_billed(emulator, usage):
    total = emulator.billed()
    assert (usage.prompt_tokens, usage.completion_tokens) == (total["prompt_tokens"], total["completion_tokens"])


def test_chat(emulator):
    answer = model().chat(message(say(TEXT)))
    assert answer.message.content == TEXT
    assert_billed(emulator, answer.raw.usage)


def test_complete():
    assert model().complete(say(TEXT)).text == TEXT


def test_stream_without_usage():
    *_, last = model().stream_chat(message(say(TEXT)))
    assert last.message.content == TEXT and last.raw.usage is None


@pytest.mark.parametrize("name", [CHAT, THINKING, "deepseek-ai/DeepSeek-V3.2"])
def test_stream_with_usage(emulator, name):
    options = {"stream_options": {"include_usage": True}}
    *_, last = model(name, additional_kwargs=options).stream_chat(message(say(TEXT)))
    assert last.message.content == TEXT
    assert_billed(emulator, last.raw.usage)


def test_reasoning():
    answer = model(THINKING).chat(message(say(TEXT) + "[[think=7]]"))
    assert answer.raw.choices[0].message.reasoning_content
    assert answer.raw.usage.completion_tokens_details.reasoning_tokens == 7


def get_weather(city: str) -> str:
    """Weather of a city."""
    return "Sunny"


@pytest.mark.parametrize("name", [CHAT, BROKEN_TOOLS])
def test_tools_streamed(name):
    llm = model(name)
    *_, last = llm.stream_chat_with_tools([FunctionTool.from_defaults(get_weather)], user_msg=TWO_CITIES, allow_parallel_tool_calls=True)
    calls = llm.get_tool_calls_from_response(last)
    assert [(call.tool_name, call.tool_kwargs["city"]) for call in calls] == [("get_weather", "Paris"), ("get_weather", "Tokyo")]


class City(BaseModel):
    """A city."""

    city: str
    people: int


@pytest.mark.parametrize("by_format", [True, False], ids=["json-schema", "tool"])
def test_structured_output(by_format):
    llm = model(should_use_structured_outputs=by_format).as_structured_llm(City)
    assert isinstance(llm.chat(message("A city")).raw, City)


def test_vision(emulator):
    image = ImageBlock(image=PIXEL.split(",")[1].encode(), image_mimetype="image/png")
    answer = model(VISION).chat([ChatMessage(role="user", blocks=[TextBlock(text=say(TEXT)), image])])
    assert answer.message.content == TEXT
    assert emulator.bodies()[0]["messages"][0]["content"][1]["image_url"]["url"] == PIXEL


@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_error(emulator, case):
    with pytest.raises(openai.APIStatusError) as caught:
        model(case.model, case.key).chat(message("Hi"))
    assert_reported(caught.value, case)
    assert len(emulator.requests()) == case.calls


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_stream(fault):
    with pytest.raises(openai.APIError):
        list(model(f"fault/{fault}").stream_chat(message("[[tokens=9]]")))
