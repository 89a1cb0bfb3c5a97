"""The Responses API with openai-python, 3.x and 1.x, in every mode."""

import json

import openai
import pytest
from gateway import *
from openai import OpenAI
from pydantic import BaseModel

WEATHER = {"type": "function", "name": "get_weather", "description": "Weather of a city", "parameters": WEATHER_SCHEMA, "strict": False}


def client(key="ANN", **options):
    return OpenAI(base_url=BASE_URL, api_key=KEYS[key], **options)


def respond(content, model=CHAT, **options):
    return client().responses.create(model=model, input=content, **options)


def assert_billed(emulator, usage):
    total = emulator.billed()
    assert (usage.input_tokens, usage.output_tokens) == (total["prompt_tokens"], total["completion_tokens"])


def test_text(emulator):
    answer = respond(say(TEXT), instructions="Be short.", metadata={"topic": "fox"})
    assert (answer.output_text, answer.status, answer.metadata) == (TEXT, "completed", {"topic": "fox"})
    assert_billed(emulator, answer.usage)
    assert answer._request_id.startswith("req_") and answer.id == f"resp_{answer._request_id[4:]}"
    assert emulator.bodies()[0]["messages"][0] == {"role": "system", "content": "Be short."}


def test_events(emulator):
    events = list(respond(say(TEXT), stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    assert events[-1].response.output_text == TEXT
    assert_billed(emulator, events[-1].response.usage)


@pytest.mark.parametrize("model", [CHAT, THINKING])
def test_stream_helper(emulator, model):
    with client().responses.stream(model=model, input=say(TEXT)) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_response()
    assert answer.output_text == TEXT and "response.output_text.delta" in kinds
    assert ("response.reasoning_summary_text.delta" in kinds) == (model == THINKING)
    assert_billed(emulator, answer.usage)


def test_reasoning(emulator):
    answer = respond(say(TEXT) + "[[think=7]]", model=THINKING, reasoning={"effort": "medium", "summary": "auto"}, include=["reasoning.encrypted_content"])
    thought = answer.output[0]
    assert thought.type == "reasoning" and thought.summary[0].text and thought.encrypted_content
    assert answer.usage.output_tokens_details.reasoning_tokens == emulator.billed()["reasoning_tokens"] == 7


@pytest.mark.parametrize("model", [CHAT, BROKEN_TOOLS])
@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "sent along"])
def test_tools_streamed_and_answered(model, is_kept):
    with client().responses.stream(model=model, input=TWO_CITIES, tools=[WEATHER], store=is_kept) as stream:
        called = stream.get_final_response()
    calls = [item for item in called.output if item.type == "function_call"]
    assert [json.loads(call.arguments)["city"] for call in calls] == ["Paris", "Tokyo"]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "Sunny"} for call in calls]
    if is_kept:
        answer = respond(results, model=model, tools=[WEATHER], previous_response_id=called.id)
    else:
        items = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in called.output]
        answer = respond(user(TWO_CITIES) + items + results, model=model, tools=[WEATHER], store=False)
    assert answer.output_text == "According to the tool: Sunny; Sunny"


def test_forced_tool():
    answer = respond("Hello", tools=[WEATHER], tool_choice={"type": "function", "name": "get_weather"})
    assert answer.output[0].name == "get_weather" and answer.status == "completed"


def test_custom_tool():
    tool = {"type": "custom", "name": "run_code", "description": "Runs code"}
    answer = respond("Run the code, please", tools=[tool])
    assert (answer.output[0].type, answer.output[0].name) == ("custom_tool_call", "run_code")
    *_, done = [event for event in respond("Run the code, please", tools=[tool], stream=True) if event.type == "response.custom_tool_call_input.done"]
    assert done.input == answer.output[0].input
    result = {"type": "custom_tool_call_output", "call_id": answer.output[0].call_id, "output": "7"}
    assert respond([result], tools=[tool], previous_response_id=answer.id).output_text == "According to the tool: 7"


class City(BaseModel):
    city: str
    people: int


def test_parsed():
    answer = client().responses.parse(model=CHAT, input="A city", text_format=City)
    assert isinstance(answer.output_parsed, City)
    with client().responses.stream(model=CHAT, input="A city", text_format=City) as stream:
        assert isinstance(stream.get_final_response().output_parsed, City)


def test_json_mode():
    answer = respond("A city as JSON", text={"format": {"type": "json_object"}})
    assert isinstance(json.loads(answer.output_text), dict)


def test_cut_off():
    answer = respond("[[tokens=40]]", max_output_tokens=5)
    assert (answer.status, answer.incomplete_details.reason, answer.usage.output_tokens) == ("incomplete", "max_output_tokens", 5)


def test_vision(emulator):
    parts = [{"type": "input_text", "text": say(TEXT)}, {"type": "input_image", "image_url": PIXEL, "detail": "low"}]
    assert respond(user(parts), model=VISION).output_text == TEXT
    assert emulator.bodies()[0]["messages"][0]["content"][1] == {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}


def test_kept_and_forgotten(emulator):
    first = respond(say("one"))
    second = respond(say("two"), previous_response_id=first.id)
    assert client().responses.retrieve(second.id).output_text == "two"
    items = client().responses.input_items.list(second.id, order="asc", limit=1)
    assert items.has_more
    texts = [item.content[0].text for item in items]
    assert texts == [say("one"), "one", say("two")]
    for other in (client("RESTRICTED").responses.retrieve, client("RESTRICTED").responses.delete):
        with pytest.raises(openai.NotFoundError):
            other(second.id)
    client().responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        client().responses.retrieve(second.id)
    with pytest.raises(openai.BadRequestError) as raised:
        respond("Hi", previous_response_id=second.id)
    assert raised.value.code == "previous_response_not_found"
    with pytest.raises(openai.BadRequestError):
        client().responses.cancel(first.id)
    assert len(emulator.requests()) == 2


def test_background_is_refused(emulator):
    with pytest.raises(openai.BadRequestError) as raised:
        client(max_retries=2).responses.create(model=CHAT, input="Hi", background=True)
    assert raised.value.param == "background" and emulator.requests() == []


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_error(emulator, case, is_stream):
    with pytest.raises(openai.APIStatusError) as caught:
        list(client(case.key, max_retries=case.retries).responses.create(model=case.model, input="Hi", stream=is_stream))
    assert_reported(caught.value, case)
    # How often an overload is tried again depends on how many there were before.
    assert min(case.calls, 1) <= len(emulator.requests()) <= case.calls


@pytest.mark.parametrize("fault", ODD)
def test_odd_stream_is_made_plain(fault):
    *_, last = respond(say(TEXT), model=f"fault/{fault}", stream=True)
    assert last.response.output_text == TEXT and last.response.usage.total_tokens


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_stream(fault):
    received = []
    with pytest.raises(openai.APIError) as caught:
        for event in respond("[[tokens=9]]", model=f"fault/{fault}", stream=True):
            received.append(event)
    assert received[-1].type == "response.failed" and received[-1].response.error.message == caught.value.message
    assert "SiliconFlow" in caught.value.message or "upstream" in caught.value.message
