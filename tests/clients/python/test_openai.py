"""openai-python, 3.x and 1.x."""

import base64
import json
import time
import urllib.request

import openai
import pytest
from gateway import *
from openai import OpenAI
from pydantic import BaseModel

STATUS_ERRORS = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
}


def client(key="ANN", **options):
    return OpenAI(base_url=BASE_URL, api_key=KEYS[key], **options)


def chat(content, model=CHAT, **options):
    return client().chat.completions.create(model=model, messages=user(content), **options)


def counts(usage):
    return usage.prompt_tokens, usage.completion_tokens


def billed(emulator):
    total = emulator.billed()
    return total["prompt_tokens"], total["completion_tokens"]


def test_chat(emulator):
    answer = chat(say(TEXT))
    assert answer.choices[0].message.content == TEXT and answer.choices[0].finish_reason == "stop"
    assert counts(answer.usage) == billed(emulator)
    assert answer._request_id.startswith("req_")


def test_alias(emulator):
    assert chat(say(TEXT), model="gpt-4o-mini").choices[0].message.content == TEXT
    assert emulator.bodies()[0]["model"] == CHAT


def test_a_budget_that_is_used_up_is_asked_once(emulator):
    broke = client("BROKE", max_retries=5)
    with pytest.raises(openai.RateLimitError) as raised:
        broke.chat.completions.create(model="deepseek-ai/DeepSeek-V3.2", messages=user("Hello"))
    error = raised.value
    assert (error.code, error.type) == ("insufficient_quota", "insufficient_quota") and "of your key" in error.message
    assert error.response.request.headers["x-stainless-retry-count"] == "0" and emulator.requests() == []
    assert broke.chat.completions.create(model=CHAT, messages=user(say(TEXT))).choices[0].message.content == TEXT


def test_newer_names_of_fields(emulator):
    messages = [{"role": "developer", "content": "Be short."}, *user("[[tokens=40]]")]
    answer = client().chat.completions.create(model=CHAT, messages=messages, max_completion_tokens=5)
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 5
    assert emulator.bodies()[0]["messages"][0]["role"] == "system"


def test_finish_reason_that_openai_does_not_know():
    assert chat(say(TEXT), model=SAYS_EOS).choices[0].finish_reason == "stop"
    *_, last = chat(say(TEXT), model=SAYS_EOS, stream=True)
    assert last.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("model", [CHAT, THINKING, "deepseek-ai/DeepSeek-V3.2"])
