import pyarrow as pa

from codeblock.select.sample import scored_samples
from codeblock.types import Analysis, Message, Sample, Segment, SegmentKind
from tests.select.build import TOKEN, random_nll, scored, tables
from tests.select.example import ANALYSIS, CODE, TEXT


def test_tokens_belong_to_the_item_of_their_first_non_space_byte() -> None:
    sample = scored(TEXT, ANALYSIS, random_nll(0))
    tokens = TOKEN.findall(TEXT.encode())
    fence = len(ANALYSIS.items) + ANALYSIS.segments.index(CODE)
    owned = {o: b"|".join(t for t, owner in zip(tokens, sample.owner, strict=True) if owner == o) for o in range(-1, fence + 1)}
    assert owned == {
        -1: "Sum| the| na|ï|ve| values|:|\n|  |\n|\n    |\n    |\n|Done|,| and| verified|.|\n".encode().replace(
            b"\xc3\xaf", b"\xc3|\xaf"
        ),
        0: b"x| |=| 1",
        1: b"#| na|\xc3|\xaf|ve| one",
        2: b"if| x|:",
        3: b"y| |=| x",
        4: b"pass",
        5: b"",
        fence: b"`|`|`|python|\n|`|`|`|\n",
    }
    core = [t for t, c in zip(tokens, sample.core, strict=True) if c]
    assert core == [b"x", b"=", b" 1", b"if", b" x", b"y", b"=", b" x"]
    assert [sample.text[a:b].decode() for a, b in sample.prose] == [
        "Sum the naïve values:\n",
        "# naïve one",
        "Done, and verified.\n",
    ]


def test_responses_of_one_sample_do_not_mix() -> None:
    two = Analysis(
        (*ANALYSIS.segments, Segment(1, SegmentKind.PROSE, None, ANALYSIS.segments[0].spans)),
        ANALYSIS.items, ANALYSIS.edges, ANALYSIS.reach, ANALYSIS.bridge,
    )  # fmt: skip
    one, both = scored(TEXT, ANALYSIS, random_nll(0)), scored([TEXT, "Sum the naïve values:\n"], two, random_nll(0))
    count = len(one.owner)
    assert both.owner[:count].tolist() == one.owner.tolist()
    assert (both.owner[count:] == -1).all()
    assert len(both.prose) == 4


def test_rows_with_a_reason_are_passed_over_and_do_not_shift_the_others() -> None:
    kept = tables(Sample("a", (Message("assistant", TEXT),)), ANALYSIS, random_nll(0))
    empty = Analysis((Segment(0, SegmentKind.PROSE, None, ()),), (), (), (), ())
    dropped = tables(Sample("b", (Message("assistant", "no"),)), empty, random_nll(0), reason="longer_than_context")
    joined = [pa.concat_tables(pair) for pair in zip(dropped, kept, dropped, kept, strict=True)]
    rows = list(scored_samples(*joined))
    assert [row is None for row in rows] == [True, False, True, False]
    (alone,) = scored_samples(*kept)
    assert alone is not None
    for row in (rows[1], rows[3]):
        assert row is not None
        assert row.owner.tolist() == alone.owner.tolist()
        assert row.parent.tolist() == [-1, -1, -1, 2, 2]
