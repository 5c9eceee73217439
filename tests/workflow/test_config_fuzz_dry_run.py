"""Generated configurations through the real command line, which must say what the validating function says."""

from collections import Counter

import fuzzing
from hypothesis import HealthCheck, Phase, given, settings

from normreg import config


def test_twenty_cases_through_snakemake(root, tmp_path, monkeypatch):
    project = fuzzing.copy_project(root, tmp_path / "project")
    scratch = tmp_path / "studies"
    monkeypatch.setattr(config, "STUDIES", scratch)
    seen = Counter()

    @settings(
        max_examples=20,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # making a failing case smaller would take minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(fuzzing.CASES)
    def fuzz(case):
        seen[fuzzing.dry_run(case, project, scratch)] += 1

    fuzz()
    assert min(seen["accepted"], seen["refused"]) >= 3, seen
