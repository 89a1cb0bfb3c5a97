"""langchain-openai with `use_responses_api`."""

import pytest
from gateway import *
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI


def model(name=CHAT, **options):
    return ChatOpenAI(base_url=BASE_URL, api_key=KEYS["ANN"], model=name, use_responses_api=True, output_version="responses/v1", **options)


def joined(chunks):
    whole, *rest = chunks
    for chunk in rest:
        whole += chunk
    return whole


def assert_billed(emulator, usage):
    total = emulator.billed()
    assert (usage["input_tokens"], usage["output_tokens"]) == (total["prompt_tokens"], total["completion_tokens"])


@pytest.mark.parametrize("name", [CHAT, THINKING])
def test_text_whole_and_streamed(emulator, name):
    whole = model(name).invoke(say(TEXT))
    assert whole.text == TEXT
    assert_billed(emulator, whole.usage_metadata)
    emulator.reset()
    streamed = joined(model(name).stream(say(TEXT)))
    assert streamed.text == TEXT
    assert_billed(emulator, streamed.usage_metadata)


@pytest.mark.parametrize("name", [CHAT, BROKEN_TOOLS, "deepseek-ai/DeepSeek-V4-Pro"])
def test_tools_streamed_and_answered(name):
    bound = model(name).bind_tools([WEATHER_TOOL])
    called = joined(bound.stream(TWO_CITIES))
    assert [(call["name"], call["args"]["city"]) for call in called.tool_calls] == [("get_weather", "Paris"), ("get_weather", "Tokyo")]
    results = [ToolMessage("Sunny", tool_call_id=call["id"]) for call in called.tool_calls]
    assert "Sunny" in bound.invoke([HumanMessage(TWO_CITIES), called, *results]).text


def test_conversation_by_the_last_response(emulator):
    asked = model(use_previous_response_id=True)
    first = asked.invoke(say("one"))
    second = asked.invoke([HumanMessage(say("one")), first, HumanMessage(say("two"))])
    assert second.text == "two" and len(emulator.bodies()[1]["messages"]) == 3


def test_structured_output():
    schema = {"title": "town", "description": "A town", **CITY_SCHEMA}
    answer = model().with_structured_output(schema, method="json_schema").invoke("A town, as JSON")
    assert set(answer) == {"city", "people"}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_stream(fault):
    # LangChain makes this of `response.failed`.
    with pytest.raises(ValueError, match="SiliconFlow|upstream"):
        list(model(f"fault/{fault}", max_retries=0).stream("[[tokens=9]]"))
