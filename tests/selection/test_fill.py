import torch
from scipy.stats import chisquare

from alrun.selection.fill import fill_uniformly


def test_what_lacks_is_drawn_uniformly_behind_what_is_chosen():
    rng, counts = torch.Generator().manual_seed(0), torch.zeros(7, dtype=torch.int64)
    for _ in range(700):
        filled = fill_uniformly(torch.tensor([5, 2]), 7, 4, rng)
        assert filled[:2].tolist() == [5, 2]
        counts[filled[2:]] += 1
    assert counts[[2, 5]].sum() == 0
    assert chisquare(counts[[0, 1, 3, 4, 6]].numpy()).pvalue > 1e-3


def test_nothing_is_drawn_where_nothing_lacks_and_in_order_without_a_generator():
    rng = torch.Generator().manual_seed(0)
    state = rng.get_state()
    assert fill_uniformly(torch.tensor([5, 2]), 7, 2, rng).tolist() == [5, 2]
    assert rng.get_state().equal(state)
    assert fill_uniformly(torch.tensor([5, 0]), 7, 5, None).tolist() == [5, 0, 1, 2, 3]
