"""Writes the texts of samples.jsonl; count.py then counts their tokens.

Run once, with CPython 3.11: parts of the code and prose are excerpts of its standard library (PSF licence) and of the
Rust book that rustup installs (MIT or Apache-2.0), some Chinese is of PostgreSQL's messages (PostgreSQL Licence). The
rest is ours: this repository's code and README, and what is in texts/: paragraphs, and sentence patterns filled from
lists of words. The committed samples are the record; another machine's excerpts will differ.
"""

import ast
import base64
import html
import json
import math
import random
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent
TEXTS = HERE / "texts"
SEED = 20261121
PER_CLASS = 128
# Tokens of a sample: lognormal, cut to what the brief of the test says.
MEDIAN, SIGMA, LEAST, MOST = 170, 1.05, 20, 4000
# Rough characters a token, only to aim at a length.
CHARS = {"chinese": 1.55, "english": 4.4, "code": 3.4, "tools": 3.8, "mixed": 2.3, "other": 2.2}


def words(name):
    """The lists of a file of words: `# name`, then a line of entries."""
    lists, key = {}, None
    for line in (TEXTS / name).read_text("utf-8").splitlines():
        if line.startswith("# "):
            key = line[2:]
        elif key:
            lists[key] = line.split("|") if "|" in line else line.split(" ")
    return lists


def zh_words():
    """The Chinese lists; clauses hold no blanks, so a blank always separates."""
    return words("zh_words.txt")


def paragraphs(name):
    return [text.strip() for text in (TEXTS / name).read_text("utf-8").split("\n\n") if text.strip()]


def lines(name):
    return [line for line in (TEXTS / name).read_text("utf-8").splitlines() if line]


def fill(random, pattern, lists):
    def one(match):
        name = match.group(1)
        if name in "nkm":
            return str(random.randint(*{"k": (1, 9), "n": (2, 99), "m": (100, 9999)}[name]))
        return random.choice(lists[name])

    return re.sub(r"\{(\w+)\}", one, pattern)


def capital(text):
    return text[:1].upper() + text[1:]


class Pool:
    """Real paragraphs, each used once; made sentences when there are no more."""

    def __init__(self, random, real, make, join, share=0.5):
        self.random, self.real, self.make, self.join, self.share = random, list(real), make, join, share
        self.is_long = False
        self.between = ["\n\n", "\n\n", "\n"] if join else ["", "\n\n", "\n"]
        random.shuffle(self.real)

    def piece(self):
        if self.real and self.random.random() < (self.share / 2 if self.is_long else self.share):
            return self.real.pop()
        return self.join.join(self.make() for _ in range(self.random.randint(1, 5)))

    def text(self, chars):
        text = ""
        # Long samples take what is made, or there would be nothing real left for the others.
        self.is_long = chars > 700
        while len(text) < chars:
            text += (self.random.choice(self.between) if text else "") + self.piece()
        return cut(text, chars)


def sentences(random, paragraphs):
    """Paragraphs in pieces of one to four sentences, so that short samples differ too."""
    found = []
    for paragraph in paragraphs:
        rest = re.findall(r"[^。？！；]+[。？！；][”]?", paragraph) or [paragraph]
        while rest:
            count = random.randint(1, 4)
            found.append("".join(rest[:count]))
            rest = rest[count:]
    return found


def ours_in_chinese():
    """Paragraphs of this repository's Chinese README, without its code and tables."""
    text = re.sub(r"```.*?```", "", (HERE.parent.parent / "README.zh-CN.md").read_text("utf-8"), flags=re.S)
    return [line for line in text.splitlines() if len(line) > 60 and not line.startswith("|")]


def postgres():
    """Chinese messages of PostgreSQL (PostgreSQL Licence), where its translations are installed."""
    found = []
    for path in sorted(Path("/usr/share/locale/zh_CN/LC_MESSAGES").glob("postgres-*.mo")):
        text = subprocess.check_output(["msgunfmt", "--no-wrap", str(path)], text=True)
        found += [match for match in re.findall(r'^msgstr "(.*)"$', text, re.M) if "%" not in match and "\\" not in match]
    return [text for text in found if sum("一" <= letter <= "鿿" for letter in text) > max(11, 0.6 * len(text))]


