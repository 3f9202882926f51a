"""Hydra's own settings come from alrun's configuration; Hydra itself is left as it was for others."""

import subprocess
import sys

import pytest
import yaml

from alrun.settings import guard, planned_runs
from alrun.settings.hydra_errors import mistake_sentence
from alrun.system.errors import SettingError, UserError

OTHER_APPLICATION = """
import os, sys
from pathlib import Path
import hydra
from hydra._internal import config_loader_impl, hydra as internal
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.version import VersionBase
from omegaconf import OmegaConf
from omegaconf.basecontainer import BaseContainer

OmegaConf.register_new_resolver("width", lambda: "theirs")
ConfigStore.instance().store(name="schema", node={"theirs": 1})


def state():
    loader = config_loader_impl.ConfigLoaderImpl
    return (
        dict(os.environ), internal.ConfigLoaderImpl is loader, loader.load_configuration.__module__,
        set(BaseContainer._resolvers), dict(ConfigStore.instance().repo), VersionBase.instance().getbase(),
        GlobalHydra.instance().hydra,
    )


Path("theirs.yaml").write_text("hydra: {job: {env_set: {THEIRS: x}}}\\nvalue: ${width:}\\n")
with hydra.initialize_config_dir(os.getcwd(), version_base="1.1"):
    before = state()
    import alrun.commands.cli, alrun.settings.planned_runs, alrun.commands.check
    import alrun.commands.status, alrun.loop.start
    assert state() == before, "importing"
    alrun.settings.planned_runs.runs_of_command(["strategy=random"])
    assert state() == before, "planning"
    assert hydra.compose("theirs").value == "theirs"
    GlobalHydra.instance().clear()
    sys.argv = ["alrun", "--cfg", "job"]
    alrun.commands.cli.main()
    environment, *others = state()
    assert others[:-1] == list(before[1:-1]), "running"
with hydra.initialize_config_dir(os.getcwd(), version_base="1.3"):
    cfg = hydra.compose("theirs", return_hydra_config=True)
    assert (cfg.value, cfg.hydra.job.env_set.THEIRS) == ("theirs", "x")
"""


def test_another_application_of_hydra_in_the_process_does_not_notice(tmp_path):
    answer = subprocess.run([sys.executable, "-c", OTHER_APPLICATION], cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_a_file_cannot_come_by_another_way(tmp_path):
    for name in ("mine", "config"):
        (tmp_path / f"{name}.yaml").write_text("hydra: {searchpath: ['pkg://marker']}\n")
    (tmp_path / "marker.py").write_text("open('IMPORTED', 'w')\n")
    for words in (["--config-dir", ".", "--config-name", "mine"], ["--config-path", str(tmp_path)]):
        answer = subprocess.run(
            [sys.executable, "-m", "alrun", *words, "--cfg", "job"], cwd=tmp_path, capture_output=True, text=True
        )
        assert answer.returncode == 1
        assert answer.stderr.startswith("alrun: alrun starts from its own configuration"), answer.stderr
    answer = subprocess.run(
        [sys.executable, "-m", "alrun", "--experimental-rerun", "x.pickle"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "would unpickle a file" in answer.stderr
    assert not (tmp_path / "IMPORTED").exists()


def test_a_mistake_in_the_guard_is_not_called_the_users(monkeypatch):
    def broken(cfg):
        return 1 / 0

    monkeypatch.setattr(guard, "logging_of", broken)
    with pytest.raises(ZeroDivisionError):
        planned_runs.runs_of_command(["strategy=random"])


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("mode: MULTIRUN", True),
        ("sweeper: {params: {seed: '0,1', strategy.power: 2}}", True),
        ("launcher: {n_jobs: 4, partition: gpu, account: my-lab.a}", True),
        ("launcher: {partition: 'gpu\nrm -rf x'}", False),
        ("launcher: {partition: '${oc.env:HOME}'}", False),
        ("launcher: {setup: [rm]}", False),
        ("launcher: {_target_: null}", False),
        ("sweeper: {params: {+hydra.launcher.setup: x}}", False),
        ("sweeper: {params: {allow: '[os]'}}", False),
        ("sweeper: {params: {strategy@hydra.callbacks.x: badge}}", False),
        ("job: {chdir: true}", False),
        ("run: {dir: x}", False),
        ("'${oc.create:{callbacks: {}}}'", False),
        ("", False),
    ],
)
def test_what_a_file_may_set_of_hydras_settings(text, harmless):
    settings = yaml.safe_load(text)
    if harmless:
        guard.check_foreign(settings, "file://conf")
    else:
        with pytest.raises(UserError, match="set by a file in file://conf"):
            guard.check_foreign(settings, "file://conf")


def test_a_launcher_and_its_settings_may_be_typed():
    words = [
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=3",
        "hydra.job_logging.root.level=DEBUG",
        "strategy=random",
    ]
    assert len(planned_runs.runs_of_command(words)) == 1
    for word in (
        "hydra.job_logging.handlers.file.filename=x",
        "+hydra.job.env_set.X=1",
        "hydra.launcher._target_=os.x",
    ):
        with pytest.raises(UserError, match=r"^hydra\."):
            planned_runs.runs_of_command([word])


def test_an_own_option_with_the_name_of_one_of_alruns_is_refused(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "small_cnn.yaml").write_text("_target_: mine.Other\n")
    (tmp_path / "model" / "mine.yaml").write_text("_target_: mine.Other\n")
    search = f"hydra.searchpath=[file://{tmp_path}]"
    with pytest.raises(SettingError, match=r"model/small_cnn.yaml has the name of an option of alrun's"):
        planned_runs.runs_of_command([search, "dataset=digits", "model=small_cnn"])
    (run,) = planned_runs.runs_of_command([search, "model=mine", "allow=[mine]"])
    assert run.cfg.model._target_ == "mine.Other"


@pytest.mark.parametrize("seed", ["1", "1,2"])
def test_a_broken_file_is_named_in_sweeps_too(tmp_path, seed):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "broken.yaml").write_text("name: [1,\nfoo: }\n")
    words = [f"hydra.searchpath=[file://{tmp_path}]", "experiment=broken", "hydra.mode=MULTIRUN", f"seed={seed}"]
    with pytest.raises(SettingError, match="is not YAML") as caught:
        planned_runs.runs_of_command(words)
    assert mistake_sentence(caught.value) == str(caught.value)
