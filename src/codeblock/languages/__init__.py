"""Language packs: data, and the one loader that reads them."""

from codeblock.languages.loader import (
    Language,
    compile_query,
    fingerprint,
    language_of_file,
    languages,
    load,
    load_all,
    resolve_alias,
)

__all__ = ["Language", "compile_query", "fingerprint", "language_of_file", "languages", "load", "load_all", "resolve_alias"]
