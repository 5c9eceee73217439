"""Which run a file belongs to: what changes an identity, what does not, and what a stranger's file is told."""

import numpy as np
import pytest
import torch

from normreg.config import identity
from normreg.data import dataset, digits
from normreg.data.dataset import Dataset
from normreg.data.specs import DATASETS
from normreg.errors import DataError
from normreg.models.build import build
from normreg.training import checkpoint
from normreg.utils import tables

RUN = "digits/x/l1-bn/seed0 0123456789abcdef"


def test_an_identity_says_where_a_run_belongs_and_what_it_is(condition):
    found = identity.identify("digits", "x", "l1-bn", condition(), 0)
    assert tables.place_of(found) == "digits/x/l1-bn/seed0"
    assert len(found.split()[1]) == 16
    others = [
        identity.identify("mnist", "x", "l1-bn", condition(), 0),
        identity.identify("digits", "y", "l1-bn", condition(), 0),
        identity.identify("digits", "x", "l2-bn", condition(), 0),
        identity.identify("digits", "x", "l1-bn", condition(epochs=3), 0),
        identity.identify("digits", "x", "l1-bn", condition(lambdas={"l1": 1e-5}), 0),
        identity.identify("digits", "x", "l1-bn", condition(), 1),
    ]
    assert len({found.split()[1], *(other.split()[1] for other in others)}) == 7
    layers = [identity.identify("digits", "x", "l1-bn", condition(), 0, {"layers": [width]}) for width in (8, 9)]
    assert len({found, *layers}) == 3
    python = [identity.identify("digits", "x", "l1-bn", condition(), 0, {"path": p, "digest": "a"}) for p in ("b", "c")]
    assert python[0] == python[1]
    turned = dict(reversed(condition().items()))
    assert identity.identify("digits", "x", "l1-bn", turned, 0) == found


def test_the_identity_of_a_table_is_of_all_its_runs():
    runs = ["digits/x/l1-bn/seed0 a", "digits/x/l1-bn/seed1 b"]
    assert identity.identify_all(runs).startswith("digits/x ")
    assert len({identity.identify_all(runs), identity.identify_all(runs[:1]), identity.identify_all(runs[::-1])}) == 3


@pytest.mark.parametrize("found", [None, 3, "", "somewhere", "\x1b[31m else"])
def test_a_file_without_an_identity_is_one_printable_message(found):
    with pytest.raises(DataError) as caught:
        tables.check_run("m.csv", found, RUN)
    assert str(caught.value).startswith("m.csv: ")
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith("Delete it and run the same command again.")


def test_the_first_look_tells_places_apart_and_leaves_the_rest_to_readers(tmp_path):
    path, here = tmp_path / "m.csv", "digits/x/l1-bn/seed0"
    for content in (None, b"", b"\xff", b"epoch\n1\n", f"data,code,run\nd,a,{here} a\n".encode()):
        if content is not None:
            path.write_bytes(content)
        identity.check_place(path, f"{here} b")
    with pytest.raises(DataError, match=f"holds the run {here}, expected digits/y/l1-bn/seed0"):
        identity.check_place(path, "digits/y/l1-bn/seed0 a")


@pytest.mark.parametrize(
    ("run", "data", "code", "stale"),
    [
        (RUN, "d", "numba 1", False),
        (RUN, "d", "torch 2", False),
        (RUN.replace("0123", "3210"), "d", "torch 2", True),
        (RUN, "e", "torch 2", True),
        (RUN, "d", "numba 2", True),
        (RUN, "d", "cudagraph 1", True),
        (RUN, "d", "", True),
    ],
)
def test_a_run_is_stale_if_its_file_names_other_settings_data_or_code_of_its_engine(tmp_path, run, data, code, stale):
    path, now = tmp_path / "m.csv", {"numba": "numba 1", "torch": "torch 2"}.__getitem__
    path.write_text(f"epoch,data,code,run\n1,{data},{code},{run}\n")
    assert identity.is_stale(path, RUN, "d", now) is stale
    assert identity.is_stale(path, RUN, None, now) is (stale and data == "d")


@pytest.mark.parametrize("content", [None, b"", b"epoch,code", b"data,code,run\n1,2", b"epoch\n1\n", b"\xff\xfe\n1\n"])
def test_a_file_that_names_nothing_is_left_to_others(tmp_path, content):
    if content is not None:
        (tmp_path / "m.csv").write_bytes(content)
    assert not identity.is_stale(tmp_path / "m.csv", RUN, None, str)


# --- checkpoints


@pytest.mark.parametrize("part", ["state_dict", "condition", "data_digest", "engine", "run", "network", "normalise"])
@pytest.mark.parametrize("value", ["absent", torch.ones(2), None, True], ids=str)
def test_a_checkpoint_with_a_part_less_or_of_another_type_is_one_message(tmp_path, condition, provenance, part, value):
    checkpoint.save(tmp_path / "c.pt", build(condition()), condition(), provenance())
    content = torch.load(tmp_path / "c.pt", weights_only=True)
    content[part] = value
    if isinstance(value, str):
        del content[part]
    torch.save(content, tmp_path / "c.pt")
    with pytest.raises(DataError, match=rf"c\.pt: .*{part}.*Delete it and run the same command again") as caught:
        checkpoint.load(tmp_path / "c.pt")
    assert str(caught.value).isprintable()


# --- data


def permuted(data: Dataset) -> Dataset:
    labels = np.random.default_rng(0).permutation(data.train_labels)
    return Dataset(data.train_images, labels, data.test_images, data.test_labels, data.class_names)


def test_labels_permuted_after_preparation_are_refused(blobs, tmp_path):
    arrays = {**vars(permuted(blobs)), "digest": np.array(blobs.digest())}
    np.savez(tmp_path / "d.npz", **arrays)
    for known in (None, blobs.digest(), permuted(blobs).digest()):
        with pytest.raises(DataError, match=r"d\.npz: its images and labels are not those that were prepared"):
            dataset.load(tmp_path / "d.npz", known)


def test_data_with_a_digest_of_its_own_is_not_a_data_set_that_is_known(tmp_path):
    data = digits.load()
    dataset.save(data, tmp_path / "digits.npz")
    known = DATASETS["digits"].digest
    assert dataset.load(tmp_path / "digits.npz", known).digest() == data.digest()
    dataset.save(permuted(data), tmp_path / "digits.npz")
    with pytest.raises(
        DataError, match=r"digits\.npz: its content is not that of the published .*: digest .* expected d6f65a9d7f3a"
    ):
        dataset.load(tmp_path / "digits.npz", known)
    dataset.load(tmp_path / "digits.npz")  # as for a data set whose content is not known


def test_prepared_data_without_a_digest_is_refused(blobs, tmp_path):
    np.savez(tmp_path / "d.npz", **vars(blobs))
    with pytest.raises(DataError, match=r"d\.npz: cannot be read as a prepared data set .*digest"):
        dataset.load(tmp_path / "d.npz")


def test_the_embedded_digits_have_their_known_digest():
    assert digits.load().digest() == DATASETS["digits"].digest