def cut(text, chars):
    """About `chars` characters, up to the end of a sentence or a line where one is near."""
    if len(text) <= chars:
        return text
    for mark in ("\n", "。", ". ", "，", ", ", " "):
        at = text.rfind(mark, int(chars * 0.8), int(chars * 1.1))
        if at > 0:
            return text[: at + len(mark)].rstrip()
    return text[: int(chars)]


def book():
    """Paragraphs of the Rust book as rustup installs it."""
    root = Path(subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip()) / "share/doc/rust/html/book"
    found = []
    for page in sorted(root.glob("ch*.html")):
        for text in re.findall(r"<p>(.*?)</p>", page.read_text("utf-8"), re.S):
            text = html.unescape(re.sub(r"<code[^>]*>(.*?)</code>", r"`\1`", text, flags=re.S))
            text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text)).strip()
            if 150 < len(text) < 1500:
                found.append(text)
    return found


def library():
    """Docstrings (prose) and functions or classes (code) of the standard library."""
    prose, code = [], []
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.glob("*.py")) + sorted((root / "email").glob("*.py")) + sorted((root / "asyncio").glob("*.py")):
        text = path.read_text("utf-8", errors="ignore")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                doc = ast.get_docstring(node) or ""
                if 200 < len(doc) < 2500 and ">>>" not in doc and doc.count("(") < 12:
                    prose.append(doc)
        blocks = re.split(r"\n(?=(?:def|class|async def) )", text)
        code += [block.strip("\n") for block in blocks[1:] if 150 < len(block) < 4000]
    return prose, code


def headers():
    """Parts of CPython's C headers."""
    root = Path(sysconfig.get_paths()["include"])
    found = []
    for path in sorted(root.glob("*.h")):
        text = path.read_text("utf-8", errors="ignore")
        found += [part.strip("\n") for part in re.split(r"\n{2,}(?=/\*|#if|typedef|static)", text) if 200 < len(part) < 3000]
    return found


def rust():
    """Items of this repository's own code."""
    found = []
    for path in sorted((HERE.parent.parent / "src").rglob("*.rs")):
        blocks = re.split(r"\n\n(?=/// |pub |fn |impl |struct |#\[)", path.read_text("utf-8"))
        found += [block for block in blocks[1:] if 200 < len(block) < 3000]
    return found


def snippet(random):
    nouns = words("code_words.txt")
    noun, noun2 = random.sample(nouns["noun"], 2)
    attr, attr2 = random.sample(nouns["attr"], 2)
    verb = random.choice(nouns["verb"])
    text = random.choice((TEXTS / "snippets.txt").read_text("utf-8").split("=== ")[1:])
    language, text = text.split("\n", 1)
    names = {"noun": noun, "Noun": noun.title(), "NOUN": noun.upper(), "noun2": noun2, "attr": attr, "Attr": attr.title(),
             "attr2": attr2, "verb": verb, "Verb": verb.title()}
    numbers = {"k": (1, 9), "n": (10, 99), "m": (100, 9999)}
    text = re.sub(r"@(\w+?)@", lambda m: names.get(m[1]) or str(random.randint(*numbers[m[1]])), text)
    return language, text.rstrip("\n")


