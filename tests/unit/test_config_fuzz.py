"""Generated configurations and studies, right and wrong: each trains or is refused in one message."""

from collections import Counter

import fuzzing
import pytest
from hypothesis import HealthCheck, given, settings

from normreg.config import studies as configuration

CI = settings(max_examples=500, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        studies = tmp_path_factory.mktemp("studies")
        patch.setattr(configuration, "STUDIES", studies)
        yield studies


def test_every_case_is_accepted_and_trains_or_is_refused_in_one_message(folder):
    seen = Counter()

    @CI
    @given(fuzzing.CASES)
    def fuzz(case):
        seen[case.kind, fuzzing.check(case, folder)] += 1

    fuzz()
    assert sum(seen.values()) >= 500
    assert seen["valid", "accepted"] >= 50
    assert min(seen[kind, "refused"] for kind in ("misspelt", "value", "lost", "odd key", "yaml", "root")) >= 5, seen
