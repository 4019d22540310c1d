from tests.evaluate.sandbox.conftest import full, landlock

__all__ = ["full", "landlock"]
