import pytest
import torch

from alrun.selection.trace import Trace


@pytest.mark.parametrize("compressed", [False, True])
def test_changes_of_the_trace_stay_exact_over_additions_and_removals(compressed):
    """More changes than wait for one another, beside inverses of all matrices."""
    rng = torch.Generator().manual_seed(0)
    v = torch.randn(60, 8, 3, generator=rng, dtype=torch.float64)
    each = v @ v.mT
    fisher = each.sum(0)
    m = each[50:].sum(0) + 0.5 * torch.eye(8)
    inverse = torch.linalg.inv(m)
    middle, rows = inverse @ fisher @ inverse, v.mT.reshape(180, 8)
    seen = Trace(rows @ inverse @ rows.T, rows @ middle @ rows.T, 3)
    trace = seen if compressed else Trace(inverse, middle, 3, rows)
    added: list[int] = []
    for position, sign in [*((i, 1) for i in range(0, 50, 2)), *((i, -1) for i in range(0, 40, 4))]:
        trace.change(torch.tensor([position]), sign)
        m = m + sign * each[position]
        added = [*added, position] if sign > 0 else [i for i in added if i != position]
        before = torch.linalg.inv(m).mul(fisher).sum()
        after = torch.linalg.inv(torch.cat([m + each, m - each[added]])).mul(fisher).sum((1, 2))
        assert torch.allclose(trace.reduction(1), before - after[:60])
        assert torch.allclose(trace.reduction(-1)[added], after[60:] - before)
