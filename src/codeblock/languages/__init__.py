"""Language packs: data, and the one loader that reads them."""

from codeblock.languages.loader import Language, fingerprint, language_of_file, languages, load, resolve_alias

__all__ = ["Language", "fingerprint", "language_of_file", "languages", "load", "resolve_alias"]
