"""``scale=``: the paper's experiments at another size, in the paper's proportions."""

import pytest

from alrun.settings.checks import pool_size, validate
from alrun.settings.identity import setting_id
from alrun.settings.planned_runs import paper_experiments

NETWORKS = {"augmentation/vgg11", "baseline/cifar10_dla", "baseline/cifar10_vgg19", "baseline/svhn_vgg19"}


@pytest.mark.parametrize("experiment", paper_experiments())
def test_every_experiment_keeps_its_proportions(composed, experiment):
    paper = composed(f"experiment={experiment}")
    cfg = composed(f"experiment={experiment}", "scale=small")
    validate(cfg)
    share = cfg.scale.examples
    assert pool_size(cfg) == round(pool_size(paper) * share)
    for setting in ("seed_size", "batch_size", "total"):
        few = experiment == "baseline/mnist_low"  # its labels are few already
        assert cfg.budget[setting] == (paper.budget[setting] if few else round(paper.budget[setting] * share))
    assert cfg.training.max_epochs == max(1, round(paper.training.max_epochs * cfg.scale.epochs))
    if "unique" in paper.redundancy:
        assert cfg.redundancy.unique == round(5500 * share)


def test_a_network_that_an_experiment_names_stays(composed):
    for experiment in sorted(NETWORKS):
        target = composed(f"experiment={experiment}").model._target_
        assert composed(f"experiment={experiment}", "scale=small").model._target_ == target
    assert composed("experiment=baseline/mnist", "scale=small").model._target_.endswith("MnistNet")
    assert composed("experiment=baseline/svhn", "scale=small").model._target_.endswith("SmallCnn")


def test_the_scale_of_the_paper_changes_no_run_and_others_change_all(composed):
    folders = [setting_id(_root_=composed("dataset=cifar10", *scale, hydra=True)) for scale in ([], ["scale=paper"])]
    assert folders[0] == folders[1]
    for shares in (["scale.examples=0.5"], ["scale.test=0.5"], ["scale.epochs=0.5"], ["scale.width=0.5"]):
        folders.append(setting_id(_root_=composed("dataset=cifar10", *shares, hydra=True)))
    assert len(set(folders)) == 5


def test_a_number_on_the_command_line_is_taken_as_it_is(composed):
    cfg = composed("dataset=cifar10", "scale.examples=0.05", "budget.total=300", "batch_size=b1000")
    assert (cfg.budget.seed_size, cfg.budget.batch_size, cfg.budget.total) == (50, 50, 300)


def test_a_run_takes_its_share_of_both_splits(complete):
    folder = complete("scale.examples=0.1", "scale.test=0.5", "budget.total=40", "strategy=random")
    import pandas as pd

    bought = pd.read_csv(folder / "queries.csv")["index"]
    assert bought.max() < 130  # of 1,297
    accuracy = pd.read_csv(folder / "accuracy.csv").test_accuracy
    assert (accuracy * 250).round(6).isin(range(251)).all()  # of 500
