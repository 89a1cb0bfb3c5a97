"""Agents as people run them: installed from npm, connected by `flowgate connect --write`, driven by the emulator's scripts."""

import json
import os
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from gateway import KEYS, Emulator

GATEWAY = os.environ["LIMITED_GATEWAY"]
PLAIN = "deepseek-ai/DeepSeek-V3.2"
# It refuses a conversation whose reasoning was not given back.
THINKER = "deepseek-ai/DeepSeek-V4-Pro"
# Seconds that a run may take; the longest here, six tries of a broken stream, takes a third of that.
RUN_LIMIT = 90
RED, BLUE = "name = flag\ncolour = red\n", "name = flag\ncolour = blue\n"
TASK = "Make the colour in notes.txt blue"
DONE = "The colour in notes.txt is blue now."


@dataclass
class Run:
    """How a program ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def text(self):
        return self.out + self.err


class Desk:
    """A home and a project of its own for one agent, and what gateway and emulator say of it."""

    def __init__(self, folder: Path, key):
        self.home, self.work = folder / "home", folder / "work"
        self.home.mkdir()
        self.work.mkdir()
        self.notes = self.work / "notes.txt"
        self.notes.write_text(RED)
        self.key = KEYS[key]
        self.upstream = Emulator(os.environ["LIMITED_EMULATOR"])
        self.upstream.reset()
        self.before = self.ledger()

    def environment(self, **more):
        """Nothing of ours; whoever calls anybody but this machine meets a closed door."""
        closed = {name: "http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy")}
        own = {"HOME": str(self.home), "PATH": os.environ["PATH"], "FLOWGATE_KEY": self.key, "NO_PROXY": "127.0.0.1,localhost"}
        return {**own, **closed, **more}

    def connect(self, tool, model):
        """Exactly what a user does."""
        address = GATEWAY.removesuffix("/v1")
        command = [os.environ["FLOWGATE"], "connect", tool, "--write", "--yes", "--model", model, "--url", address]
        done = subprocess.run(command, env=self.environment(), cwd=self.home, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done
        assert self.key not in done.stdout
        for file in self.home.rglob("*"):
            assert not file.is_file() or self.key not in file.read_text(), file

    def script(self, *turns):
        """What the model says; whatever else is asked gets small talk."""
        self.upstream.play(turns)

    def run(self, *command, **environment):
        begun = time.monotonic()
        done = subprocess.run(command, env=self.environment(**environment), cwd=self.work, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_LIMIT, check=False)
        self.assert_nothing_of_the_caller_went_upstream()
        return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - begun)

    def assert_nothing_of_the_caller_went_upstream(self):
        for request in self.upstream.requests():
            assert not any(key in str(request) for key in KEYS.values()), "a caller's key went upstream"
            own = ("x-codex", "x-claude", "x-stainless", "x-app", "anthropic-", "session-id", "thread-id", "originator")
            assert not any(name.startswith(own) for name, _ in request["headers"]), "a client's telemetry went upstream"

    def ledger(self):
        """Requests and tokens of the right key so far, by the gateway's books."""
        request = urllib.request.Request(f"{GATEWAY}/flowgate/usage", headers={"authorization": f"Bearer {KEYS['ANN']}"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return json.load(answer)["month"]["total"]

    def played(self):
        return self.upstream.script()["played"]

    def answered(self):
        """The bodies of chats that got an answer."""
        good = [request for request in self.upstream.requests() if request["status"] == 200 and request["method"] == "POST"]
        return [json.loads(request["body"]) for request in good]

    def assert_books_agree(self):
        """What the emulator billed is what the ledger has, to the token."""
        billed = self.upstream.billed()
        deadline = time.monotonic() + 10
        while True:
            now = self.ledger()
            seen = {name: now[name] - self.before[name] for name in ("input_tokens", "output_tokens")}
            if seen == {"input_tokens": billed["prompt_tokens"], "output_tokens": billed["completion_tokens"]}:
                return
            assert time.monotonic() < deadline, (seen, billed)
            time.sleep(0.1)

