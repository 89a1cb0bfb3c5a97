"""Claude Code does a task, through a 429 that nobody sees, a broken stream, a wrong key, and with a model that thinks."""

import json
import os
from pathlib import Path

import pytest
from desk import BLUE, DONE, PLAIN, RED, TASK, THINKER, Desk

CLAUDE = Path(os.environ["AGENTS"]) / "@anthropic-ai" / "claude-code-linux-x64" / "claude"


def script(desk, thoughts=("", "", "", "")):
    """Read a file, edit it, call a shell twice at once, answer."""
    read = {"name": "Read", "arguments": {"file_path": str(desk.notes)}}
    edit = {"name": "Edit", "arguments": {"file_path": str(desk.notes), "old_string": "colour = red", "new_string": "colour = blue"}}
    shell = [{"name": "Bash", "arguments": {"command": command, "description": "Look"}} for command in ("grep blue notes.txt", "ls")]
    turns = [
        {"when": {"user": TASK, "offers": "Read"}, "content": "I look first.", "calls": [read]},
        {"when": {"tool": "colour = red"}, "calls": [edit]},
        {"when": {"tool": "updated"}, "calls": shell},
        {"when": {"tool": "colour = blue"}, "content": DONE},
    ]
    return [{**turn, "reasoning": thought} for turn, thought in zip(turns, thoughts, strict=True)]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path, "ANN")


def run(desk, model=PLAIN):
    desk.connect("claude-code", model)
    options = ["--permission-mode", "acceptEdits", "--allowedTools", "Bash", "--output-format", "json"]
    variables = {"ANTHROPIC_AUTH_TOKEN": desk.key, "DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    done = desk.run(CLAUDE, "-p", *options, TASK, **variables)
    return done, json.loads(next(line for line in done.out.splitlines() if line.startswith("{")))


def assert_done(desk, done, result):
    assert done.code == 0, done
    assert not result["is_error"] and result["result"] == DONE, result
    assert desk.notes.read_text() == BLUE
    assert not result["permission_denials"]


def test_a_task(desk):
    desk.script(*script(desk))
    done, result = run(desk)
    assert_done(desk, done, result)
    assert desk.played() == [0, 1, 2, 3]
    assert result["num_turns"] == 5  # one for each tool, and the answer
    assert result["modelUsage"][PLAIN]["contextWindow"] == 163_840
    assert {body["model"] for body in desk.answered()} == {PLAIN}
    desk.assert_books_agree()


def test_a_429_is_not_seen(desk):
    turns = script(desk)
    desk.script(turns[0], {"when": turns[1]["when"], "fault": "tpm-429;retry-after=1"}, *turns[1:])
    done, result = run(desk)
    assert_done(desk, done, result)
    assert desk.played() == [0, 1, 2, 3, 4]
    assert "429" not in done.err
    desk.assert_books_agree()


def test_a_broken_stream_is_tried_again(desk):
    turns = script(desk)
    broken = {**turns[3], "content": "The colour " * 20, "fault": "cut:6"}
    desk.script(*turns[:3], broken, turns[3])
    done, result = run(desk)
    assert_done(desk, done, result)
    assert desk.played() == [0, 1, 2, 3, 4]


def test_a_wrong_key_stops_it_with_the_reason(tmp_path):
    desk = Desk(tmp_path, "WRONG")
    desk.script(*script(desk))
    done, result = run(desk)
    assert done.code != 0 and result["is_error"]
    assert "Incorrect API key" in result["result"], result
    assert desk.notes.read_text() == RED
    assert desk.played() == [] and desk.upstream.billed()["requests"] == 0


def test_a_model_that_thinks_gets_its_thoughts_back(desk):
    thoughts = ["The file comes first.", "Red it is; an edit will do.", "Is it blue now?", "It is."]
    desk.script(*script(desk, thoughts))
    done, result = run(desk, THINKER)
    assert_done(desk, done, result)
    assert desk.played() == [0, 1, 2, 3]
    history = desk.answered()[-1]["messages"]
    assert [message["reasoning_content"] for message in history if message["role"] == "assistant"] == thoughts[:3]
    desk.assert_books_agree()
