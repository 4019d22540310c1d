"""The loader of language packs: a folder of data becomes a `Language`.

A pack is two files. ``language.toml`` holds tables (names, tokens, closers), ``codeblock.scm`` a Tree-sitter query whose
captures say what a node *is*. The engine knows captures, never a language. A pack with a ``base`` is a variant of that pack: it
has its tables, query files and fixtures, but for what its own files say. One capture per pattern, no predicates. The vocabulary:

Items
    ``@item`` a simple statement · ``@item.header`` a compound statement or clause · ``@item.definition`` a function or class ·
    ``@item.block`` a ``@body`` that has no header but itself · ``@item.docstring`` a string that stands as a statement ·
    ``@item.absorb`` no item after all, part of the one around it · ``@item.after`` part of the item before it, as the text of a
    here-document · ``@item.before`` part of the item behind it, as an attribute or a label · ``@comment`` · ``@body`` the node
    that holds the statements of a header; or ``@body.run`` a token behind which they stand, up to the next clause or the end of
    its parent
Scopes
    ``@scope.fn`` a function, whose body runs later · ``@scope.sealed`` one that sees nothing around it but what is ``outer`` or
    ``hoist`` · ``@scope.lambda`` a function that is evaluated in place, also where it is a ``@scope.fn`` or ``@scope.sealed``
    too · ``@scope.class`` names that nested functions do not see · ``@scope.members`` a class whose names they do see, with or
    without its receiver · ``@scope.comp`` · ``@scope.block``, in which a name means what is around it until it is declared, as
    in a ``@scope.lambda``, but for functions, which run later
Definitions, on the identifier: ``@def`` and any of these after it, as in ``@def.outer.hoist``
    ``outer`` in the scope around, the name of a function or class · ``var`` skips block scopes · ``hoist`` visible before its
    position · ``set`` assigns without declaring; what nothing declares belongs to the whole program · ``reuse`` assigns to the
    variable of that name that is in sight, or else declares one · ``read`` is a use too (``x += 1``) · ``declare`` binds
    without a value · ``now`` at its own position, not at the end of the item · ``walrus`` the same, outside comprehensions ·
    ``del``, ``global``, ``nonlocal`` · ``local`` declares even where another pattern says ``set``, with a value even
    where one says ``declare`` · ``copy`` declares with the value that the name has around the function · ``member`` defines
    the member of that name of the class around, too · ``module`` an import, which no store and no call changes.
    ``@delay``: a ``now`` or ``walrus`` that begins where this node does happens where it ends · ``@late``: what is declared in
    this node, but not in a scope in it, is so where the node ends (``let x = match x {}``)
Uses
    every identifier but definitions and ``@ignore`` · ``@mut`` base of an attribute or element store, or the whole of what is
    stored to, which begins with it; ``@mut.reuse`` declares what nothing else does · ``@object`` what a method is called on,
    changed if the table ``data_flow.mutators`` names the method · ``@call`` the called name, a use even where it is ``@ignore``
    · ``@within`` in a function's header the class that it belongs to, which stands before it ·
    ``@outer`` evaluated in the scope around the innermost one ·
    ``@attr.def``, ``@attr.def.read``, ``@attr.mut``, ``@attr.call`` the whole of ``receiver.name``, which else is a use;
    in a language where a function names its ``@receiver``, what is ``@attr``, a use, or one of these, is a member if that
    stands before it · ``@returns``, if it is a word alone, uses the ``@result``s of the function around · ``@name`` a leaf,
    behind a sign, that begins with the name of a variable: text that the grammar takes no names from
Values
    ``@value`` an expression that has statements or clauses in it, whose value is that of its tails; it goes to the item that the
    expression is a part of, by an edge of the name ``=``, and to nobody where it is an item of its own · ``@value.item`` a
    ``@value`` that is such an item but has its value taken by what stands before it (``y = if x``) · ``@tail`` what a ``@value``
    may come out as; itself a ``@value``, its tails are those of the one around
Flow
    ``@flow.branch``, ``@flow.switch`` (falls through, break leaves it), ``@flow.cases`` (break leaves it) with ``@flow.alt``
    (``@flow.alt.run`` as for bodies) and ``@flow.alt.total`` (taken when no other is) ·
    ``@flow.for`` (the header's uses run once), ``@flow.while`` (each turn),
    ``@flow.do`` (body first), ``@flow.callback`` (a function that its caller runs in place, any number of times; it is a
    ``@scope.lambda`` too, and a return goes on with the next turn), with ``@flow.init`` (of the header,
    runs once, before it), ``@flow.step`` (of the header, runs behind the body), ``@flow.body``, ``@flow.post`` (else) and
    ``@flow.inf`` (only a break leaves it) · ``@flow.try`` with ``@flow.trybody`` (or ``@flow.trybody.run``, the first of its
    statements, which go on up to the next clause), ``@flow.handler``, ``@flow.post``, ``@flow.finally`` · ``@flow.with`` (may
    swallow an exception) · ``@jump.return``, ``@jump.raise``, ``@jump.break``, ``@jump.continue``,
    ``@jump.fall`` (from an alternative of ``@flow.cases`` into the next) ·
    ``@label`` the name of a jump's target: in the jump, and in front of a loop or branch or at its beginning
Words
    ``@verb`` a word that may say what the rest of its parent is, as the table ``data_flow.verbs`` has it: a jump (the word alone,
    where its parent begins with something else), or ``assign``; or ``flow.inf``, which all of its parent is, but no callback ·
    ``@assign`` defines the names in it that are ``@ignore``, as ``set`` does
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import tree_sitter

from codeblock.errors import MissingExtraError, UsageError, nearest
from codeblock.languages.contract import Fault, Tables, Tokens, check_grammar, check_kinds, check_query, check_tables, line_of

EXTRA = "CODEBLOCK_LANGUAGES"
"""Environment variable that names a directory of further packs."""

NOT_CORE, INSIDE, ACCESS, CORE, NAME, WORD = range(6)
"""What a leaf is: no core token, a part of the token that is its parent, the sign in front of a member's name (no core token), a
core token, one that names a variable, or one that does so where its parent is such a token, and else is just a core token."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language pack, ready to use.

    Attributes:
        name: of the pack.
        grammar: the Tree-sitter language.
        exponential: whether it may take exponential time.
        query: the text of its captures.
        kinds: per node kind id, the kind's name.
        leaf: per node kind id, NOT_CORE, INSIDE, ACCESS, CORE, NAME or WORD; long enough for the id of ERROR nodes.
        optional: kind ids of tokens whose absence is no damage.
        siblings: names of languages that what looks like this one, or is called so, may be in if it does not parse.
        first_line: what the first line of bare code looks like.
        telltales: what code of this language, and of few others, has in some line.
        requires: what code of this language has in any case.
        prompts: what the first line of a session transcript starts with.
        parses_prose: whether the grammar takes prose for code, so that only telltales show this language.
        closers: per kind id of an opening bracket or word, what closes it.
        closing: kind ids of closing brackets and words.
        modifiers: kind ids of opening words that open nothing behind a value.
        loops: kind ids of opening words that another one on their line may belong to.
        string_start: kind ids of leaves that open a string.
        string_end: kind ids of leaves that close a string.
        multiline: string delimiters whose string may hold line breaks.
        terminators: what ends a statement, per bracket that closes behind it; behind ``""`` none does.
        separators: texts between two items that belong to the first.
        receiver: what stands before a member's name when it is shown, empty if the language has no receivers.
        members: each finds what may be a member, its name as group 1; an identifier must begin there.
        mutators: names of methods that change what they are called on.
        verbs: per word that says what its statement does, the capture that this is.
        comment: what begins a comment to the end of the line.
        preamble: what stands before the code of every fixture.
    """

    name: str
    grammar: tree_sitter.Language
    exponential: bool
    query: str
    kinds: tuple[str, ...]
    leaf: bytes
    optional: frozenset[int]
    siblings: tuple[str, ...]
    first_line: re.Pattern[str]
    telltales: tuple[re.Pattern[str], ...]
    requires: re.Pattern[str]
    prompts: tuple[str, ...]
    parses_prose: bool
    closers: dict[int, bytes]
    closing: frozenset[int]
    modifiers: frozenset[int]
    loops: frozenset[int]
    string_start: frozenset[int]
    string_end: frozenset[int]
    multiline: frozenset[bytes]
    terminators: dict[bytes, bytes]
    separators: frozenset[bytes]
    receiver: bytes
    members: tuple[re.Pattern[bytes], ...]
    mutators: frozenset[bytes]
    verbs: dict[bytes, str]
    comment: str
    preamble: str


@cache
def languages() -> tuple[str, ...]:
    """Names of the packs, which are the names of their folders; where several may be meant, the first counts."""
    return tuple(sorted(_folders(), key=lambda name: (name != "python", name)))


@cache
def load(name: str) -> Language:
    """Load a language pack; later calls return the same object.

    Raises:
        UsageError: there is no such pack, or it is faulty.
        MissingExtraError: its grammar is not installed.
    """
    pack = tables(name)
    try:
        grammar = _grammar(pack)
    except ModuleNotFoundError:
        raise MissingExtraError(pack.grammar.distribution, None, f"analysing {name}") from None
    except AttributeError:
        raise UsageError(f"language pack {name!r} is faulty: run `codeblock languages check {name}`") from None
    closing = pack.closing
    closers = {**closing.brackets, **{word: f"\n{closer}" for word, closer in closing.words.items()}}
    kinds = [(i, grammar.node_kind_for_id(i) or "") for i in range(grammar.node_kind_count)]

    def ids(names: tuple[str, ...]) -> frozenset[int]:
        return frozenset(i for i, kind in kinds if kind in names)

    return Language(
        name=name,
        grammar=grammar,
        exponential=pack.grammar.exponential,
        query="\n".join(text for _, text in _queries(name)),
        kinds=tuple(kind for _, kind in kinds),
        leaf=bytes(_leaf_class(kind, grammar.node_kind_is_named(i), pack.tokens) for i, kind in kinds).ljust(1 << 16, b"\0"),
        optional=ids(pack.tokens.optional),
        siblings=pack.detect.siblings,
        first_line=re.compile(pack.detect.first_line),
        telltales=tuple(re.compile(telltale, re.MULTILINE) for telltale in pack.detect.telltales),
        requires=re.compile(pack.detect.requires),
        prompts=pack.detect.prompts,
        parses_prose=pack.detect.parses_prose,
        closers={i: closers[kind].encode() for i, kind in kinds if kind in closers},
        closing=ids(tuple(closer.strip() for closer in closers.values())),
        modifiers=ids(closing.modifiers),
        loops=ids(closing.loops),
        string_start=ids(closing.string_start),
        string_end=ids(closing.string_end),
        multiline=frozenset(d.encode() for d in closing.multiline),
        terminators={closer.encode(): end.encode() for closer, end in closing.terminators.items()},
        separators=frozenset(s.encode() for s in pack.items.separators),
        receiver=next(iter(pack.data_flow.members), "").encode(),
        # with a literal beginning, which is looked for as fast as memory is read, alternatives are not
        members=tuple(re.compile(re.escape(prefix.encode()) + rb"(#?[$\w\x80-\xff]+)") for prefix in pack.data_flow.members),
        mutators=frozenset(name.encode() for name in pack.data_flow.mutators),
        verbs={word.encode(): what for word, what in pack.data_flow.verbs.items()},
        comment=pack.comment,
        preamble=pack.preamble,
    )


@cache
def load_all() -> None:
    """Load every pack, and compile the queries of one's own, so that their faults show before any work is done.

    Raises:
        UsageError: a pack is faulty.
        MissingExtraError: a grammar is not installed.
    """
    shipped = {folder.name for folder in resources.files("codeblock.languages").iterdir()}
    for name in languages():
        language = load(name)
        if name not in shipped:
            compile_query(language)


def compile_query(language: Language) -> tree_sitter.Query:
    """Compile the query of a language, which takes up to half a second.

    Raises:
        UsageError: it is faulty.
    """
    try:
        return tree_sitter.Query(language.grammar, language.query)
    except tree_sitter.QueryError as error:
        name = language.name
        raise UsageError(f"language pack {name!r} is faulty: run `codeblock languages check {name}` ({error})") from None


@cache
def tables(name: str) -> Tables:
    """The tables of a pack.

    Raises:
        UsageError: there is no such pack, or they are faulty.
    """
    if name not in languages():
        raise UsageError(f"there is no language pack {name!r}{nearest(name, languages())} (known: {', '.join(languages())})")
    raw, text = _raw(name)
    faults = check_tables(raw, text)
    if faults:
        raise UsageError(f"language pack {name!r} is faulty: " + "; ".join(map(str, faults)))
    return Tables.model_validate(raw)


def check(name: str) -> list[Fault]:
    """Check a pack against the contract, without its fixtures.

    Raises:
        UsageError: there is no such pack.
    """
    if name not in languages():
        tables(name)
    try:
        raw, text = _raw(name)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        return [Fault("language.toml", int(place[1]) if place else 0, f"not TOML: {error}")]
    faults = check_tables(raw, text)
    if faults:
        return faults
    pack = Tables.model_validate(raw)
    if pack.name != name:
        return [Fault("language.toml", 1, f"the name is {pack.name!r}, but the folder is {name!r}")]
    faults = [*_check_names(pack, text), *check_grammar(pack, text)]
    try:
        grammar, queries = _grammar(pack), _queries(name)
    except (ModuleNotFoundError, AttributeError):  # as one of the faults says
        return faults
    except UsageError as error:
        return [*faults, Fault("language.toml", 0, str(error))]
    faults += check_kinds(pack, text, grammar)
    return [*faults, *(fault for file, query in queries for fault in check_query(file, query, grammar))]


def _check_names(pack: Tables, text: str) -> list[Fault]:
    """What a pack says of itself and of other packs, compared with what those say."""
    faults: list[Fault] = []
    for other in languages():
        if other != pack.name:
            try:
                theirs = tables(other)
            except UsageError:  # which its own check tells
                continue
            for kind, claimed in (
                ("aliases", {*pack.aliases} & {*theirs.aliases}),
                ("endings", {*pack.endings} & {*theirs.endings}),
            ):
                faults += [
                    Fault("language.toml", line_of(text, kind), f"{name!r} is among the {kind} of {other}") for name in claimed
                ]
    for name in pack.detect.siblings:
        if name not in languages():
            hint = nearest(name, languages())
            faults.append(Fault("language.toml", line_of(text, "siblings"), f"there is no language pack {name!r}{hint}"))
    return faults


def fixtures(name: str) -> list[tuple[str, str]]:
    """Names and texts of a pack's fixtures; those of its base first."""
    folder, below = _folders()[name].joinpath("fixtures"), base(name)
    files = sorted(folder.iterdir(), key=lambda file: file.name) if folder.is_dir() else []
    inherited = (
        [(file if file.startswith("..") else f"../{below}/{file}", text) for file, text in fixtures(below)] if below else []
    )
    return [*inherited, *((f"fixtures/{file.name}", file.read_text(encoding="utf-8")) for file in files)]


