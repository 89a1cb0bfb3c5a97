"""What every client is tested with: where the gateway is, the keys, the cases, and the emulator's side of it."""

import base64
import json
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

BASE_URL = os.environ["GATEWAY"]
LIMITED_URL = os.environ["LIMITED_GATEWAY"]
KEYS = {name.removeprefix("KEY_"): value for name, value in os.environ.items() if name.startswith("KEY_")}
UPSTREAM_KEYS = [value for name, value in os.environ.items() if name.startswith("UPSTREAM_KEY")]

CHAT = "Qwen/Qwen3-8B"
THINKING = "Qwen/Qwen3.5-4B"
VISION = "Qwen/Qwen3-VL-8B-Instruct"
BROKEN_TOOLS = "THUDM/GLM-4-9B-0414"
SAYS_EOS = "THUDM/GLM-Z1-9B-0414"
VIDEO = "Wan-AI/Wan2.2-T2V-A14B"
EMBEDDING = "BAAI/bge-m3"
RERANKER = "BAAI/bge-reranker-v2-m3"
SPEECH = "FunAudioLLM/CosyVoice2-0.5B"
TRANSCRIPTION = "FunAudioLLM/SenseVoiceSmall"

TEXT = "A fox, 一只狐狸 and a 🦊 walk in."
TWO_CITIES = "What is the weather in Paris and Tokyo?"
CITY_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
WEATHER_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER_TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", "parameters": WEATHER_SCHEMA}}
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@dataclass(frozen=True)
class Case:
    """An error and what a client must report of it."""

    name: str
    status: int
    code: str | None
    says: str
    model: str = CHAT
    key: str = "ANN"
    final: bool = False
    calls: int = 1
    retry_after: str | None = None

    def __str__(self):
        return self.name

    @property
    def retries(self):
        """Where the gateway says that a retry cannot help, clients must not need to be told."""
        return 2 if self.final else 0


_CASES = json.loads((Path(__file__).parents[1] / "cases.json").read_text())
ERRORS = [Case(**case) for case in _CASES["errors"]]
ODD = _CASES["odd"]
BROKEN = _CASES["broken"]


def say(text):
    """A prompt that the emulator answers with exactly `text`."""
    return f"[[say={text}]]"


def user(content):
    return [{"role": "user", "content": content}]


class Emulator:
    """The upstream's own view of what happened."""

    def __init__(self, url=None):
        self.url = url or os.environ["EMULATOR"]
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def _call(self, path, body=None):
        headers = {"content-type": "application/json", "authorization": f"Bearer {UPSTREAM_KEYS[0]}"}
        data = None if body is None else json.dumps(body).encode()
        with self.opener.open(urllib.request.Request(self.url + path, data, headers), timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def reset(self):
        self._call("/mock/reset", {})

    def requests(self):
        return self._call("/mock/requests")

    def bodies(self):
        return [json.loads(request["body"]) for request in self.requests() if request["body"]]

    def billed(self):
        return self._call("/mock/billed")["total"]

    def play(self, turns):
        """Answers requests to come by these turns: docs/emulator.md."""
        self._call("/mock/script", turns)

    def script(self):
        return self._call("/mock/script")

    def vectors(self, texts, model=EMBEDDING):
        """Vectors of `texts` without the gateway, in calls that the upstream takes."""
        parts = (texts[first : first + 64] for first in range(0, len(texts), 64))
        answers = (self._call("/v1/embeddings", {"model": model, "input": part}) for part in parts)
        return [entry["embedding"] for answer in answers for entry in answer["data"]]


def is_same_vector(one, other):
    """Equal within what single precision keeps."""
    return len(one) == len(other) and all(abs(a - b) < 1e-6 for a, b in zip(one, other, strict=True))


def thousand_texts():
    return [f"Document {number} of {number % 7} kinds" for number in range(1000)]


def tone():
    """A second of silence as a WAV file."""
    samples = bytes(32_000)
    header = base64.b64decode("UklGRiR9AABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YQB9AAA=")
    return header + samples


def assert_reported(error, case):
    """For clients whose errors are, or derive from, those of the openai package."""
    assert (error.status_code, error.code) == (case.status, case.code)
    assert case.says in error.body["message"]
