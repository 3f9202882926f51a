"""scripts/requirements.lock is what `make` installs: it holds every dependency, as pinned, with hashes."""

import os
import re
import subprocess
import tomllib
import urllib.request
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
STALE = "run `make lock`"


def locked() -> dict[str, list[str]]:
    """Versions of every package (several where they depend on the Python); each must come with hashes."""
    found: dict[str, list[str]] = {}
    text = (ROOT / "scripts" / "requirements.lock").read_text()
    for entry in re.split(r"\n(?=[a-z])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)):
        name, version = re.match(r"([\w.-]+)==([\w.+]+)", entry).groups()
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"{name} has no hash: {STALE}"
        found.setdefault(name, []).append(version)
    return found


def test_every_dependency_is_locked_in_an_allowed_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["dev"]
    own = [requirement for requirement in map(Requirement, wanted) if requirement.name == project["name"]]
    wanted = [text for text in wanted if Requirement(text).name != project["name"]]
    wanted += [text for requirement in own for extra in requirement.extras for text in extras[extra]]
    versions = locked()
    for requirement in map(Requirement, wanted):
        if requirement.name == "torch":  # its build depends on the machine
            continue
        assert requirement.name in versions, f"{requirement.name} is not locked: {STALE}"
        for version in versions[requirement.name]:
            assert version in requirement.specifier, f"{requirement} is locked at {version}: {STALE}"


def test_versions_are_those_of_the_constraints():
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "scripts" / "constraints.txt").read_text(), re.MULTILINE))
    versions = locked()
    for name in pins.keys() & versions.keys():
        assert versions[name] == [pins[name]], f"{name}: {STALE}"
    resolver = tomllib.loads((ROOT / "scripts" / "lock.toml").read_text())
    assert resolver["dependency-metadata"][0]["version"] == pins["torch"]


@pytest.mark.skipif("CI" not in os.environ, reason="asks PyPI; for continuous integration (CI=true), or `make audit`")
def test_nothing_that_is_locked_has_a_known_vulnerability():
    service = "https://pypi.org/pypi/pip/24.0/json"  # which mirrors of PyPI do not have
    try:
        urllib.request.urlopen(service, timeout=10).close()
    except OSError as error:
        getattr(error, "close", int)()  # an answer by HTTP that is an error holds the connection
        pytest.skip(f"PyPI's list of vulnerabilities is not reached: {service}: {error}")
    audit = subprocess.run(["make", "audit"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert audit.returncode == 0, audit.stdout + audit.stderr
