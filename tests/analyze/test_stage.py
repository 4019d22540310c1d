import gc
import pickle

import pyarrow as pa
import pytest

from codeblock import schemas
from codeblock.analyze import stage as module
from codeblock.analyze.analyze import analyze
from codeblock.analyze.stage import AnalyzeStage
from codeblock.types import Message, Sample

RESPONSE = "Here:\n```python\ndef f(x):\n    return x\n\nf(1)\n```\n"


def batch(*responses: str | None) -> pa.Table:
    rows = [
        {
            **schemas.sample_to_row(Sample(f"s{n}", (Message("user", "?"), Message("assistant", r)))),
            "reason": None,
            "offset": None,
        }
        if r is not None
        else {"id": f"s{n}", "reason": "bad_row"}
        for n, r in enumerate(responses)
    ]
    return pa.Table.from_pylist(rows, schema=schemas.SAMPLES)


def test_rows_become_analyses():
    stage = AnalyzeStage()
    stage.setup()
    table = stage(batch(RESPONSE, "only words"))
    assert table.schema == schemas.ANALYSIS
    rows = table.to_pylist()
    assert [r["id"] for r in rows] == ["s0", "s1"] and [r["reason"] for r in rows] == [None, None]
    assert schemas.row_to_analysis(rows[0]) == analyze([RESPONSE])
    assert rows[1]["items"] == [] and len(rows[1]["segments"]) == 1


def test_a_bad_row_is_dropped_with_a_reason_and_disturbs_no_other():
    stage = AnalyzeStage(seconds=0.05, max_bytes=400_000)
    table = stage(batch(RESPONSE, "x" * 400_001, None, "x = 1\n" * 60_000, RESPONSE))
    assert table["reason"].to_pylist() == [None, "response_too_large", "bad_row", "analysis_timeout", None]
    for row in table.to_pylist():
        assert (row["items"] is None) == (row["reason"] is not None)
    assert table["items"][0] == table["items"][4]


def test_several_responses_are_one_analysis():
    sample = Sample("a", tuple(Message(role, RESPONSE) for role in ("user", "assistant", "user", "assistant")))
    table = AnalyzeStage()(pa.Table.from_pylist([{**schemas.sample_to_row(sample), "reason": None}], schema=schemas.SAMPLES))
    assert schemas.row_to_analysis(table.to_pylist()[0]) == analyze([RESPONSE, RESPONSE])


def test_empty_batch():
    assert AnalyzeStage()(batch()).num_rows == 0


def test_the_fingerprint_knows_every_setting(monkeypatch):
    before = AnalyzeStage().fingerprint()
    assert AnalyzeStage(seconds=1.0).fingerprint() != before
    assert AnalyzeStage(max_bytes=1).fingerprint() != before
    monkeypatch.setattr(module, "fingerprint", lambda: "other")
    assert AnalyzeStage().fingerprint() != before


def test_it_can_be_sent_to_workers_and_gives_the_same_there():
    stage = AnalyzeStage(seconds=3.0)
    stage.setup()
    again = pickle.loads(pickle.dumps(stage))
    assert again.fingerprint() == stage.fingerprint()
    assert again(batch(RESPONSE)) == stage(batch(RESPONSE))


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_left_as_it_was(enabled):
    (gc.enable if enabled else gc.disable)()
    try:
        AnalyzeStage()(batch(RESPONSE))
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


@pytest.mark.shared
def test_real_answers(shared_data):
    import gzip
    import json

    from tests.analyze.show import check_analysis

    with gzip.open(shared_data / "leetcode" / "train.jsonl.gz", "rt") as lines:
        responses = [json.loads(line)["response"] for line, _ in zip(lines, range(150), strict=False)]
    for response in responses:
        analysis = analyze([response])
        check_analysis([response], analysis)
        assert any(s.language == "python" for s in analysis.segments) == ("```python" in response)