def resolve_alias(info_string: str) -> str | None:
    """Return the language that a fence's info string names, or None where no pack answers to it.

    Understands ``python``, ``Python title="x"``, ``{.python .numberLines}`` and ``python{1,3}``.
    """
    match = re.match(r"[{\s.]*([\w+#.\-]+)", info_string)
    return _aliases().get(match[1].lower()) if match else None


def language_of_file(name: str) -> str:
    """Return the language of a file by the ending of its name.

    Raises:
        UsageError: no pack claims that ending.
    """
    known = {ending: pack for pack in languages() for ending in tables(pack).endings}
    ending = "." + name.rpartition(".")[2]
    if ending not in known:
        raise UsageError(f"no language pack is for files like {name!r} (known endings: {', '.join(sorted(known))})")
    return known[ending]


@cache
def fingerprint() -> str:
    """Return a hash of everything that language packs bring to an analysis: their data and the versions of their grammars."""
    digest = hashlib.sha256()
    for name in languages():
        distribution = tables(name).grammar.distribution
        for part in (
            _text(name, "language.toml"),
            *(query for _, query in _queries(name)),
            f"{distribution} {metadata.version(distribution)}",
        ):
            digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()


@cache
def _folders() -> dict[str, Any]:
    """The folders of all packs, by name."""
    extra = os.environ.get(EXTRA)
    found: dict[str, Any] = {}
    if extra and not Path(extra).is_dir():
        raise UsageError(f"{EXTRA} is {extra!r}, which is no directory: it names the one that holds packs of your own")
    for root in (resources.files("codeblock.languages"), *([Path(extra)] if extra else [])):
        for folder in root.iterdir():
            if folder.joinpath("language.toml").is_file():
                found[folder.name] = folder
    return found


