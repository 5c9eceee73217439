"""Files of finished runs, corrupted in every way of benchmarks/corrupt_files.py: refused, or found unchanged."""

import sys
from collections import Counter

import pytest


@pytest.fixture(scope="module")
def benchmark(root):
    sys.path.insert(0, str(root / "benchmarks"))
    import corrupt_files

    yield corrupt_files
    sys.path.remove(str(root / "benchmarks"))


@pytest.fixture(scope="module")
def run(benchmark, blobs, tmp_path_factory):
    return benchmark.make(tmp_path_factory.mktemp("runs"), blobs, None, epochs=1)


def test_no_corruption_is_accepted_and_none_is_a_traceback(benchmark, run):
    counts = benchmark.fuzz(run, 111, seed=1)
    outcomes: Counter[str] = Counter()
    for (kind, name, outcome), count in counts.items():
        outcomes[outcome] += count
        if outcome == benchmark.UNCHANGED:  # what stands before or between the parts of a zip file is not read
            assert kind in ("a bit flipped", "rows or file doubled, a row away"), (kind, name)
            assert not name.endswith(".csv"), (kind, name)
    assert outcomes[benchmark.REFUSED] > 80


def test_the_judge_notices_another_content_that_is_accepted(benchmark, run):
    same = (run.folder / "metrics.csv").read_bytes()
    right = run.read()
    assert benchmark.judge(run, right, "metrics.csv", same) == benchmark.UNCHANGED
    with pytest.raises(AssertionError, match=r"metrics\.csv: accepted, and is another content"):
        benchmark.judge(run, {**right, "row": {}}, "metrics.csv", same)
