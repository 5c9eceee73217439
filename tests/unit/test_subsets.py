"""Subsets and hold-outs: stratified, nested, shared by what must share them, and never the test split."""

from dataclasses import replace

import numpy as np
import pytest

from normreg.data import digits
from normreg.data.dataset import Dataset
from normreg.errors import DataError
from normreg.training import draws, subsets


@pytest.fixture(scope="module")
def data():
    return digits.load()


def indices(whole, part):
    """Places of the images of `part` in the training split of `whole`. All images of digits differ."""
    places = {image.tobytes(): number for number, image in enumerate(whole.train_images)}
    assert len(places) == len(whole.train_images)
    return [places[image.tobytes()] for image in part]


def test_all_images_are_the_data_set_itself(data, condition):
    assert subsets.of_run(data, condition(), 3) is data
    assert subsets.of_run(data, condition(train_images=len(data.train_labels)), 3) is data


def test_a_smaller_subset_is_a_part_of_a_larger_one_and_keeps_the_order(data, condition):
    parts = {n: subsets.of_run(data, condition(train_images=n), 7) for n in (20, 100, 600)}
    places = {n: indices(data, part.train_images) for n, part in parts.items()}
    assert set(places[20]) < set(places[100]) < set(places[600])
    assert all(found == sorted(found) and len(found) == n for n, found in places.items())
    assert np.array_equal(parts[100].train_labels, data.train_labels[places[100]])
    assert parts[100].test_images is data.test_images


def test_a_subset_depends_on_the_seed_and_on_no_other_setting(data, condition):
    plain = subsets.of_run(data, condition(train_images=50), 1).train_images
    other = subsets.of_run(data, condition(train_images=50, norm="gbn", num_splits=2, batch_size=8), 1).train_images
    assert np.array_equal(plain, other)
    assert not np.array_equal(plain, subsets.of_run(data, condition(train_images=50), 2).train_images)


def test_a_hold_out_takes_the_place_of_the_test_split_and_is_not_trained_on(data, condition):
    held = condition(holdout_images=200, train_images=300)
    part, other = subsets.of_run(data, held, 0), subsets.of_run(data, held, 1)
    assert np.array_equal(part.test_images, other.test_images)
    assert len(part.test_labels) == 200
    trained, validated = indices(data, part.train_images), indices(data, part.test_images)
    assert not set(trained) & set(validated)
    assert np.array_equal(part.test_labels, data.train_labels[validated])
    rest = subsets.of_run(data, condition(holdout_images=200), 0)
    assert sorted(indices(data, rest.train_images) + validated) == list(range(len(data.train_labels)))
    images, labels, _ = subsets.holdout(data, 200)
    assert np.array_equal(images, part.test_images)
    assert np.array_equal(labels, part.test_labels)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.7, 0.2, 0.1), (0.95, 0.05)])
def test_every_beginning_has_all_classes_in_proportion_to_within_one(shares):
    random = np.random.default_rng(0)
    labels = random.permutation(np.repeat(np.arange(len(shares)), [round(1000 * share) for share in shares]))
    order = subsets.stratified_order(labels, draws.generator(5, draws.SUBSET))
    assert sorted(order.tolist()) == list(range(1000))
    counts = np.cumsum(labels[order][:, None] == np.arange(len(shares)), axis=0)
    expected = np.arange(1, 1001)[:, None] * np.array(shares)
    # Each class is within one of its own share; the places of the others shift the end of a beginning by one each.
    assert np.abs(counts - expected).max() <= len(shares)
    alone = subsets.stratified_order(np.zeros(50, int), draws.generator(5, draws.SUBSET))
    assert sorted(alone.tolist()) == list(range(50))


# --- means and standard deviations


def colours(images=60, height=9, width=11):
    """A data set of random colour images whose channels differ, with its normalisation to be computed."""
    random = np.random.default_rng(5)
    highest = np.array([40, 256, 130]).reshape(1, 3, 1, 1)
    pixels = random.integers(0, np.broadcast_to(highest, (images, 3, height, width)), dtype=np.uint8)
    labels = (np.arange(images) % 3).astype(np.uint8)
    return Dataset(pixels, labels, pixels[:9], labels[:9], np.array(["a", "b", "c"]), np.full((2, 3), np.nan))


def test_means_and_standard_deviations_are_those_of_the_training_split_without_the_hold_out(condition):
    data = colours()
    assert np.isnan(data.normalise).all()
    run = condition(holdout_images=12, train_images=20)
    kept = subsets.of_run(data, condition(holdout_images=12), 0).train_images.astype(np.float64) / 255
    expected = [kept.mean(axis=(0, 2, 3)), kept.std(axis=(0, 2, 3))]
    parts = [subsets.of_run(data, run, seed) for seed in (0, 1)]
    assert len(kept) == 48
    assert len(parts[0].train_images) == 20
    for part in parts:
        assert part.normalise.dtype == np.float64
        np.testing.assert_allclose(part.normalise, expected, rtol=1e-12)
        assert np.array_equal(part.normalise, parts[0].normalise)
    everything = data.train_images / 255
    whole = subsets.of_run(data, condition(), 0).normalise
    np.testing.assert_allclose(whole, [everything.mean(axis=(0, 2, 3)), everything.std(axis=(0, 2, 3))], rtol=1e-12)


def test_given_means_stay_and_gray_images_have_one_channel(data, condition):
    given = np.array([[0.5, 0.4, 0.3], [0.2, 0.1, 0.3]])
    part = subsets.of_run(replace(colours(), normalise=given), condition(holdout_images=12), 0)
    assert part.normalise is given
    assert data.normalise.tolist() == [[0.1307], [0.3081]]
    gray = subsets.of_run(replace(data, normalise=np.full((2, 1), np.nan)), condition(), 0)
    pixels = data.train_images / 255
    np.testing.assert_allclose(gray.normalise, [[pixels.mean()], [pixels.std()]], rtol=1e-12)


def test_a_channel_without_any_spread_is_refused(condition):
    data = colours()
    data.train_images[:, 1] = 7
    with pytest.raises(DataError, match="channel 1: all pixels of the training images have the value 7"):
        subsets.of_run(data, condition(), 0)
