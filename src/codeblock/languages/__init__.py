"""Language packs: data, and the one loader that reads them."""

from codeblock.languages.loader import LANGUAGES, Language, fingerprint, language_of_file, load, resolve_alias

__all__ = ["LANGUAGES", "Language", "fingerprint", "language_of_file", "load", "resolve_alias"]
