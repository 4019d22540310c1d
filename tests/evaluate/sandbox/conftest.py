import pytest

from codeblock.errors import SandboxError
from codeblock.evaluate.sandbox.jobs import Level
from codeblock.evaluate.sandbox.worker import Worker


def require_level(level: Level) -> Level:
    """The level, or a skip that says why this machine has none of it."""
    try:
        Worker(level).close()
    except SandboxError as error:
        pytest.skip(str(error))
    return level


@pytest.fixture(scope="session")
def full() -> Level:
    return require_level(Level.FULL)


@pytest.fixture(scope="session")
def landlock() -> Level:
    return require_level(Level.LANDLOCK)
