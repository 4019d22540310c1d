"""Python functions that have little in common, made from a seed."""

import random

_NAMES = (
    "account amount angle area balance batch border branch bucket budget buffer cache canvas cell chain channel "
    "chunk column cost count counter cursor customer date delta depth device distance domain edge energy entry "
    "epoch error event factor field filter flag frame graph grid group header height host image index input item "
    "key label layer length level limit line link list lock margin mask matrix member message metric mode month "
    "name node number offset option order output owner packet page parent part path period phase pixel point port "
    "price prior queue quota radius range rate ratio record region report request result root route row rule sample "
    "scale schema score segment sensor series shape share sheet signal size slot source speed stack stage state "
    "step stock stream sum symbol table target task temperature term test text theme thread ticket time title token "
    "tool total trace track tree trial type unit user value vector version view volume vote wave weight width "
    "window word worker year zone "
).split()
_LINES = (
    "{a} = [{b} * {n} for {b} in {c}]",
    "if {a} > {n} and {b} not in {c}:\n        {a} -= {b} // {m}",
    "for {a} in range({n}, {m}):\n        {b}[{a}] = {c}.get({a}, {n})",
    "{a}, {b} = {b} % {n}, {c} + {m}",
    "while {a} < {n}:\n        {a} += max({b}, {c}, {m})",
    "{a} = sorted({b}, key=lambda {c}: -{c}.{d})",
    "try:\n        {a} = int({b}[{n}:{m}])\n    except ValueError as {c}:\n        raise KeyError({d}) from {c}",
    "with open({a}) as {b}:\n        {c} = {b}.read().split({n!r})",
    '{a} = f"{{{b}}}-{{{c}:>{n}}}"',
    "{a} = {b}.{c}({d}, {n}) or {m}",
    "assert len({a}) == {n}, {b}",
    "{a} = {{{b}: {c} for {b}, {c} in zip({d}, {a}, strict=True)}}",
)


def programs(count: int, seed: int = 0, lines: int = 8) -> list[str]:
    """So many functions of so many statements."""
    drawn = random.Random(seed)
    made = []
    for _ in range(count):
        name, *parameters = drawn.sample(_NAMES, 4)
        body = []
        for _ in range(lines):
            names = dict(zip("abcd", drawn.sample(_NAMES, 4), strict=True))
            body.append(drawn.choice(_LINES).format(**names, n=drawn.randint(2, 99), m=drawn.randint(100, 999)))
        made.append(
            f"def {name}_{drawn.choice(_NAMES)}({', '.join(parameters)}):\n    " + "\n    ".join(body) + f"\n    return {name}\n"
        )
    return made
