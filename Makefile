# `make help` lists the targets. ARGS goes on to alrun: make run ARGS="seed=0 strategy=badge"
SHELL := /bin/sh
VENV ?= .venv
# The first Python that is new enough (a python3.x of pyenv can exist and not run).
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell $(p) -c \
	'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)) python3)
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install run test lint bench-overhead bench-selection bench-training bench-results false-positives strategies facets clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## create .venv with alrun and its tools (other targets do it when needed)

$(READY): pyproject.toml scripts/install.py scripts/constraints.txt
	@$(PYTHON) scripts/install.py $(VENV)
	@touch $@

run: $(READY) ## real active-learning runs on handwritten digits: a table, CSVs and a figure in about a minute
	@$(PY) -m alrun experiment=quickstart $(ARGS)

test: $(READY) ## all tests, warnings are errors
	@$(PY) -m pytest $(ARGS)

lint: $(READY) ## style (ruff) and types (pyright)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m pyright

bench-overhead: $(READY) ## what the loop itself costs of an MNIST run (of digits where there is no MNIST)
	@$(PY) scripts/benchmark_overhead.py $(ARGS)

bench-selection: $(READY) ## selection algorithms against plain references: seconds, memory, floor, ratio
	@$(PY) scripts/benchmark_selection.py $(ARGS)

bench-training: $(READY) ## training against a plain loop, and several runs at once: images a second, floor, ratio
	@$(PY) scripts/benchmark_training.py $(ARGS)

bench-results: $(READY) ## how long it takes to gather 2,000 runs into one table
	@$(PY) scripts/benchmark_results.py $(ARGS)

false-positives: $(READY) ## how often the penalty matrix invents a difference, over 1,000 made-up experiments
	@$(PY) scripts/false_positives.py $(ARGS)

strategies: $(READY) ## every strategy on digits, then the table in docs/strategies.md
	@$(PY) -m alrun experiment=strategies $(ARGS)
	@$(PY) scripts/compare_strategies.py

facets: $(READY) ## every way of training on CIFAR-10 with a small network, then the table in docs/facets.md
	@$(PY) scripts/compare_facets.py $(ARGS)

clean: ## remove the environment and build products (outputs/ stays)
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache src/*.egg-info
