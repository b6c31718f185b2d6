# make run [STUDY=FILE] [PROFILE=slurm]   set up, run a study, here or on a cluster, print its exponents
# make claims [SCALE=paper]   run the studies of all claims, and write one page of verdicts
# make compare [STUDY=FILE]   hold the results of a run against the reference results
# make plan [STUDY=FILE]  what a run would do, why, and how long it would take
# make status [STUDY=FILE]   what a run has made, makes, waits for, failed at; the time left
# make archive [STUDY=FILE] [DATASETS=1]   one zip file of a finished study, for a paper
# make reproduce ARCHIVE=FILE [DIR=FOLDER] [FORCE=1]   unpack it, set up, check; FORCE: run again
# make verify [REMOVE=1]  compare all results with their checksums; remove what is damaged
# make clean [REMOVE=1]   list products that no study refers to; remove them
# make test [FAST=1] [PROCESSES=3]   set up, run the whole test suite; FAST: only what needs neither a
#                         whole run nor a SLURM, less than two minutes on two cores
# make soak [KILLS=50]    all that can happen to a study on a cluster; then kill a run here again and
#                         again, compare its tables with those of an undisturbed one
# make lint               format, style, types
# make bench              speed, as ratios to plain loops and to this machine's peak
# make docs               regenerate the schema and the reference of keys
# make setup [PYTHON=FILE]   what all of these do first: an environment in .venv, with that Python

PYTHON ?= python3
PYTHONS := 3.11 3.12 3.13
STUDY ?= config/studies/laptop.yaml
CORES ?= all
PROFILE ?= laptop
HOW_laptop = --cores $(CORES) --config batch_minutes=1
HOW_slurm = --config
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run claims compare plan status archive reproduce verify clean soak test lint bench docs setup
.DEFAULT_GOAL := run

setup: $(VENV)/installed

$(VENV)/installed: envs/requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; this = "%d.%d" % sys.version_info[:2]; sys.exit(this not in "$(PYTHONS)".split() and "$(PYTHON) is Python " + this + ", needed is one of $(PYTHONS); name its file: make setup PYTHON=FILE")'
	@echo "Installing $$(grep -c == envs/requirements.txt) packages into $(VENV), the first time a minute or two on a fast line:" \
	    "0.4 GB to fetch and 1.7 GB on disk with PyTorch's CPU build, 2.9 and 5.7 GB with its CUDA build"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement envs/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

run: setup
	@name=$$($(BIN)/python -m rhm_scaling name "$(STUDY)") && \
	$(BIN)/snakemake --profile "workflow/profiles/$(PROFILE)" $(HOW_$(PROFILE)) study="$(STUDY)" && \
	$(BIN)/snakemake --quiet all --report "results/$$name/report.html" --config study="$(STUDY)" && \
	$(BIN)/python -m rhm_scaling show "$(STUDY)"

CLAIMS := $(foreach claim,a1 a2 a3 a4 b1 b2 b3 b4 b5,config/studies/$(claim).yaml$(if $(SCALE),:$(SCALE)))
COMMA := ,
SPACE := $(subst ,, )

claims: setup
	@$(BIN)/snakemake claims --profile "workflow/profiles/$(PROFILE)" $(HOW_$(PROFILE)) \
	    study="$(subst $(SPACE),$(COMMA),$(CLAIMS))" $(if $(SCALE),scale="$(SCALE)") && \
	for study in $(CLAIMS); do \
	    name=$$($(BIN)/python -m rhm_scaling name "$$study") && \
	    $(BIN)/snakemake --quiet all --report "results/$$name/report.html" \
	        --config study="$$study" || exit 1; \
	done && \
	cat "results/claims/$(or $(SCALE),index).log"

compare: setup
	@name=$$($(BIN)/python -m rhm_scaling name "$(STUDY)") && \
	$(BIN)/python -m rhm_scaling compare "results/reference/$$name" "results/$$name"

plan: setup
	@$(BIN)/python -m rhm_scaling plan "$(STUDY)"

status: setup
	@$(BIN)/python -m rhm_scaling status "$(STUDY)"

archive: setup
	@$(BIN)/python -m rhm_scaling archive "$(STUDY)" $(if $(DATASETS),--datasets)

reproduce: setup
	@$(BIN)/python -m rhm_scaling reproduce "$(ARCHIVE)" $(if $(DIR),--folder "$(DIR)") \
	    $(if $(FORCE),--force)

verify: setup
	@$(BIN)/python -m rhm_scaling verify $(if $(REMOVE),--remove)

clean: setup
	@$(BIN)/python -m rhm_scaling clean $(if $(REMOVE),--remove)

# one process more than two cores: tests on a SLURM mostly wait
PROCESSES ?= 3
NEWEST := .venv-newest
TOLD_BY_SNAKEMAKE := tests/workflow/test_reruns.py tests/workflow/test_faults.py tests/cluster/test_slurm.py

ifeq ($(SNAKEMAKE),newest)
test: setup
	$(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/pip install --quiet --disable-pip-version-check --requirement envs/requirements.txt
	$(NEWEST)/bin/pip install --disable-pip-version-check --upgrade snakemake snakemake-executor-plugin-slurm | grep snakemake
	$(NEWEST)/bin/pytest --numprocesses $(PROCESSES) $(TOLD_BY_SNAKEMAKE)
else
test: setup
	$(BIN)/pytest --numprocesses $(PROCESSES) $(if $(FAST),-m "not slow")
endif

soak: setup
	SOAK=1 $(BIN)/pytest tests/cluster/test_slurm.py
	$(BIN)/python tests/helpers/soak.py $(if $(KILLS),--kills $(KILLS))

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/snakemake --lint

bench: setup
	PYTHONPATH=workflow $(BIN)/python -m benchmarks

docs: setup
	$(BIN)/python -m rhm_scaling docs
