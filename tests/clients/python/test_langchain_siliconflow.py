"""LangChain with langchain-siliconflow."""

import openai
import pytest
from gateway import *
from langchain_core.messages import HumanMessage
from langchain_siliconflow import ChatSiliconFlow, SiliconFlowEmbeddings
from test_langchain_openai import assert_billed, joined


def model(name=CHAT, key="ANN", **options):
    return ChatSiliconFlow(base_url=BASE_URL, api_key=KEYS[key], model=name, **options)


def test_chat(emulator):
    answer = model().invoke(say(TEXT))
    assert answer.content == TEXT
    assert_billed(emulator, answer.usage_metadata)


def test_stream_without_usage():
    answer = joined(model().stream(say(TEXT)))
    assert answer.content == TEXT and not answer.usage_metadata


@pytest.mark.parametrize("name", [CHAT, THINKING, "deepseek-ai/DeepSeek-V3.2"])
def test_stream_with_usage_is_not_summed(emulator, name):
    answer = joined(model(name, stream_usage=True).stream(say(TEXT)))
    assert answer.content == TEXT
    assert_billed(emulator, answer.usage_metadata)


def test_reasoning_whole_and_streamed():
    prompt = say(TEXT) + "[[think=7]]"
    whole, streamed = model(THINKING).invoke(prompt), joined(model(THINKING).stream(prompt))
    assert whole.additional_kwargs["reasoning_content"] == streamed.additional_kwargs["reasoning_content"] != ""
    assert whole.content == streamed.content == TEXT


def test_tools_streamed():
    called = joined(model().bind_tools([WEATHER_TOOL]).stream(TWO_CITIES))
    assert [(call["name"], call["args"]["city"]) for call in called.tool_calls] == [("get_weather", "Paris"), ("get_weather", "Tokyo")]


@pytest.mark.parametrize("method", ["json_mode", "function_calling"])
def test_structured_output(method):
    schema = {"title": "town", "description": "A town", **CITY_SCHEMA}
    answer = model().with_structured_output(schema, method=method).invoke("A town, as JSON")
    assert isinstance(answer, dict) and answer


def test_vision():
    parts = [{"type": "text", "text": say(TEXT)}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    assert model(VISION).invoke([HumanMessage(parts)]).content == TEXT


def test_thousand_embeddings(emulator):
    texts = thousand_texts()
    embeddings = SiliconFlowEmbeddings(base_url=BASE_URL, siliconflow_api_key=KEYS["ANN"], model=EMBEDDING)
    assert all(map(is_same_vector, embeddings.embed_documents(texts), emulator.vectors(texts)))


@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_error(emulator, case):
    with pytest.raises(openai.APIStatusError) as caught:
        model(case.model, case.key, max_retries=case.retries).invoke("Hi")
    assert_reported(caught.value, case)
    assert len(emulator.requests()) == case.calls


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_stream(fault):
    with pytest.raises(openai.APIError):
        list(model(f"fault/{fault}").stream("[[tokens=9]]"))