def _text(name: str, file: str) -> str:
    return _folders()[name].joinpath(file).read_text(encoding="utf-8")


def _raw(name: str) -> tuple[dict[str, Any], str]:
    """The tables of a pack over those of its base, and the text of its own."""
    text = _text(name, "language.toml")
    own = tomllib.loads(text)
    below = own.pop("base", None)
    return (_over(_raw(below)[0], own) if below else own), text


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Nested tables, where those above hide those below."""
    both = {key: _over(below[key], value) if isinstance(value, dict) and key in below else value for key, value in above.items()}
    return {**below, **both}


def base(name: str) -> str | None:
    """The pack that a pack is a variant of."""
    return tomllib.loads(_text(name, "language.toml")).get("base")


def _queries(name: str) -> list[tuple[str, str]]:
    """The files that make up a pack's query, each its own or its base's."""
    return [_find(name, file) for file in tables(name).queries]


def _find(name: str, file: str) -> tuple[str, str]:
    pack: str | None = name
    while pack is not None:
        if _folders()[pack].joinpath(file).is_file():
            return (file if pack == name else f"../{pack}/{file}"), _text(pack, file)
        pack = base(pack)
    raise UsageError(f"language pack {name!r} has no file {file}")


def _grammar(pack: Tables) -> tree_sitter.Language:
    return tree_sitter.Language(getattr(importlib.import_module(pack.grammar.module), pack.grammar.function)())


@cache
def _aliases() -> dict[str, str]:
    return {alias: name for name in languages() for alias in tables(name).aliases}


def _leaf_class(kind: str, named: bool, tokens: Tokens) -> int:
    """What a leaf of this kind is; anonymous kinds are words or signs, named ones carry meaning unless listed."""
    if kind in tokens.inside:
        return INSIDE
    if kind in tokens.identifiers:
        return NAME
    if kind in tokens.contextual:
        return WORD
    if kind in tokens.access:
        return ACCESS
    listed = tokens.not_core if named else tokens.not_core_words if kind.isalpha() else tokens.not_core_signs
    return NOT_CORE if kind in listed else CORE
