"""The LiteLLM SDK."""

import base64
import io
import json
import urllib.request

import litellm
import pytest
from gateway import *

ERROR_CLASSES = {
    400: litellm.BadRequestError,
    401: litellm.AuthenticationError,
    404: litellm.NotFoundError,
    429: litellm.RateLimitError,
    503: litellm.ServiceUnavailableError,
}


def options(model, key="ANN"):
    return {"model": f"openai/{model}", "api_base": BASE_URL, "api_key": KEYS[key]}


def chat(content, model=CHAT, key="ANN", **more):
    return litellm.completion(messages=user(content), **options(model, key), **more)


def assert_billed(emulator, usage):
    total = emulator.billed()
    assert (usage.prompt_tokens, usage.completion_tokens) == (total["prompt_tokens"], total["completion_tokens"])


def test_chat(emulator):
    answer = chat(say(TEXT))
    assert answer.choices[0].message.content == TEXT
    assert_billed(emulator, answer.usage)


def test_stream_without_usage():
    chunks = list(chat(say(TEXT), stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert not any(getattr(chunk, "usage", None) for chunk in chunks)


@pytest.mark.parametrize("model", [CHAT, THINKING, "deepseek-ai/DeepSeek-V3.2"])
def test_stream_with_usage(emulator, model):
    chunks = list(chat(say(TEXT), model, stream=True, stream_options={"include_usage": True}))
    (usage,) = [chunk.usage for chunk in chunks if getattr(chunk, "usage", None)]
    assert_billed(emulator, usage)


def test_reasoning_whole_and_streamed():
    prompt = say(TEXT) + "[[think=7]]"
    whole = chat(prompt, THINKING)
    streamed = litellm.stream_chunk_builder(list(chat(prompt, THINKING, stream=True)))
    for answer in (whole, streamed):
        assert answer.choices[0].message.reasoning_content and answer.choices[0].message.content == TEXT


@pytest.mark.parametrize("model", [CHAT, BROKEN_TOOLS])
def test_tools_streamed(model):
    answer = litellm.stream_chunk_builder(list(chat(TWO_CITIES, model, stream=True, tools=[WEATHER_TOOL])))
    calls = answer.choices[0].message.tool_calls
    assert [(call.function.name, json.loads(call.function.arguments)["city"]) for call in calls] == [("get_weather", "Paris"), ("get_weather", "Tokyo")]


def test_json_mode():
    answer = chat("A city as JSON", response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


def test_json_schema():
    schema = {"name": "city", "schema": CITY_SCHEMA, "strict": True}
    answer = chat("A city", response_format={"type": "json_schema", "json_schema": schema})
    assert set(json.loads(answer.choices[0].message.content)) == {"city", "people"}


def test_vision(emulator):
    parts = [{"type": "text", "text": say(TEXT)}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    assert chat(parts, VISION).choices[0].message.content == TEXT
    assert emulator.bodies()[0]["messages"][0]["content"][1]["image_url"]["url"] == PIXEL


def test_thousand_embeddings(emulator):
    texts = thousand_texts()
    answer = litellm.embedding(input=texts, encoding_format="float", **options(EMBEDDING))
    assert answer.usage.prompt_tokens == emulator.billed()["prompt_tokens"]
    vectors = [entry["embedding"] for entry in answer.data]
    assert len(vectors) == 1000 and all(map(is_same_vector, vectors, emulator.vectors(texts)))


def test_rerank(emulator):
    documents = ["A recipe of bread", "The fox in the snow", "Tax law"]
    model = {**options(RERANKER), "model": f"jina_ai/{RERANKER}"}
    answer = litellm.rerank(query="Where is the fox in the snow?", documents=documents, top_n=2, **model)
    assert [result["index"] for result in answer.results][0] == 1 and len(answer.results) == 2


def test_speech():
    answer = litellm.speech(voice=f"{SPEECH}:alex", input="Hello", response_format="wav", **options(SPEECH))
    assert answer.content.startswith(b"RIFF")


def test_speech_by_openais_voice():
    answer = litellm.speech(voice="nova", input="Hello", **options(SPEECH))
    assert answer.content.startswith(b"\xff\xfb")


@pytest.mark.parametrize("form", ["json", "verbose_json"])
def test_transcription_formats(form):
    answer = litellm.transcription(file=("a.wav", tone()), response_format=form, language="en", **options(TRANSCRIPTION))
    assert answer.text == f"A recording of {len(tone())} bytes."


def test_transcription():
    answer = litellm.transcription(file=("a.wav", tone()), **options(TRANSCRIPTION))
    assert answer.text == f"A recording of {len(tone())} bytes."


def test_picture():
    answer = litellm.image_generation(prompt="A cat", size="1024x1024", **options("Kwai-Kolors/Kolors"))
    with urllib.request.urlopen(answer.data[0].url, timeout=10) as file:
        assert file.read().startswith(b"\x89PNG")
    # LiteLLM takes `response_format` itself for models of OpenAI's own names only.
    wish = {"extra_body": {"response_format": "b64_json"}, **options("Kwai-Kolors/Kolors")}
    answer = litellm.image_generation(prompt="A cat", n=2, **wish)
    assert [base64.b64decode(picture.b64_json)[:4] for picture in answer.data] == [b"\x89PNG"] * 2


def test_picture_edited(emulator):
    pixel = base64.b64decode(PIXEL.split(",")[1])
    answer = litellm.image_edit(image=[io.BytesIO(pixel)], prompt="Blue", **options("Qwen/Qwen-Image-Edit"))
    picture = answer.data[0]
    content = base64.b64decode(picture.b64_json) if picture.b64_json else urllib.request.urlopen(picture.url, timeout=10).read()
    assert content.startswith(b"\x89PNG")
    assert (emulator.bodies()[0]["prompt"], emulator.bodies()[0]["image"]) == ("Blue", PIXEL)


@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_error(emulator, case):
    with pytest.raises(ERROR_CLASSES.get(case.status, Exception)) as caught:
        chat("Hi", case.model, case.key, max_retries=case.retries)
    assert caught.value.status_code == case.status and case.says in caught.value.message
    assert len(emulator.requests()) == case.calls


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_stream(fault):
    with pytest.raises(litellm.exceptions.MidStreamFallbackError, match="SiliconFlow|upstream"):
        list(chat("[[tokens=9]]", f"fault/{fault}", stream=True))
