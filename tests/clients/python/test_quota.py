"""Three times as much as the account's limit allows, from SDKs and from one that retries as Codex does: nobody sees an error."""

import json
import os
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from gateway import CHAT, KEYS, user
from langchain_openai import ChatOpenAI
from openai import OpenAI

BASE_URL = os.environ["LIMITED_GATEWAY"]
EMULATOR = os.environ["LIMITED_EMULATOR"]
# As in the harness: requests a minute, counted in any 60 seconds.
LIMIT = 20
OFFERED = 3 * LIMIT


@pytest.fixture(autouse=True)
def emulator():
    """The other emulator is not used here."""


def with_openai():
    answer = OpenAI(base_url=BASE_URL, api_key=KEYS["ANN"]).chat.completions.create(model=CHAT, messages=user("Hello"))
    return answer.choices[0].message.content


def with_langchain():
    return ChatOpenAI(base_url=BASE_URL, api_key=KEYS["ANN"], model=CHAT).invoke("Hello").content


def as_codex_does():
    """Retries a 429 only if it says when, in whole seconds, waits exactly that, and gives up after five times."""
    body = json.dumps({"model": CHAT, "messages": user("Hello")}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEYS['ANN']}", "x-flowgate-max-wait": "5"}
    for attempt in range(6):
        try:
            with urllib.request.urlopen(urllib.request.Request(f"{BASE_URL}/chat/completions", body, headers)) as answer:
                return json.load(answer)["choices"][0]["message"]["content"]
        except urllib.error.HTTPError as error:
            if error.code != 429 or attempt == 5:
                raise
            time.sleep(int(error.headers["retry-after"]))


def quota():
    with urllib.request.urlopen(f"{EMULATOR}/mock/quota") as answer:
        return json.load(answer)


def test_three_times_the_quota_and_no_error():
    callers = [with_openai, with_langchain, as_codex_does]
    with ThreadPoolExecutor(OFFERED) as pool:
        answers = [pool.submit(callers[number % 3]) for number in range(OFFERED)]
        assert all("Hello" in answer.result() for answer in answers)
    rpm = [use["metrics"]["rpm"] for use in quota() if use["model"] == CHAT]
    assert [(use["refused"], use["peak"], use["charged"]) for use in rpm] == [(0, LIMIT, OFFERED)]


def test_who_does_not_want_to_wait_is_told_when():
    client = OpenAI(base_url=BASE_URL, api_key=KEYS["ANN"], max_retries=0, default_headers={"x-flowgate-max-wait": "0"})
    # The minute is full of the test before, or will be soon.
    with pytest.raises(openai.RateLimitError) as refused:
        for _ in range(LIMIT + 1):
            client.chat.completions.create(model=CHAT, messages=user("Hello"))
    response = refused.value.response
    assert refused.value.code == "rate_limit_exceeded"
    assert 1 <= int(response.headers["retry-after"]) <= 61
    assert 0 < int(response.headers["retry-after-ms"]) <= int(response.headers["retry-after"]) * 1000
    assert response.headers["x-ratelimit-limit-requests"] == str(LIMIT)
    assert response.headers["x-ratelimit-remaining-requests"] == "0"
