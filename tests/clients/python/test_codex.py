"""Codex does a task, through a 429 that nobody sees, a broken stream, a wrong key, and with a model that thinks."""

import json
import os
from pathlib import Path

import pytest
from desk import BLUE, DONE, PLAIN, RED, TASK, THINKER, Desk

CODEX = Path(os.environ["AGENTS"]) / "@openai" / "codex-linux-x64" / "vendor" / "x86_64-unknown-linux-musl" / "bin" / "codex"
PATCH = """apply_patch <<'PATCH'
*** Begin Patch
*** Update File: notes.txt
@@
-colour = red
+colour = blue
*** End Patch
PATCH"""


def shell(command):
    return {"name": "exec_command", "arguments": {"cmd": command}}


READ = {"when": {"user": TASK, "offers": "exec_command"}, "content": "I look first.", "calls": [shell("cat notes.txt")]}
EDIT = {"when": {"tool": "colour = red"}, "calls": [shell(PATCH)]}
# A second tool beside the shell, one that takes nothing.
CHECK = {"when": {"tool": "Success"}, "calls": [shell("grep blue notes.txt"), {"name": "get_goal"}]}
SAY = {"when": {"tool": "colour = blue"}, "content": DONE}
SCRIPT = [READ, EDIT, CHECK, SAY]
# All that Codex has to complain about: it has no metadata for models that are not OpenAI's.
UNKNOWN_MODEL = "Model metadata"


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path, "ANN")


def run(desk, model=PLAIN):
    desk.connect("codex", model)
    # The sandbox of Codex wants rights that containers do not have; this test is about the gateway.
    options = ["--strict-config", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"]
    return desk.run(CODEX, "exec", *options, TASK)


def shown(done, kind):
    """What Codex shows of a kind: what the model says (`agent_message`), or what went wrong (`error`)."""
    events = [json.loads(line) for line in done.out.splitlines() if line.startswith("{")]
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    fails = [event["message"] for event in events if event["type"] == "error" and kind == "error"]
    return fails + [item.get("text") or item.get("message") for item in items if item["type"] == kind]


def said(done):
    return shown(done, "agent_message")


def assert_done(desk, done):
    assert done.code == 0, done
    assert desk.notes.read_text() == BLUE
    assert said(done)[-1] == DONE
    desk.assert_books_agree()


def test_a_task(desk):
    desk.script(*SCRIPT)
    done = run(desk)
    assert_done(desk, done)
    assert desk.played() == [0, 1, 2, 3]
    assert said(done) == ["I look first.", DONE]
    assert {body["model"] for body in desk.answered()} == {PLAIN}
    assert all(request["path"] == "/v1/chat/completions" for request in desk.upstream.requests() if request["method"] == "POST")


def test_a_429_is_not_seen(desk):
    desk.script(READ, {"when": {"tool": "colour = red"}, "fault": "tpm-429;retry-after=1"}, EDIT, CHECK, SAY)
    done = run(desk)
    assert_done(desk, done)
    assert desk.played() == [0, 1, 2, 3, 4]
    assert [text for text in shown(done, "error") if UNKNOWN_MODEL not in text] == []


def test_a_broken_stream_is_tried_again(desk):
    broken = {**SAY, "content": "The colour " * 20, "fault": "cut:6"}
    desk.script(READ, EDIT, CHECK, broken, SAY)
    done = run(desk)
    assert_done_after_break(desk, done)


def assert_done_after_break(desk, done):
    assert done.code == 0, done
    assert desk.notes.read_text() == BLUE
    assert said(done)[-1] == DONE
    assert desk.played() == [0, 1, 2, 3, 4]


def test_a_wrong_key_stops_it_with_the_reason(tmp_path):
    desk = Desk(tmp_path, "WRONG")
    desk.script(*SCRIPT)
    done = run(desk)
    assert done.code != 0
    assert "Incorrect API key" in done.text, done
    assert desk.notes.read_text() == RED
    assert desk.played() == [] and desk.upstream.billed()["requests"] == 0


def test_a_model_that_thinks_gets_its_thoughts_back(desk):
    thoughts = ["The file comes first.", "Red it is; a patch will do.", "Is it blue now?", "It is."]
    desk.script(*({**turn, "reasoning": thought} for turn, thought in zip(SCRIPT, thoughts, strict=True)))
    done = run(desk, THINKER)
    assert_done(desk, done)
    assert desk.played() == [0, 1, 2, 3]
    history = desk.answered()[-1]["messages"]
    assert [message["reasoning_content"] for message in history if message["role"] == "assistant"] == thoughts[:3]
