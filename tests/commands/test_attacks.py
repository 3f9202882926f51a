"""Nobody's configuration and nobody's results run anything but parts of alrun (tests/heavy/attack_cases.py)."""

import os
from itertools import islice
from pathlib import Path

import pytest

from tests.heavy import attack_cases
from tests.heavy.attack_cases import (
    FORMS,
    GADGETS,
    PLACES,
    Case,
    attacked,
    build_cases,
    command_cases,
    folder_cases,
    setting_cases,
)

KNOWN = [  # ways that were found once
    *("sympy.sympify", "joblib.load", "pathlib.Path.write_text", "os.system", "builtins.eval", "torch.load"),
    *("sklearn.utils._testing.assert_run_python_script_without_output", "sklearn.datasets.clear_data_home"),
    *("alrun.system.torchvision_import.torchvision.models._api.WeightsEnum.get_state_dict",),
    *("alrun.commands.sweep.Path.write_text", "logging.FileHandler"),
]
HYDRAS = [
    *("job.env_set", "callbacks.evil pathlib.Path.touch", "callbacks by interpolation joblib.load", "run.dir"),
    *("job_logging.handlers.file.filename", "job_logging.handlers.console.stream", "launcher.setup with a launcher"),
]


def hold(cases: list[Case], place: Path) -> int:
    """Assert that no case has an effect; how many there were."""
    outcome = attacked(cases, place)
    assert outcome.effects == [], outcome.effects[:5]
    return outcome.cases


def test_the_watch_sees_what_a_case_does(tmp_path):
    def write():
        Path("elsewhere").write_text("x")

    def run():
        os.system("touch MARK")

    def load():
        import marker  # noqa: F401

    outcome = attacked([Case("write", write), Case("run", run), Case("load", load)], tmp_path)
    assert [case for case, _ in outcome.effects] == ["write", "run", "load"]


def test_known_ways_have_no_effect_at_any_place_of_a_run(composed, tmp_path):
    cfg = composed("debug=fast")
    places = ("strategy", "strategy.inner", "dataset.mean", "augmentation.transform", "optimizer.build")
    assert hold(list(setting_cases(cfg, KNOWN, places, ("plain", "create"))), tmp_path) == 110


def test_known_ways_have_no_effect_by_hydras_own_settings(tmp_path):
    assert hold(list(command_cases(tmp_path, HYDRAS)), tmp_path) == len(HYDRAS)


def test_known_ways_have_no_effect_by_results(complete, tmp_path):
    run_dir = complete("strategy=random")
    place = tmp_path / "place"
    assert hold(list(islice(folder_cases(run_dir, place, 1000), 0, None, 7)), place) >= 25


@pytest.mark.heavy
@pytest.mark.timeout(3600)
def test_no_attack_has_an_effect(composed, complete, tmp_path, capsys):
    cfg, run_dir = composed("debug=fast"), complete("strategy=random")
    place = tmp_path / "place"
    groups = {
        "names under allowed modules": build_cases(attack_cases.names()),
        "settings of a run": setting_cases(cfg, list(GADGETS), PLACES, FORMS),
        "Hydra's settings": command_cases(place),
        "files of a run folder": folder_cases(run_dir, place),
    }
    counts, effects, untold, refused = {}, [], [], 0
    for group, cases in groups.items():
        counts[group] = 0
        while batch := list(islice(cases, 1000 if group.startswith("names") else 200)):
            outcome = attacked(batch, place)
            counts[group] += outcome.cases
            effects += outcome.effects
            untold += outcome.untold
            refused += outcome.refused
    with capsys.disabled():
        print(f"\n{sum(counts.values())} attacks: {counts}; refused: {refused}, without a sentence: {len(untold)}")
        print(f"with an effect: {len(effects)}", *effects[:20], sep="\n")
        print(*(f"{name}: {error.splitlines()[-1]}" for name, error in untold[:30]), sep="\n")
    assert sum(counts.values()) >= 1000
    assert not effects
