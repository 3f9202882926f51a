"""What the settings say of a pool of vectors before any data are read."""

import pytest

from alrun.settings.option_names import options_of_group
from alrun.settings.vector_pools import OPTIONS, holds_vectors, seed_set_of

FEATURES = ("dataset=features", "dataset.path=f.npz")


def test_the_options_that_give_vectors_are_those_of_the_data_sets():
    known = dict(options_of_group("dataset"))
    assert {known[option]["_target_"].rpartition(".")[2] for option in OPTIONS} == set(OPTIONS)


@pytest.mark.parametrize(
    ("settings", "vectors", "reads_pool"),
    [
        (("dataset=digits",), False, False),
        (FEATURES, True, True),
        (("dataset=table", "dataset.path=t.csv"), True, True),
        (("dataset=digits", "encoder=torchvision"), False, True),
    ],
)
@pytest.mark.parametrize("seed_set", ["facility_location", "dispersion_min"])
def test_a_seed_set_reads_a_pool_of_vectors_and_has_its_network_elsewhere(
    composed, settings, vectors, reads_pool, seed_set
):
    cfg = composed(*settings, f"seed_set={seed_set}")
    assert holds_vectors(cfg) == vectors
    named = composed(*settings, f"seed_set={seed_set}", "embeddings@seed_set.embeddings=features")
    assert (seed_set_of(cfg) == named.seed_set) == reads_pool
    assert (seed_set_of(cfg) == cfg.seed_set) == (not reads_pool)
    assert "encoder" in cfg.seed_set.embeddings  # the settings themselves stay as they are


def test_another_network_that_was_named_stays(composed):
    cfg = composed(*FEATURES, "seed_set=facility_location", "seed_set.embeddings.encoder.name=resnet50")
    assert seed_set_of(cfg) == cfg.seed_set
