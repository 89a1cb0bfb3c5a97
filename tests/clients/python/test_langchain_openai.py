"""LangChain with langchain-openai."""

import openai
import pytest
from gateway import *
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings


def model(name=CHAT, key="ANN", **options):
    return ChatOpenAI(base_url=BASE_URL, api_key=KEYS[key], model=name, **options)


def joined(chunks):
    whole, *rest = chunks
    for chunk in rest:
        whole += chunk
    return whole


def assert_billed(emulator, usage):
    total = emulator.billed()
    assert (usage["input_tokens"], usage["output_tokens"]) == (total["prompt_tokens"], total["completion_tokens"])


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


def test_reasoning_is_counted():
    answer = model(THINKING).invoke(say(TEXT) + "[[think=7]]")
    assert answer.usage_metadata["output_token_details"]["reasoning"] == 7


@pytest.mark.parametrize("name", [CHAT, BROKEN_TOOLS])
def test_tools_streamed_and_answered(name):
    bound = model(name).bind_tools([WEATHER_TOOL])
    called = joined(bound.stream(TWO_CITIES))
    assert [(call["name"], call["args"]["city"]) for call in called.tool_calls] == [("get_weather", "Paris"), ("get_weather", "Tokyo")]
    results = [ToolMessage("Sunny", tool_call_id=call["id"]) for call in called.tool_calls]
    history = [HumanMessage(TWO_CITIES), AIMessage("", tool_calls=called.tool_calls), *results]
    assert bound.invoke(history).content


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
def test_structured_output(method):
    schema = {"title": "town", "description": "A town", **CITY_SCHEMA}
    answer = model().with_structured_output(schema, method=method).invoke("A town, as JSON")
    assert isinstance(answer, dict) and answer


def test_vision(emulator):
    parts = [{"type": "text", "text": say(TEXT)}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    assert model(VISION).invoke([HumanMessage(parts)]).content == TEXT
    assert emulator.bodies()[0]["messages"][0]["content"][1]["image_url"]["url"] == PIXEL


def test_batch():
    assert [answer.content for answer in model().batch([say(str(number)) for number in range(8)])] == list("01234567")


def test_thousand_embeddings(emulator):
    texts = thousand_texts()
    embeddings = OpenAIEmbeddings(base_url=BASE_URL, api_key=KEYS["ANN"], model=EMBEDDING, check_embedding_ctx_length=False, chunk_size=1000)
    vectors = embeddings.embed_documents(texts)
    assert all(map(is_same_vector, vectors, emulator.vectors(texts))) and len(vectors) == 1000
    assert is_same_vector(embeddings.embed_query(texts[999]), vectors[999])


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
