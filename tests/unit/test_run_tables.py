"""Reading metrics.csv: the values as written, and one message for a file edited by hand."""

import re

import numpy as np
import pytest

from normreg.analysis import run_tables
from normreg.errors import DataError
from normreg.training import loop

RUN = "digits/x/l1-bn/seed0 0123456789abcdef"


def test_reads_what_training_writes(tmp_path):
    rows = [loop.Epoch(e, 0.1, 0.7, 0.6, 91.25, 0.5 / e, 90.0 + e / 3, 1.5) for e in (1, 2, 3)]
    loop.write_metrics(rows, tmp_path / "metrics.csv", RUN)
    table = run_tables.read_metrics(tmp_path / "metrics.csv", ["validation_accuracy", "train_accuracy"], RUN, 3)
    assert sorted(table) == ["epoch", "train_accuracy", "validation_accuracy"]
    assert table["epoch"].tolist() == [1, 2, 3]
    assert table["epoch"].dtype == np.int64
    np.testing.assert_allclose(table["validation_accuracy"], [90 + 1 / 3, 90 + 2 / 3, 91], rtol=1e-7)


@pytest.fixture
def written(tmp_path):
    """Three epochs."""
    rows = [loop.Epoch(e, 0.125, 0.75, 0.5, 91.25, 0.5, 90.5, 1.5) for e in (1, 2, 3)]
    loop.write_metrics(rows, tmp_path / "metrics.csv", RUN)
    return tmp_path / "metrics.csv"


def without_last(text):
    return text[: text.rindex("\n3,") + 1]


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (lambda text: "", "its columns are '', expected epoch, learning_rate"),
        (lambda text: text[: text.index("\n") + 1], "it has no row"),
        (lambda text: text.replace("train_loss,", ""), "its columns are 'epoch, learning_rate"),
        (lambda text: text.replace("\n2,0.125", "\n2"), "its content was changed"),
        (lambda text: text.replace("\n2,0.125", "\n2,"), "its content was changed"),
        (lambda text: text.replace("\n2,0.125", "\n2,x"), "its content was changed"),
        (lambda text: text.replace("\n2,0.125", "\n2,nan"), "its content was changed"),
        (lambda text: text.replace("\n2,0.125", "\n2,-inf"), "its content was changed"),
        (lambda text: text.replace("\n2,0.125", "\n2,0.126"), "its content was changed after it was written"),
        (lambda text: text.replace("\n2,0.125", "\n2," + "9" * 131_073), "field larger than field limit"),
        (lambda text: text.replace("\n2,0.125", '\n2,"0.125'), "its content was changed"),
        (lambda text: text + text[text.index("\n") + 1 :], "its content was changed"),
        (without_last, "its content was changed"),
    ],
    ids=range(13),
)
def test_a_file_edited_by_hand_is_one_message(written, edit, found):
    text = written.read_bytes().decode()
    assert edit(text) != text
    written.write_bytes(edit(text).encode())
    with pytest.raises(DataError, match=rf"metrics\.csv: .*{re.escape(found)}.*Delete it and run the same command"):
        run_tables.read_metrics(written, ["validation_loss"], RUN, 3)


def test_line_ends_and_quotes_are_not_content(written):
    text = written.read_text().replace(",0.125,", ',"0.125",')
    written.write_bytes(text.replace("\r\n", "\n").encode())
    assert run_tables.read_metrics(written, ["learning_rate"], RUN, 3)["learning_rate"].tolist() == [0.125] * 3


@pytest.mark.parametrize("epochs", [2, 4])
def test_another_number_of_epochs_is_refused(written, epochs):
    with pytest.raises(DataError, match=rf"its epochs are not 1, 2, 3, \.\.\. to {epochs}, each once"):
        run_tables.read_metrics(written, ["validation_loss"], RUN, epochs)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("digits/x/l2-bn/seed0 0123456789abcdef", "holds the run digits/x/l1-bn/seed0, expected digits/x/l2-bn/seed0"),
        ("digits/x/l1-bn/seed0 ffffffffffffffff", "holds the run digits/x/l1-bn/seed0 under other settings"),
    ],
)
def test_metrics_of_another_run_say_whose_they_are(written, other, said):
    with pytest.raises(DataError, match=rf"metrics\.csv: {said}.*Delete it and run the same command again"):
        run_tables.read_metrics(written, ["validation_loss"], other, 3)