def machine(random, kind):
    """Text that no person wrote: logs, tables of numbers, identifiers, encoded bytes."""
    number = lambda digits: random.randint(10 ** (digits - 1), 10 ** digits - 1)
    octets = bytes(random.randrange(256) for _ in range(random.randint(30, 200)))
    log = lambda: (f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}T{random.randint(0, 23):02}:{number(2) % 60:02}:07.{number(3)}Z "
                   f"{random.choice(['INFO', 'WARN', 'ERROR', 'DEBUG'])} [{random.choice(['http', 'db.pool', 'worker-3', 'auth'])}] "
                   f"request_id={octets[:8].hex()} status={random.choice([200, 404, 500])} took {number(3)}ms bytes={number(5)}")
    table = lambda: ",".join(str(number(random.randint(1, 9))) if random.random() < 0.7 else f"{random.random() * 100:.4f}" for _ in range(6))
    kinds = [lambda: "\n".join(log() for _ in range(6)), lambda: "\n".join(table() for _ in range(8)),
             lambda: base64.b64encode(octets).decode(), lambda: octets.hex(),
             lambda: "\n".join(str(number(random.randint(4, 16))) for _ in range(12)),
             lambda: " ".join(f"https://example.com/{random.choice(['a', 'img', 'static/js'])}/{number(6)}?utm_source=x{number(3)}&id={octets[i:i + 6].hex()}" for i in range(3)),
             lambda: "| " + " | ".join(f"**{number(4)}**" for _ in range(5)) + " |\n" + "|---" * 5 + "|"]
    return kinds[kind % len(kinds)]()


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def conversation(random, text, system):
    """One to several messages: the text is cut into turns."""
    parts = re.split(r"(?<=\n\n)", text)
    turns = min(len(parts), random.choice([1, 1, 1, 2, 3, 5]))
    size = math.ceil(len(parts) / turns)
    chunks = ["".join(parts[i:i + size]).strip() for i in range(0, len(parts), size)]
    messages = [message("user" if i % 2 == 0 else "assistant", chunk) for i, chunk in enumerate(chunks)]
    if random.random() < 0.3:
        messages.insert(0, message("system", random.choice(system)))
    if random.random() < 0.15:
        messages[-1]["content"] = [{"type": "text", "text": messages[-1]["content"]}]
    return messages


def schema(random, lists, is_chinese, depth=0):
    names = random.sample(lists["parameter"], random.randint(1, 5))
    properties = {}
    for name in names:
        text = fill(random, random.choice(lists["描述" if is_chinese else "describe"]),
                    {"parameter": [name], "object": [random.choice(lists["object"]).replace("_", " ")]})
        kind = random.choice(["string", "string", "string", "integer", "number", "boolean", "array", "enum", "object"])
        if kind == "object" and depth < 2:
            properties[name] = schema(random, lists, is_chinese, depth + 1)
        elif kind == "array":
            properties[name] = {"type": "array", "items": {"type": "string"}, "description": text}
        elif kind == "enum":
            properties[name] = {"type": "string", "enum": random.sample(lists["object"], 3), "description": text}
        else:
            properties[name] = {"type": "string" if kind == "object" else kind, "description": text}
    made = {"type": "object", "properties": properties}
    if random.random() < 0.8:
        made["required"] = names[: random.randint(1, len(names))]
    if random.random() < 0.3:
        made["additionalProperties"] = False
    return made


def tool(random, lists):
    is_chinese = random.random() < 0.35
    action, thing = random.choice(lists["action"]), random.choice(lists["object"])
    name = random.choice([f"{action}_{thing}", f"{action}{thing.title().replace('_', '')}"])
    text = fill(random, random.choice(lists["用途" if is_chinese else "purpose"]),
                {"action": [action], "object": [thing.replace("_", " ")], "动作": lists["动作"]})
    return {"type": "function", "function": {"name": name, "description": capital(text), "parameters": schema(random, lists, is_chinese)}}


def calls(random, lists, tools):
    """A turn in which the model called a tool, and the tool's answer."""
    used = random.choice(tools)["function"]
    values = {name: random.choice(["Beijing", "2026-03-14", 25, True, "上海", 3.5, ["a", "b"], random.choice(lists["object"])])
              for name in used["parameters"]["properties"]}
    ident = "call_" + "".join(random.choice("0123456789abcdef") for _ in range(24))
    rows = [{"id": random.randint(1000, 999999), "name": random.choice(lists["object"]), "score": round(random.random(), 3)}
            for _ in range(random.randint(1, 6))]
    ascii_only = random.random() < 0.5
    call = {"id": ident, "type": "function", "function": {"name": used["name"], "arguments": json.dumps(values, ensure_ascii=ascii_only)}}
    return [message("assistant", None, tool_calls=[call]),
            message("tool", json.dumps(rows, indent=random.choice([None, 2])), tool_call_id=ident)]


