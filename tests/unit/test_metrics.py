"""Reading metrics.csv: the values as written, and one message for a file edited by hand."""

import re

import numpy as np
import pytest

from normreg.analysis import metrics
from normreg.errors import DataError
from normreg.training import history


def test_reads_what_training_writes(tmp_path):
    rows = [history.Epoch(e, 0.1, 0.7, 0.6, 91.25, 0.5 / e, 90.0 + e / 3, 1.5) for e in (1, 2, 3)]
    history.write(rows, tmp_path / "metrics.csv")
    table = metrics.read(tmp_path / "metrics.csv", ["validation_accuracy", "train_accuracy"])
    assert sorted(table) == ["epoch", "train_accuracy", "validation_accuracy"]
    assert table["epoch"].tolist() == [1, 2, 3]
    assert table["epoch"].dtype == np.int64
    np.testing.assert_allclose(table["validation_accuracy"], [90 + 1 / 3, 90 + 2 / 3, 91], rtol=1e-7)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "epochs are not 1, 2, 3"),
        ("epoch,validation_loss\n", "epochs are not 1, 2, 3"),
        ("epoch,validation_loss\n1,2\n3,4\n", "epochs are not 1, 2, 3"),
        ("epoch,validation_loss\n2,2\n", "epochs are not 1, 2, 3"),
        ("epoch,seconds\n1,2\n", "KeyError: 'validation_loss'"),
        ("epoch,validation_loss\n1,\n", "ValueError"),
        ("epoch,validation_loss\n1\n", "TypeError"),
        ("epoch,validation_loss\n1,x\n", "ValueError"),
        ("epoch,validation_loss\n1,nan\n", "validation_loss holds a value that is not a finite number"),
    ],
)
def test_a_file_edited_by_hand_is_one_message(tmp_path, text, found):
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(DataError, match=rf"metrics\.csv: .*{re.escape(found)}.*Delete it and run the same command"):
        metrics.read(tmp_path / "metrics.csv", ["validation_loss"])
