"""A report of other seeds than those of the run: one sentence says what the folder has."""

import pytest

from normreg.workflow import freshness


def facts(*runs):
    return [{"seed": seed, "identity": f"digits/x/{name}/seed{seed} {key}"} for name, seed, key in runs]


@pytest.fixture
def summary(tmp_path):
    """A function that writes a summary of runs, with the two columns that count and one more."""

    def write(runs):
        path = tmp_path / "summary.csv"
        path.write_text("seed,condition,run\n" + "".join(f"{run['seed']},x,{run['identity']}\n" for run in runs))
        return path

    return write


ALL = [(name, seed, "abc") for name in ("none-bn", "l1-bn") for seed in (0, 1, 2)]


def test_the_same_runs_in_any_order_are_no_difference(summary):
    assert freshness.difference(summary(facts(*ALL)), facts(*reversed(ALL))) is None


def test_other_seeds_are_named_with_what_to_do(summary):
    path = summary(facts(("none-bn", 5, "abc"), ("none-bn", 7, "abc")))
    text = freshness.difference(path, facts(("none-bn", 0, "abc")))
    assert text.startswith(f"{path} and all figures beside it were made of other runs (seeds 5, 7) than those that")
    assert "asks for (seeds 0)" in text
    assert "Give --report the --config of the run, or make the run first" in text


@pytest.mark.parametrize("changed", [("l2-bn", 2, "abc"), ("l1-bn", 2, "other")])
def test_other_conditions_or_settings_of_the_same_seeds_are_said(summary, changed):
    text = freshness.difference(summary(facts(*ALL)), facts(*ALL[:-1], changed))
    assert "other seeds, conditions or settings" in text


@pytest.mark.parametrize("content", [None, b"", b"a,b\n1,2\n", b"seed,run\nx,y\n", b"\xff\xfe", b"seed,run\n1\n"])
def test_what_is_no_summary_is_left_to_others(tmp_path, content):
    path = tmp_path / "summary.csv"
    if content is not None:
        path.write_bytes(content)
    assert freshness.difference(path, facts(*ALL)) is None