def test_stream_without_usage(emulator, model):
    chunks = list(chat(say(TEXT), model=model, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[-1].choices[0].finish_reason == "stop"
    assert emulator.billed()["requests"] == 1


@pytest.mark.parametrize("model", [CHAT, THINKING, "deepseek-ai/DeepSeek-V3.2"])
def test_stream_with_usage(emulator, model):
    *chunks, last = chat(say(TEXT), model=model, stream=True, stream_options={"include_usage": True})
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert last.choices == [] and counts(last.usage) == billed(emulator)


def test_reasoning(emulator):
    answer = chat(say(TEXT) + "[[think=7]]", model=THINKING)
    assert answer.choices[0].message.reasoning_content and answer.choices[0].message.content == TEXT
    assert answer.usage.completion_tokens_details.reasoning_tokens == emulator.billed()["reasoning_tokens"] == 7


def test_reasoning_streamed():
    deltas = [chunk.choices[0].delta for chunk in chat(say(TEXT) + "[[think=7]]", model=THINKING, stream=True)]
    reasoned = [delta for delta in deltas if getattr(delta, "reasoning_content", None)]
    assert len(reasoned) == 7
    assert "".join(delta.content or "" for delta in deltas) == TEXT


@pytest.mark.parametrize("model", [CHAT, BROKEN_TOOLS])
def test_tools_streamed_and_answered(model):
    with client().chat.completions.stream(model=model, messages=user(TWO_CITIES), tools=[WEATHER_TOOL]) as stream:
        message = stream.get_final_completion().choices[0].message
    calls = message.tool_calls
    assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Paris", "Tokyo"]
    assert all(call.id and call.function.name == "get_weather" for call in calls)
    results = [{"role": "tool", "tool_call_id": call.id, "content": "Sunny"} for call in calls]
    history = [*user(TWO_CITIES), message.model_dump(exclude_none=True, exclude={"parsed"}), *results]
    answer = client().chat.completions.create(model=model, messages=history, tools=[WEATHER_TOOL])
    assert answer.choices[0].message.content and answer.choices[0].finish_reason == "stop"


def test_forced_tool():
    choice = {"type": "function", "function": {"name": "get_weather"}}
    answer = chat("Hello", model=THINKING, tools=[WEATHER_TOOL], tool_choice=choice)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"


def test_json_mode():
    answer = chat("A city as JSON", response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.choices[0].message.content), dict)


class City(BaseModel):
    city: str
    people: int


def test_json_schema_parsed():
    answer = client().beta.chat.completions.parse(model=CHAT, messages=user("A city"), response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)


def test_vision(emulator):
    parts = [{"type": "text", "text": say(TEXT)}, {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}]
    answer = chat(parts, model=VISION)
    assert answer.choices[0].message.content == TEXT
    assert answer.usage.prompt_tokens == emulator.billed()["prompt_tokens"] > 256
    assert emulator.bodies()[0]["messages"] == user(parts)


def test_thousand_embeddings(emulator):
    texts = thousand_texts()
    answer = client().embeddings.create(model=EMBEDDING, input=texts)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == emulator.billed()["prompt_tokens"]
    assert [entry.index for entry in answer.data] == list(range(1000))
    expected = emulator.vectors(texts)
    assert all(is_same_vector(entry.embedding, vector) for entry, vector in zip(answer.data, expected, strict=True))


def test_a_thousand_embeddings_as_floats_equal_single_calls():
    texts = thousand_texts()
    many = client().embeddings.create(model=EMBEDDING, input=texts, encoding_format="float").data
    for number in (0, 63, 64, 500, 999):
        single = client().embeddings.create(model=EMBEDDING, input=texts[number], encoding_format="float").data[0]
        assert single.embedding == many[number].embedding


def test_speech():
    answer = client().audio.speech.create(model=SPEECH, voice=f"{SPEECH}:alex", input="Hello", response_format="wav")
    assert answer.content.startswith(b"RIFF")
    with client().audio.speech.with_streaming_response.create(model=SPEECH, voice=f"{SPEECH}:alex", input="Hello") as streamed:
        assert len(b"".join(streamed.iter_bytes())) > 100


def test_transcription(emulator):
    sound = tone()
    answer = client().audio.transcriptions.create(model=TRANSCRIPTION, file=("a.wav", sound))
    assert answer.text == f"A recording of {len(sound)} bytes." and emulator.billed()["bytes"] == len(sound)


def test_speech_in_openais_fields():
    speech = client().audio.speech
    answer = speech.create(model=SPEECH, voice="nova", input="Hello", response_format="pcm", speed=1.5, instructions="Be calm.")
    assert answer.response.headers["content-type"] == "audio/pcm" and len(answer.content) > 100
    with speech.with_streaming_response.create(model=SPEECH, voice="alloy", input="Hello", stream_format="sse") as streamed:
        events = [json.loads(line[6:]) for line in streamed.iter_lines() if line.startswith("data: ")]
    assert events[-1]["type"] == "speech.audio.done" and {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    with pytest.raises(openai.BadRequestError, match="flac"):
        speech.create(model=SPEECH, voice="alloy", input="Hello", response_format="flac")


def test_transcription_in_every_format():
    def hear(**options):
        return client().audio.transcriptions.create(model=TRANSCRIPTION, file=("a.wav", tone()), **options)

    text = f"A recording of {len(tone())} bytes."
    assert hear(response_format="json").text == text
    assert hear(response_format="text") == text
    verbose = hear(response_format="verbose_json", language="en", timestamp_granularities=["segment"])
    assert (verbose.text, verbose.language, verbose.segments, verbose.duration) == (text, "en", [], None)
    with pytest.raises(openai.BadRequestError, match="subtitles"):
        hear(response_format="srt")
    with pytest.raises(openai.NotFoundError, match="transcriptions"):
        client().audio.translations.create(model=TRANSCRIPTION, file=("a.wav", tone()))


def test_streamed_transcription():
    transcriptions = client().audio.transcriptions
    try:
        stream = transcriptions.create(model=TRANSCRIPTION, file=("a.wav", tone()), stream=True)
    except TypeError:
        assert int(openai.__version__.split(".")[0]) < 2, "newer versions of the library can stream them"
        return
    events = list(stream)
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[0].delta == events[1].text


def test_videos():
    if not hasattr(client(), "videos"):
        assert int(openai.__version__.split(".")[0]) < 2, "newer versions of the library have videos"
        return
    videos = client().videos
    made = videos.create_and_poll(model=VIDEO, prompt="A cat", size="1280x720", poll_interval_ms=100)
    assert (made.status, made.model, made.size) == ("completed", VIDEO, "1280x720")
    assert videos.download_content(made.id).read()[4:8] == b"ftyp"
    assert made.id in [video.id for video in videos.list()]
    assert videos.delete(made.id).deleted and made.id not in [video.id for video in videos.list()]
    with pytest.raises(openai.NotFoundError):
        videos.retrieve(made.id)


def test_files_and_batches():
    def line(number):
        return {"custom_id": f"line-{number}", "method": "POST", "url": "/v1/chat/completions", "body": {"model": CHAT, "messages": user(say(TEXT))}}

    lines = "".join(json.dumps(line(number)) + "\n" for number in range(3))
    api = client()
    file = api.files.create(file=("a.jsonl", lines.encode()), purpose="batch")
    assert (file.object, file.bytes, file.filename) == ("file", len(lines), "a.jsonl") and file.created_at > 0
    assert api.files.wait_for_processing(file.id).id == file.id and file.id in [other.id for other in api.files.list()]
    batch = api.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"})
    assert (batch.status, batch.metadata) == ("validating", {"a": "b"})
    deadline = time.monotonic() + 30
    while batch.status != "completed" and time.monotonic() < deadline:
        time.sleep(0.1)
        batch = api.batches.retrieve(batch.id)
    assert (batch.status, batch.request_counts.completed) == ("completed", 3)
    answers = [json.loads(line) for line in api.files.content(batch.output_file_id).text.splitlines()]
    assert [answer["response"]["body"]["choices"][0]["message"]["content"] for answer in answers] == [TEXT] * 3
    assert batch.id in [other.id for other in api.batches.list()]
    with pytest.raises(openai.BadRequestError, match="chat completions only"):
        api.batches.create(input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h")


PICTURE = "Kwai-Kolors/Kolors"


def is_png(content):
    return content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(b"IEND\xae\x42\x60\x82")


def test_picture_by_link(emulator):
    answer = client().images.generate(model=PICTURE, prompt="A cat", size="960x1280", n=2)
    assert answer.created > 1_700_000_000 and len(answer.data) == 2
    for picture in answer.data:
        with urllib.request.urlopen(picture.url, timeout=10) as file:
            assert file.headers["content-type"] == "image/png" and is_png(file.read())
    assert emulator.bodies() == [{"model": PICTURE, "prompt": "A cat", "image_size": "960x1280", "batch_size": 2}]
    assert emulator.billed()["images"] == 2


def test_picture_as_base64():
    answer = client().images.generate(model=PICTURE, prompt="A cat", response_format="b64_json")
    assert is_png(base64.b64decode(answer.data[0].b64_json)) and answer.data[0].url is None
    openais = OpenAI(base_url=LIMITED_URL, api_key=KEYS["ANN"]).images.generate(model="gpt-image-1", prompt="A cat", quality="low")
    assert is_png(base64.b64decode(openais.data[0].b64_json)) and openais.usage.total_tokens == 0


def test_picture_streamed():
    events = list(client().images.generate(model=PICTURE, prompt="A cat", stream=True, partial_images=1))
    assert [event.type for event in events] == ["image_generation.completed"]
    assert is_png(base64.b64decode(events[0].b64_json)) and events[0].usage.total_tokens == 0


def test_picture_edited(emulator):
    pixel = base64.b64decode(PIXEL.split(",")[1])
    answer = client().images.edit(model="Qwen/Qwen-Image-Edit", image=("a.png", pixel, "image/png"), prompt="Blue", size="1024x1024")
    with urllib.request.urlopen(answer.data[0].url, timeout=10) as file:
        assert is_png(file.read())
    assert emulator.bodies() == [{"model": "Qwen/Qwen-Image-Edit", "prompt": "Blue", "image": PIXEL}]
    several = [("a.png", pixel, "image/png"), ("b.png", pixel, "image/png")]
    edited = client().images.edit(model="Qwen/Qwen-Image-Edit-2509", image=several, prompt="Blue", response_format="b64_json")
    assert is_png(base64.b64decode(edited.data[0].b64_json)) and emulator.bodies()[1]["image2"] == PIXEL
    streamed = list(client().images.edit(model="Qwen/Qwen-Image-Edit", image=several[0], prompt="Blue", stream=True))
    assert [event.type for event in streamed] == ["image_edit.completed"]


def test_pictures_that_are_refused():
    pixel = base64.b64decode(PIXEL.split(",")[1])
    with pytest.raises(openai.BadRequestError, match="1024x1024, 960x1280"):
        client().images.generate(model=PICTURE, prompt="A cat", size="1792x1024")
    with pytest.raises(openai.BadRequestError, match="takes a mask"):
        client().images.edit(model="Qwen/Qwen-Image-Edit", image=("a.png", pixel), mask=("m.png", pixel), prompt="Blue")
    with pytest.raises(openai.APIStatusError, match="no picture"):
        client().images.generate(model=f"fault/picture-html@{PICTURE}", prompt="A cat")


def test_openai_names_without_a_changed_line():
    openai_client = OpenAI(base_url=LIMITED_URL, api_key=KEYS["ANN"])
    answer = openai_client.chat.completions.create(model="gpt-4o", messages=user(say(TEXT)))
    assert answer.choices[0].message.content == TEXT
    chunks = openai_client.chat.completions.create(model="gpt-4o-mini", messages=user(say(TEXT)), stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    vectors = openai_client.embeddings.create(model="text-embedding-3-small", input=["apple", "pear"])
    assert [len(entry.embedding) > 100 for entry in vectors.data] == [True, True]
    sound = tone()
    assert openai_client.audio.transcriptions.create(model="whisper-1", file=("a.wav", sound)).text == f"A recording of {len(sound)} bytes."
    spoken = openai_client.audio.speech.create(model="tts-1", voice="alloy", input="Hello", response_format="wav")
    assert spoken.content.startswith(b"RIFF")
    assert openai_client.images.generate(model="dall-e-3", prompt="A cat", size="1024x1024").data[0].url.startswith("http")
    ids = [model.id for model in openai_client.models.list()]
    assert {"gpt-4o", "text-embedding-3-small", "whisper-1", "tts-1", "dall-e-3"} <= set(ids)


def test_models():
    ids = [model.id for model in client().models.list()]
    assert CHAT in ids and "gpt-4o-mini" in ids
    assert client().models.retrieve(CHAT).id == CHAT
    assert client().models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"
    with pytest.raises(openai.NotFoundError):
        client().models.retrieve("nobody/Nothing-1B")


def test_models_of_a_restricted_key():
    ids = [model.id for model in client("RESTRICTED").models.list()]
    assert ids and all(id.startswith("Qwen/") or id == "gpt-4o-mini" for id in ids)
    with pytest.raises(openai.NotFoundError):
        client("RESTRICTED").models.retrieve("deepseek-ai/DeepSeek-V3.2")


def test_legacy_completions(emulator):
    answer = client().completions.create(model=CHAT, prompt="def f():", max_tokens=8)
    assert answer.choices[0].text and counts(answer.usage) == billed(emulator)


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_error(emulator, case, is_stream):
    expected = STATUS_ERRORS.get(case.status, openai.InternalServerError)
    with pytest.raises(expected) as caught:
        list(client(case.key, max_retries=case.retries).chat.completions.create(model=case.model, messages=user("Hi"), stream=is_stream))
    error = caught.value
    assert_reported(error, case)
    assert error.type and error.request_id
    assert case.retry_after in (None, error.response.headers.get("retry-after"))
    assert len(emulator.requests()) == case.calls


def test_endpoint_closed_to_a_restricted_key(emulator):
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client("RESTRICTED").files.list()
    assert caught.value.code == "endpoint_not_allowed" and emulator.requests() == []


def test_a_quoted_upstream_key_is_masked():
    with pytest.raises(openai.BadRequestError) as caught:
        chat("Hi", model="fault/echo-key")
    assert not any(key in caught.value.message for key in UPSTREAM_KEYS)


def test_overload_that_passes_is_not_noticed(emulator):
    assert chat(say(TEXT), model="fault/flaky-503:2").choices[0].message.content == TEXT
    assert len(emulator.requests()) == 3 and emulator.billed()["requests"] == 1


@pytest.mark.parametrize("fault", ODD)
def test_odd_stream_is_made_plain(fault):
    *chunks, last = chat(say(TEXT), model=f"fault/{fault}", stream=True, stream_options={"include_usage": True})
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert last.choices == [] and counts(last.usage) == counts(chat(say(TEXT)).usage)


def test_whole_answer_in_place_of_a_stream():
    """Never an empty stream without an error."""
    chunks = list(chat("Hi", model="fault/keepalive-lie", stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello."


def test_a_caller_who_leaves_is_followed_by_the_gateway(emulator):
    """The gateway itself would give up after a second of silence."""
    stream, start = chat("[[tokens=9]]", model="fault/stall:3", stream=True), time.monotonic()
    next(iter(stream))
    stream.close()
    while not emulator.requests()[0]["client_gone"]:
        assert time.monotonic() < start + 0.8, "the upstream call goes on"


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_stream(fault):
    received = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in chat("[[tokens=9]]", model=f"fault/{fault}", stream=True):
            received.append(chunk)
    assert received and not any(chunk.choices[0].finish_reason for chunk in received)
    assert "SiliconFlow" in caught.value.message or "upstream" in caught.value.message
