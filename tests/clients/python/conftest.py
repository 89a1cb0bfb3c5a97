import pytest
from gateway import KEYS, UPSTREAM_KEYS, Emulator


@pytest.fixture(autouse=True)
def emulator():
    """The emulator, fresh; afterwards nothing of the caller's may have reached it."""
    upstream = Emulator()
    upstream.reset()
    yield upstream
    for request in upstream.requests():
        seen = str(request)
        assert not any(key in seen for key in KEYS.values()), "a caller's key went upstream"
        headers = dict(request["headers"])
        assert headers["authorization"].removeprefix("Bearer ") in UPSTREAM_KEYS
        assert not any(name.startswith("x-stainless") for name in headers), "a client's telemetry went upstream"
