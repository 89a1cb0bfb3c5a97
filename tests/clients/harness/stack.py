"""An emulator and a gateway in front of it, on free ports, with keys made for this run."""

import json
import os
import re
import secrets
import shutil
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from .result import Result

CONFIG = """
[upstream]
base_url = "{upstream}"
idle_timeout = "1s"

{accounts}

[jobs]
poll = "100ms"

[models.alias]
"gpt-4o-mini" = "Qwen/Qwen3-8B"

[[key]]
name = "ann"
secret = {{ env = "KEY_ANN" }}

[[key]]
name = "restricted"
models = ["Qwen/*"]
secret = {{ env = "KEY_RESTRICTED" }}

[[key]]
name = "expired"
expires = 2020-01-01T00:00:00Z
secret = {{ env = "KEY_EXPIRED" }}

[[key]]
name = "broke"
budget_per_day = "0 CNY"
secret = {{ env = "KEY_BROKE" }}
"""
ACCOUNT = """
[[account]]
name = "account-{number}"
api_key = {{ env = "UPSTREAM_KEY_{number}" }}
rule = "off"
"""
# A second gateway keeps limits, what it may do in a minute is little; and it knows OpenAI's names of models.
LIMITED = """
[models]
openai_aliases = true

[upstream]
base_url = "{upstream}"

[queue]
max_wait = "3m"

[[account]]
name = "main"
api_key = {{ env = "UPSTREAM_KEY_0" }}
[account.limits."Qwen/Qwen3-8B"]
rpm = 20
# Agents send ten thousand tokens with each request: a real account of tier L0 would make them wait for its TPM.
[account.limits."deepseek-ai/DeepSeek-V3.2"]
tpm = 10000000
[account.limits."deepseek-ai/DeepSeek-V4-Pro"]
tpm = 10000000

[[key]]
name = "ann"
secret = {{ env = "KEY_ANN" }}
"""
# Several accounts, because a key that the upstream refused rests for some seconds.
ACCOUNTS = range(8)
KEYS = ("KEY_ANN", "KEY_RESTRICTED", "KEY_EXPIRED", "KEY_BROKE", "KEY_WRONG", *(f"UPSTREAM_KEY_{number}" for number in ACCOUNTS))
START_LIMIT = 30
STOP_LIMIT = 10


class Program:
    """A process of ours whose first lines say where it listens."""

    def __init__(self, command, environment, log: Path):
        self.log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.lines = []
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)
            self.changed.notify_all()

    def wait_for(self, pattern):
        """The first group of `pattern` in what the program prints."""

        def found():
            return next((match for line in self.lines if line and (match := re.search(pattern, line))), None)

        with self.changed:
            self.changed.wait_for(lambda: found() or None in self.lines, START_LIMIT)
            match = found()
        if not match:
            raise RuntimeError(f"{self.process.args[1]} did not start: {self.log.read_text()}")
        return match[1]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Stack:
    """`with Stack(binary, folder) as stack`: both run inside, neither runs outside."""

    def __init__(self, binary: Path, folder: Path):
        self.binary, self.folder = binary, folder
        self.keys = {name: f"sk-{name.lower().replace('_', '-')}-{secrets.token_hex(8)}" for name in KEYS}
        self.programs = []

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.stop()

    def _start(self):
        accepted = [part for name in KEYS if name.startswith("UPSTREAM") for part in ("--key", self.keys[name])]
        mock = self._run("mock", "--listen", "127.0.0.1:0", *accepted)
        upstream = mock.wait_for(r"(http://\S+/v1)")
        self.emulator = upstream.removesuffix("/v1")
        config = self.folder / "flowgate.toml"
        accounts = "".join(ACCOUNT.format(number=number) for number in ACCOUNTS)
        config.write_text(CONFIG.format(upstream=upstream, accounts=accounts))
        serve = self._run("serve", "--config", str(config), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
        self.gateway = serve.wait_for(r"base URL\s+(http://\S+/v1)")
        self.metrics = serve.wait_for(r"(http://\S+/metrics)")
        self._start_limited(accepted)

    def _start_limited(self, accepted):
        mock = self._run("mock", "--listen", "127.0.0.1:0", *accepted, "--limit", "Qwen/Qwen3-8B:rpm=20", name="limited-mock")
        upstream = mock.wait_for(r"(http://\S+/v1)")
        self.limited_emulator = upstream.removesuffix("/v1")
        config = self.folder / "limited.toml"
        config.write_text(LIMITED.format(upstream=upstream))
        addresses = ("--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
        serve = self._run("serve", "--config", str(config), *addresses, name="limited-serve")
        self.limited_gateway = serve.wait_for(r"base URL\s+(http://\S+/v1)")

    def _run(self, command, *arguments, name=None):
        name = name or command
        # What another run has counted and learned is no concern of this one.
        state = self.folder / f"{name}-state"
        shutil.rmtree(state, ignore_errors=True)
        environment = {**os.environ, **self.keys, "XDG_DATA_HOME": str(state)}
        program = Program([str(self.binary), command, *arguments], environment, self.folder / f"{name}.log")
        self.programs.append(program)
        return program

    def environment(self):
        """What the tests of a client find in their environment."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "SILICONFLOW_"))}
        return {**inherited, **self.keys, "GATEWAY": self.gateway, "EMULATOR": self.emulator, "ADMIN": self.metrics.removesuffix("/metrics"), "LIMITED_GATEWAY": self.limited_gateway, "LIMITED_EMULATOR": self.limited_emulator, "FLOWGATE": str(self.binary), "NO_PROXY": "localhost,127.0.0.1"}

    def verdict(self):
        """What must be true after any client's tests, whatever they were."""
        result = Result()
        log = (self.folder / "serve.log").read_text()
        result.check("no key in the gateway's log", not any(key in log for key in self.keys.values()))
        panics = re.findall(r"^flowgate_\w*panics_total\S* (\S+)$", fetch(self.metrics), re.M)
        result.check("no panic in the gateway", panics == ["0"])
        result.check("no stream left open upstream", self._comes_to_rest())
        return result

    def _comes_to_rest(self):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            live = json.loads(fetch(f"{self.emulator}/mock/live"))
            if not any(live.values() if isinstance(live, dict) else live):
                return True
            time.sleep(0.05)
        return False


def fetch(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return answer.read().decode()
