from codeblock.analyze.analyze import analyze_code


def core(source: str) -> list[str]:
    encoded = source.encode()
    return [encoded[c.start : c.end].decode() for i in analyze_code(source, "python").items for c in i.core]


def test_core_tokens():
    source = "@dec\ndef f(a: int = 1, *b) -> x.y:\n    '''doc'''\n    return not a[1:2] ** -b  # c\n"
    assert core(source) == ["dec", "f", "a", "int", "=", "1", "*", "b", "x", "y", "return", "not", "a", "1", "2", "**", "-", "b"]


def test_strings_are_their_content():
    assert core(r"x = 'a\n\x00b' + f'{y!r:>{w}}z\{{' + b''") == [
        "x",
        "=",
        r"a\n\x00b",
        "+",
        "y",
        "!r",
        "w",
        "z\\{{",
        "+",
    ]  # not the format


def test_what_has_no_meaning_of_its_own():
    assert core("def f():\n    global x\n    pass\nclass A: ...\n") == ["f", "x", "A", "..."]