def main():
    rng = random.Random(SEED)
    zh, en, mixed, tools = zh_words(), words("en_words.txt"), words("mixed_words.txt"), words("tool_words.txt")
    patterns = {name: lines(f"{name}_patterns.txt") for name in ("zh", "en", "mixed")}
    prose, functions = library()
    ours = paragraphs("en.txt")
    english = Pool(rng, ours + rng.sample(prose, 260) + rng.sample(book(), 330),
                   lambda: capital(fill(rng, rng.choice(patterns["en"]), en)), " ", 0.8)
    written = sentences(rng, paragraphs("zh.txt")) + ours_in_chinese()
    technical = postgres()
    rng.shuffle(technical)
    written += ["\n".join(technical[i:i + 3]) for i in range(0, 180, 3)]
    chinese = Pool(rng, written, lambda: fill(rng, rng.choice(patterns["zh"]), zh), "", 0.85)
    both = {**zh, **en, **mixed}
    mixture = Pool(rng, [], lambda: fill(rng, rng.choice(patterns["mixed"]), both), rng.choice(["", " ", "\n"]))
    code = Pool(rng, rng.sample(functions, 170) + rng.sample(headers(), 60) + rng.sample(rust(), 90), lambda: snippet(rng)[1], "\n\n", 0.6)
    foreign = paragraphs("other.txt")
    asks = ["Explain what this does.", "Why is this slow?", "请解释下面的代码。", "Write unit tests for it.", "Find the bug.", "Port it to Rust.", ""]
    system = {"english": ["You are a helpful assistant.", "Answer briefly and in plain English."], "chinese": ["你是一个乐于助人的助手。", "请用简体中文回答，条理清楚。"]}
    system |= {"code": system["english"], "mixed": system["english"] + system["chinese"]}

    def length():
        while True:
            tokens = rng.lognormvariate(math.log(MEDIAN), SIGMA)
            if LEAST * 1.2 <= tokens <= MOST * 0.9:
                return tokens

    def one(kind):
        chars = length() * CHARS[kind]
        if kind == "tools":
            offered = [tool(rng, tools)]
            while len(json.dumps(offered, ensure_ascii=False)) < chars * 0.75:
                offered.append(tool(rng, tools))
            source = rng.choice([english, chinese])
            messages = [message("user", source.text(rng.randint(20, 160)))]
            for _ in range(rng.choice([0, 0, 1, 2])):
                messages += calls(rng, tools, offered)
            return {"messages": messages, "tools": offered}
        if kind == "code":
            ask, text = rng.choice(asks), code.text(chars)
            content = rng.choice([f"{ask}\n\n```\n{text}\n```", f"{text}", f"{text}\n\n{ask}"])
            return {"messages": conversation(rng, content, system["code"])}
        if kind == "other":
            # One language or one kind of machine text at a time, or nobody could tell what is how many tokens.
            which, begin = rng.random(), rng.randrange(len(foreign))
            number = rng.randrange(100)
            pieces = [foreign[begin]] + foreign[begin + 1:begin + 2] if which < 0.6 else [machine(rng, number) for _ in range(20)]
            return {"messages": [message("user", cut("\n".join(pieces), chars))]}
        source = {"english": english, "chinese": chinese}.get(kind)
        if source is None:
            parts = []
            while sum(map(len, parts)) < chars:
                parts.append(rng.choice([mixture, mixture, chinese, english]).text(min(chars, rng.randint(30, 300))))
            return {"messages": conversation(rng, "\n\n".join(parts), system[kind])}
        return {"messages": conversation(rng, source.text(chars), system[kind])}

    with (HERE / "samples.jsonl").open("w", encoding="utf-8") as out:
        for kind in ("chinese", "english", "code", "tools", "mixed", "other"):
            for _ in range(PER_CLASS):
                out.write(json.dumps({"class": kind, **one(kind)}, ensure_ascii=False) + "\n")
    print(f"chinese paragraphs left {len(chinese.real)}, english {len(english.real)}, code {len(code.real)}", file=sys.stderr)


if __name__ == "__main__":
    main()
