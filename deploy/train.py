#!/usr/bin/env python3
"""Sends a program that keeps count of what it runs what its users send: `deploy/train.py PROGRAM [EMULATOR]`.

The gateway stands in front of the emulator, three times: with everything on, without limits, and with neither keys nor
ledger. Each time the same requests pass, in all protocols, whole and streamed. Every answer must be a 200. What the program
has seen it writes when it ends, to where it was built to. The emulator is no part of that: another program runs it, or
what it has seen is thrown away.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

CONNECTIONS = 16
# Requests of each kind on each connection (ours): counts of paths settle long before.
ROUNDS = 60
KEY = "fg-train-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
CHAT, EMBEDDING = "Qwen/Qwen3-8B", "BAAI/bge-m3"
FAR = "rpm = 4294967295\ntpm = 4294967295\nrpd = 4294967295\n"
LIMITS = "".join(f'[account.limits."{model}"]\n{FAR}' for model in (CHAT, EMBEDDING))
CALLER = '[[key]]\nname = "ann"\nsecret = { env = "TRAIN_KEY" }\n'
# What of the configuration is in an [[account]], and what follows it; in front of both, what there is besides.
GATEWAYS = {
    "everything": ("", LIMITS, CALLER + FAR),
    "no limits": ("", 'rule = "off"\n', CALLER),
    "nothing": ("[ledger]\nenabled = false\n", 'rule = "off"\n', ""),
}

ENGLISH = "Why is the sky blue, and why is it red in the evening? Please explain it to a child of six who knows of colours. "
CHINESE = "请用通俗的语言解释一下,为什么天空是蓝色的,而傍晚的时候又会变成红色?"
CODE = "fn main() {\n    let words: Vec<&str> = \"a b c\".split(' ').collect();\n    println!(\"{}\", words.len());\n}\n"
TOOL = {
    "name": "look_up",
    "description": "Looks a city up.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def chat(text, **more):
    system = {"role": "system", "content": "You are a helpful assistant. Answer in one short sentence."}
    messages = [system, {"role": "user", "content": text}]
    return "/v1/chat/completions", {"model": CHAT, "messages": messages, "max_tokens": 64, "temperature": 0.7} | more


def requests():
    """Paths and bodies, one for each kind of request; small plain ones are most of what tools send."""
    options = {"include_usage": True}
    yield from [chat(ENGLISH)] * 4
    yield chat(CHINESE)
    yield chat((ENGLISH + CHINESE + CODE) * 8)
    yield chat(ENGLISH, tools=[{"type": "function", "function": TOOL}])
    yield chat(ENGLISH, stream=True)
    yield chat(CHINESE, stream=True, stream_options=options)
    yield "/v1/responses", {"model": CHAT, "input": ENGLISH, "max_output_tokens": 64}
    yield "/v1/responses", {"model": CHAT, "input": ENGLISH, "max_output_tokens": 64, "stream": True}
    message = {"model": CHAT, "max_tokens": 64, "messages": [{"role": "user", "content": ENGLISH}]}
    yield "/v1/messages", message
    yield "/v1/messages", message | {"stream": True}
    yield "/v1/embeddings", {"model": EMBEDDING, "input": [ENGLISH, CHINESE]}


def call(address, faults):
    """One connection's requests, one after another, until one of them fails."""
    try:
        call_all(http.client.HTTPConnection(address, timeout=60), faults)
    except (OSError, http.client.HTTPException) as error:
        faults.append(repr(error))


def call_all(connection, faults):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "User-Agent": "OpenAI/Python 2.8.1"}
    headers |= {"Accept": "application/json", "Accept-Encoding": "identity", "X-Stainless-Lang": "python"}
    for _ in range(ROUNDS):
        for path, body in requests():
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                faults.append(f"{path}: {answer.status} {text[:300]!r}")
                return


class Program:
    """A process that says where it listens, and ends with the block."""

    def __init__(self, command, said, environment):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        self.said = said

    def __enter__(self):
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            found = re.search(self.said + r"\s+http://([^/\s]+)", line)
            if found:
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return found[1]
        raise SystemExit(f"the program ended with {self.process.wait()} before it was ready:\n{''.join(lines)}")

    def __exit__(self, *_):
        self.process.terminate()
        if self.process.wait(timeout=60) != 0:
            raise SystemExit(f"the program ended with {self.process.returncode}")


def configuration(upstream, before, account, after):
    return f"""[server]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[models]
refresh = "0s"
[upstream]
base_url = "http://{upstream}/v1"
[log]
level = "warn"
{before}[[account]]
name = "main"
api_key = {{ env = "TRAIN_UPSTREAM" }}
{account}{after}"""


def train(program, upstream, folder, parts):
    folder.mkdir()
    config = folder / "flowgate.toml"
    config.write_text(configuration(upstream, *parts))
    environment = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "TRAIN_KEY": KEY, "TRAIN_UPSTREAM": "sk-mock"}
    with Program([program, "serve", "--config", str(config)], "base URL", environment) as address:
        faults = []
        threads = [threading.Thread(target=call, args=(address, faults)) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if faults:
        raise SystemExit(faults[0])


def main():
    program, emulator = (str(Path(path).resolve()) for path in (sys.argv[1], sys.argv[-1]))
    silent = os.environ | {"LLVM_PROFILE_FILE": "/dev/null"}
    with tempfile.TemporaryDirectory() as folder, Program([emulator, "mock", "--listen", "127.0.0.1:0"], "emulator at", silent) as upstream:
        for name, parts in GATEWAYS.items():
            train(program, upstream, Path(folder) / name.replace(" ", "-"), parts)
            print(f"trained: {name}", flush=True)


main()
