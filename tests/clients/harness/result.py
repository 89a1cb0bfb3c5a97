"""What came of tests."""

from dataclasses import dataclass, field


@dataclass
class Result:
    """Names of tests by outcome."""

    passed: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    skipped: list = field(default_factory=list)

    def add(self, other):
        for kind in ("passed", "failed", "skipped"):
            getattr(self, kind).extend(getattr(other, kind))

    def check(self, name, is_true):
        (self.passed if is_true else self.failed).append(name)

    def __str__(self):
        return f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"
