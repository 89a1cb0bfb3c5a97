"""pydantic-ai."""

import asyncio
import base64

import pytest
from gateway import *
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, Embedder, NativeOutput, ToolOutput
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError
from pydantic_ai.messages import ThinkingPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def provider(key="ANN", max_retries=2):
    return OpenAIProvider(openai_client=AsyncOpenAI(base_url=BASE_URL, api_key=KEYS[key], max_retries=max_retries))


def agent(name=CHAT, **options):
    return Agent(OpenAIChatModel(name, provider=provider()), **options)


async def streamed(asked, prompt):
    async with asked.run_stream(prompt) as result:
        parts = [part async for part in result.stream_text(delta=True, debounce_by=None)]
    return parts, result


def assert_billed(emulator, usage):
    total = emulator.billed()
    assert (usage.input_tokens, usage.output_tokens) == (total["prompt_tokens"], total["completion_tokens"])


def test_chat(emulator):
    answer = agent().run_sync(say(TEXT))
    assert answer.output == TEXT
    assert_billed(emulator, answer.usage)


@pytest.mark.parametrize("name", [CHAT, THINKING, "deepseek-ai/DeepSeek-V3.2"])
def test_stream_with_usage_is_not_summed(emulator, name):
    parts, result = asyncio.run(streamed(agent(name), say(TEXT)))
    assert len(parts) > 5 and "".join(parts) == TEXT
    assert_billed(emulator, result.usage)


def test_reasoning_whole_and_streamed():
    prompt = say(TEXT) + "[[think=7]]"
    whole = agent(THINKING).run_sync(prompt)
    _, result = asyncio.run(streamed(agent(THINKING), prompt))
    for messages in (whole.all_messages(), result.all_messages()):
        assert any(isinstance(part, ThinkingPart) and part.content for part in messages[-1].parts)


@pytest.mark.parametrize("name", [CHAT, BROKEN_TOOLS])
def test_tools_streamed_and_answered(emulator, name):
    asked, cities = agent(name), []

    @asked.tool_plain
    def get_weather(city: str) -> str:
        cities.append(city)
        return "Sunny"

    parts, result = asyncio.run(streamed(asked, TWO_CITIES))
    assert sorted(cities) == ["Paris", "Tokyo"] and parts
    assert_billed(emulator, result.usage)


class City(BaseModel):
    city: str
    people: int


@pytest.mark.parametrize("kind", [NativeOutput, ToolOutput])
def test_structured_output(kind):
    assert isinstance(agent(output_type=kind(City)).run_sync("A city").output, City)


def test_vision(emulator):
    image = BinaryContent(base64.b64decode(PIXEL.split(",")[1]), media_type="image/png")
    assert agent(VISION).run_sync([say(TEXT), image]).output == TEXT
    assert emulator.bodies()[0]["messages"][0]["content"][1]["image_url"]["url"] == PIXEL


def test_thousand_embeddings(emulator):
    texts = thousand_texts()
    embedder = Embedder(OpenAIEmbeddingModel(EMBEDDING, provider=provider()))
    answer = embedder.embed_documents_sync(texts)
    assert answer.usage.input_tokens == emulator.billed()["prompt_tokens"]
    assert len(answer.embeddings) == 1000 and all(map(is_same_vector, answer.embeddings, emulator.vectors(texts)))


@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_error(emulator, case):
    model = OpenAIChatModel(case.model, provider=provider(case.key, case.retries))
    with pytest.raises(ModelHTTPError) as caught:
        Agent(model).run_sync("Hi")
    assert (caught.value.status_code, caught.value.body["code"]) == (case.status, case.code)
    assert case.says in caught.value.body["message"]
    assert len(emulator.requests()) == case.calls


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_stream(fault):
    with pytest.raises(ModelAPIError, match="SiliconFlow|upstream"):
        asyncio.run(streamed(agent(f"fault/{fault}"), "[[tokens=9]]"))
