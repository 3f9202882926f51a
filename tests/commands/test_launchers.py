"""The launchers of conf/hydra/launcher: they extend the plugins' own options, or name the extra that is missing."""

import importlib.util

import pytest
from omegaconf import OmegaConf

from alrun.settings.hydra_errors import mistake_sentence

LAUNCHERS = [
    ("slurm", "hydra_submitit_launcher", {"max_num_timeout": 100, "gpus_per_node": 1, "partition": None}),
    ("slurm_local", "hydra_submitit_launcher", {"timeout_min": 1440, "tasks_per_node": 1}),
    ("ray_local", "hydra_ray_launcher", {"ray.init.num_cpus": None, "ray.remote.num_cpus": 1}),
    ("ray_cluster", "hydra_ray_launcher", {"ray.init.address": "auto", "ray.init.object_store_memory": None}),
]


@pytest.mark.parametrize(("name", "plugin", "values"), LAUNCHERS, ids=[name for name, _, _ in LAUNCHERS])
def test_a_launcher_has_alruns_defaults_or_names_its_extra(composed, name, plugin, values):
    words = [f"hydra/launcher={name}", "paths.outputs=/shared"]
    installed = importlib.util.find_spec("hydra_plugins") and importlib.util.find_spec(f"hydra_plugins.{plugin}")
    if not installed:
        with pytest.raises(Exception, match="Could not load") as refused:
            composed(*words, hydra=True)
        extra = name.partition("_")[0]
        assert f"pip install 'alrun[{extra}]'" in (mistake_sentence(refused.value) or "")
        return
    launcher = composed(*words, hydra=True).hydra.launcher
    assert plugin in launcher._target_
    for key, value in values.items():
        assert OmegaConf.select(launcher, key) == value, key
