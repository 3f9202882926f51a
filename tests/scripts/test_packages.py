"""What pip install alrun brings is counted from what packages declare, without extras and tools."""

import tomllib

from packaging.requirements import Requirement

from scripts import packages


def test_every_dependency_is_counted_with_what_it_requires_and_no_tool(capsys):
    names = packages.required_packages("alrun")
    project = tomllib.loads((packages.Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {Requirement(line).name for line in project["dependencies"]} <= set(names)
    assert {"antlr4-python3-runtime", "joblib", "sympy"} <= set(names)  # of hydra-core, scikit-learn and torch
    assert not {"pytest", "ruff", "wandb", "pyarrow", "tensorboard"} & set(names)
    packages.main()
    *rows, total = capsys.readouterr().out.splitlines()
    assert len(rows) == len(names)
    assert total.endswith(f"in {len(names)} packages, alrun itself among them")
    assert abs(float(total.split()[0]) - sum(float(row.split()[0]) for row in rows)) < 0.06 * len(rows)
