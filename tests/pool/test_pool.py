"""The pool, round after round."""

import pytest
import torch

from alrun.pool.pool import Pool


def test_purchases_leave_the_images_where_they_are_and_the_index_flat():
    """An example costs as much to fetch in the last round as in the first: nothing is copied, wrapped or nested."""
    pool = Pool(torch.zeros(100, 1, 2, 2, dtype=torch.uint8), torch.arange(100) % 5)
    images, place = pool.images, pool.images.data_ptr()
    for start in range(0, 96, 4):
        pool.label(pool.unlabeled[torch.tensor([3, 0, 1, 2])])
        assert pool.labeled[start:].tolist() == [start + 3, start, start + 1, start + 2]
    assert pool.images is images
    assert pool.images.data_ptr() == place
    assert pool.labeled.shape == (96,)
    assert pool.labeled.dtype == torch.int64
    assert pool.unlabeled.tolist() == [96, 97, 98, 99]


@pytest.mark.parametrize(
    ("indices", "words"), [([3, 3], "repeat"), ([0], "labeled already"), ([-1], "in 0..9"), ([10], "in 0..9")]
)
def test_what_cannot_be_bought_is_refused(indices, words):
    pool = Pool(torch.zeros(10, 1, 2, 2, dtype=torch.uint8), torch.zeros(10, dtype=torch.int64))
    pool.label(torch.tensor([0]))
    with pytest.raises(ValueError, match=words):
        pool.label(torch.tensor(indices))
    assert pool.labeled.tolist() == [0]
