"""A run says where the paper does in another way what is asked for."""

from pathlib import Path

import pytest

from alrun.loop.start import run
from alrun.settings.planned_runs import options_of
from tests.conftest import QUIET, SMALL


@pytest.mark.parametrize(
    ("dataset", "strategy"), [("cifar100", "badge"), ("cifar100", "partitioned"), ("digits", "badge")]
)
def test_badge_on_cifar100_says_in_one_line_that_the_paper_partitions(composed, tmp_path, caplog, dataset, strategy):
    """The digits, by the name of CIFAR-100, which is not there for everyone."""
    caplog.set_level("INFO")
    cfg = composed(*SMALL, *QUIET, f"strategy={strategy}", f"paths.outputs={tmp_path}", hydra=True)
    choices = options_of(cfg)
    run(cfg, Path(cfg.hydra.run.dir), choices | {"dataset": dataset})
    lines = [record.getMessage() for record in caplog.records if "the paper" in record.getMessage()]
    is_told = (dataset, strategy) == ("cifar100", "badge")
    assert len(lines) == is_told
    assert all("in parts" in line and "strategy=partitioned" in line for line in lines)
