"""Texts about the time left. They must be right for short runs, and must never end a training."""

import pytest

from normreg.training import history, progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1 s"),
        (0.4, "1 s"),
        (45.2, "45 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (29.6 * 60, "30 min"),
        (119.4 * 60, "119 min"),
        (120 * 60, "2 h 0 min"),
        (200 * 60, "3 h 20 min"),
    ],
)
def test_durations(seconds, text):
    assert progress.duration(seconds) == text


@pytest.mark.parametrize(
    ("trained", "seconds", "asked", "at_once", "text"),
    [
        # By hand: 15 s * 20 / 2 = 150 s.
        (2, 15, 22, 2, "2 of 22 runs are trained; the rest takes about 2 min with 2 at once, at the speed so far"),
        # One run cannot be split: 15 s, not 15 / 4.
        (1, 15, 2, 4, "1 of 2 runs are trained; the rest takes about 15 s with 1 at once, at the speed so far"),
        (1, 10, 8, None, "1 of 8 runs are trained"),
        (2, 10, 2, 2, "all 2 runs are trained"),
    ],
)
def test_the_rest_of_the_study(trained, seconds, asked, at_once, text):
    assert progress.describe(trained, seconds, asked, at_once) == text


def epoch(number, seconds):
    return history.Epoch(number, 0.1, 1.0, 1.0, 50.0, 1.0, 50.0, seconds)


def identity(number, key="abc"):
    return f"digits/x/none-bn/seed{number} {key}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Five runs: two trained, one of other settings, one that is being written, one that has not begun."""
    monkeypatch.chdir(tmp_path)
    places = [tmp_path / f"results/digits/x/none-bn/seed{number}" for number in range(4)]
    for place in places:
        place.mkdir(parents=True)
    for number, key in ((0, "abc"), (1, "abc"), (2, "before")):
        rows = [epoch(1, 2.0), epoch(2, 1.0 + number)]
        history.write(rows, places[number] / "metrics.csv", identity(number, key))
    whole = (places[1] / "metrics.csv").read_text().replace(identity(1), identity(3))
    (places[3] / "metrics.csv").write_text(whole[: len(whole) // 2])
    return tmp_path


RUNS = [identity(number) for number in range(5)]


def test_only_whole_files_of_the_runs_of_now_count(folder):
    found = progress.finished(folder / "results", RUNS)
    assert [path.parent.name for path in found] == ["seed0", "seed1"]
    assert progress.seconds_in_epochs(found) == 3.5
    assert progress.finished(folder / "nothing", RUNS) == []


@pytest.mark.parametrize("runs", [progress.SAMPLED, progress.SAMPLED + 1, 10 * progress.SAMPLED])
def test_the_time_of_many_runs_is_that_of_some(tmp_path, monkeypatch, runs):
    read = []
    monkeypatch.setattr(progress.tables, "read", lambda path, table: read.append(path) or {"seconds": [1.0, 2.0]})
    assert progress.seconds_in_epochs([tmp_path / str(number) for number in range(runs)]) == 3.0
    assert progress.SAMPLED / 2 < len(read) <= progress.SAMPLED


def test_a_training_tells_how_far_the_study_is(folder, caplog):
    """By hand: a run takes 3.5 s, and 6 s besides its epochs. Three runs, two at once: 14.25 s."""
    with caplog.at_level("INFO", logger="normreg"):
        progress.tell({"runs": RUNS, "at_once": 2, "results": "results"}, RUNS[1], [epoch(1, 2.0), epoch(2, 2.0)], 10.0)
    said = "study: 2 of 5 runs are trained; the rest takes about 14 s with 2 at once, at the speed so far"
    assert caplog.messages == [said]


def test_a_run_that_nobody_asked_for_says_nothing(folder, caplog):
    with caplog.at_level("INFO", logger="normreg"):
        progress.tell({"runs": RUNS, "at_once": 2, "results": "results"}, identity(9), [epoch(1, 2.0)], 10.0)
        progress.tell(None, RUNS[0], [epoch(1, 2.0)], 10.0)
    assert caplog.messages == []


@pytest.mark.parametrize(
    "study", [{}, {"runs": RUNS}, {"runs": [None, RUNS[0]], "at_once": 2, "results": "results"}, 7]
)
def test_whatever_is_wrong_does_not_end_a_training(folder, caplog, study):
    progress.tell(study, RUNS[0], [epoch(1, 2.0)], 10.0)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("study: cannot tell how far it is (")


def test_no_finished_run_on_disk_does_not_end_a_training(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    progress.tell({"runs": RUNS, "at_once": 1, "results": "results"}, RUNS[0], [epoch(1, 2.0)], 10.0)
    assert "cannot tell" in caplog.text
