"""Fixtures of all tests."""

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra

from alrun import config

config.register()
# torch's threads spin while they wait; one is enough for data this small, and leaves results unchanged by the machine.
torch.set_num_threads(1)


@pytest.fixture
def composed():
    """``composed("group=option", ...)``: the configuration that a command line would give."""

    def make(*overrides: str, hydra: bool = False):
        GlobalHydra.instance().clear()
        with initialize_config_module("alrun.conf", version_base="1.3"):
            return compose("config", list(overrides), return_hydra_config=hydra)

    yield make
    GlobalHydra.instance().clear()
