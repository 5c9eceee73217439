"""Generated configurations through the real command line, which must say what the validating function says."""

from collections import Counter

import fuzzing
import pytest
from hypothesis import Phase, given, settings

from normreg.config import study_files


@pytest.mark.parametrize(
    ("cases", "count", "outcome"),
    [
        (fuzzing.FITTING, 1, "accepted"),
        (fuzzing.REFUSED, 3, "refused"),
        pytest.param(fuzzing.FITTING, 12, "accepted", marks=pytest.mark.slow),
        pytest.param(fuzzing.mutated(), 24, "refused", marks=pytest.mark.slow),
    ],
)
def test_through_snakemake(root, tmp_path, monkeypatch, cases, count, outcome):
    project = fuzzing.copy_project(root, tmp_path / "project")
    scratch = tmp_path / "studies"
    monkeypatch.setattr(study_files, "STUDIES", scratch)
    seen = Counter()

    @settings(
        max_examples=count,
        phases=[Phase.generate],  # making a failing case smaller would take minutes
    )
    @given(cases)
    def fuzz(case):
        seen[fuzzing.dry_run(case, project, scratch)] += 1

    fuzz()
    assert seen.total() == count
    assert seen[outcome] >= count / 2, seen
