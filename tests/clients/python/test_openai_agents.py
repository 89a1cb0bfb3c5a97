"""The OpenAI Agents SDK with its default, the Responses API."""

import asyncio

import agents
import pytest
from agents import Agent, ModelSettings, OpenAIResponsesModel, RunConfig, Runner, function_tool
from gateway import *
from openai import AsyncOpenAI
from openai.types.shared import Reasoning
from pydantic import BaseModel

agents.set_tracing_disabled(True)


def model(name=CHAT):
    return OpenAIResponsesModel(name, AsyncOpenAI(base_url=BASE_URL, api_key=KEYS["ANN"], max_retries=0))


def run(agent, question, **options):
    return asyncio.run(Runner.run(agent, question, run_config=RunConfig(tracing_disabled=True), **options))


@pytest.mark.parametrize("name", [CHAT, BROKEN_TOOLS, "deepseek-ai/DeepSeek-V4-Pro"])
@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "stream"])
def test_tools(emulator, name, is_streamed):
    cities = []

    @function_tool
    def get_weather(city: str) -> str:
        """Weather of a city."""
        cities.append(city)
        return "Sunny"

    agent = Agent(name="Weather", instructions="Ask the tool.", model=model(name), tools=[get_weather])

    async def streamed():
        result = Runner.run_streamed(agent, TWO_CITIES)
        async for _event in result.stream_events():
            pass
        return result

    result = asyncio.run(streamed()) if is_streamed else run(agent, TWO_CITIES)
    assert sorted(cities) == ["Paris", "Tokyo"] and result.final_output == "According to the tool: Sunny; Sunny"
    total = emulator.billed()
    usage = result.context_wrapper.usage
    assert (usage.input_tokens, usage.output_tokens) == (total["prompt_tokens"], total["completion_tokens"])


class City(BaseModel):
    city: str
    people: int


def test_structured_output():
    agent = Agent(name="City", model=model(), output_type=City)
    assert isinstance(run(agent, "A city").final_output, City)


def test_conversation_by_the_last_response():
    first = run(Agent(name="Talk", model=model()), say("one"))
    # Another client: each run has an event loop of its own.
    second = run(Agent(name="Talk", model=model()), say("two"), previous_response_id=first.last_response_id)
    assert second.final_output == "two"


def test_reasoning():
    settings = ModelSettings(reasoning=Reasoning(effort="high", summary="auto"), store=False, response_include=["reasoning.encrypted_content"])
    result = run(Agent(name="Think", model=model(THINKING), model_settings=settings), say(TEXT))
    assert result.final_output == TEXT and result.new_items[0].type == "reasoning_item"


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_stream(fault):
    agent = Agent(name="Talk", model=model(f"fault/{fault}"))

    async def streamed():
        async for _event in Runner.run_streamed(agent, "[[tokens=9]]").stream_events():
            pass

    with pytest.raises(Exception, match="SiliconFlow|upstream|failed"):
        asyncio.run(streamed())
