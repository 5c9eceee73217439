"""Generated configurations and studies, right and wrong: each trains or is refused in one message."""

from collections import Counter

import fuzzing
import pytest
from hypothesis import given, settings

from normreg.config import study_files

KINDS = ("misspelt", "value", "lost", "odd key", "yaml", "root")
THOROUGH = 1000  # examples


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        studies = tmp_path_factory.mktemp("studies")
        patch.setattr(study_files, "STUDIES", studies)
        yield studies


def test_every_case_is_accepted_and_trains_or_is_refused_in_one_message(folder):
    seen = Counter()

    @given(fuzzing.CASES)
    def fuzz(case):
        seen[case.kind, fuzzing.check(case, folder)] += 1

    fuzz()
    count = settings().max_examples
    assert seen.total() >= count
    assert seen["valid", "accepted"] >= count / 10
    assert sum(seen[kind, "refused"] for kind in KINDS) >= count / 5, seen
    if count >= THOROUGH:  # fewer examples may well leave out the rarest kind
        assert min(seen[kind, "refused"] for kind in KINDS) >= count / 200, seen
