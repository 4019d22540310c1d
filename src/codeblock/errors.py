"""The exception tree: everything this library raises on purpose.

    CodeblockError                  base; the command line prints its message and exits 1
    ├── UsageError                  the call, recipe or option is wrong; exits 2
    ├── MissingExtraError           a library of an optional extra is not installed
    ├── DataError                   the input as a whole cannot be used
    │   └── UnknownFormatError      no known shape fits the fields found
    ├── ModelError                  a model or its tokenizer cannot be used
    │   └── AlignmentError          token bytes do not rebuild the rendered text
    ├── AnalysisError               one response cannot be analysed
    │   ├── AnalysisTimeout         ... within its time limit
    │   └── ResponseTooLarge        it is longer than the limit
    ├── SandboxError                programs cannot be isolated as asked
    └── StoreError                  an artefact cannot be written or read
        ├── LockedError             another run writes into the same directory
        └── DiskFullError           no space left; exits 74

A bad *sample* is never an exception outside its stage: it is a `reason` in the stage's output, and is counted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CodeblockError(Exception):
    """Base of all errors that this library raises on purpose. The message says what is wrong, where, and what to do."""

    exit_code = 1


class UsageError(CodeblockError):
    """The call is wrong: an option, a recipe key or a combination of them."""

    exit_code = 2


class MissingExtraError(CodeblockError):
    """A library that belongs to an optional extra is not installed.

    Args:
        library: what could not be imported, e.g. ``torch``.
        extra: the extra of this distribution that brings it, e.g. ``score``; None if every installation has it.
        purpose: what needs it, as in "scoring a model".
    """

    def __init__(self, library: str, extra: str | None, purpose: str) -> None:
        wanted = f"'codeblock-sft[{extra}]'" if extra else library
        super().__init__(f"{purpose} needs {library}, which is not installed: pip install {wanted}")
        self.library = library
        self.extra = extra


class DataError(CodeblockError):
    """The input as a whole cannot be used."""


class UnknownFormatError(DataError):
    """The fields of the first rows fit no known shape."""


class ModelError(CodeblockError):
    """A model or its tokenizer cannot be found, loaded or used."""


class AlignmentError(ModelError):
    """The bytes of the tokens do not rebuild the text that was tokenised."""


class AnalysisError(CodeblockError):
    """One response cannot be analysed."""


class AnalysisTimeout(AnalysisError):
    """One response took longer to analyse than its limit."""


class ResponseTooLarge(AnalysisError):
    """One response is longer than the limit."""


class SandboxError(CodeblockError):
    """The sandbox cannot be built, is too weak, or broke down; never the fault of the program that ran in it."""


class StoreError(CodeblockError):
    """An artefact cannot be written or read."""


class LockedError(StoreError):
    """Another run writes into the same directory."""


class DiskFullError(StoreError):
    """No space is left on the device; what was finished stays and the same command goes on from there."""

    exit_code = 74


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known name most like `name`, or an empty string."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {matches[0]!r}?" if matches else ""
