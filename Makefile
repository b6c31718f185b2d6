# make run [STUDY=FILE] [PROFILE=slurm]   set up, run a study, here or on a cluster, print its exponents
# make claims [SCALE=paper]   run the studies of all claims, and write one page of verdicts
# make compare [STUDY=FILE]   hold the results of a run against the reference results
# make plan [STUDY=FILE]  what a run would do, why, and how long it would take
# make status [STUDY=FILE]   what a run has made, makes, waits for, failed at; the time left
# make rows [STUDY=FILE]   what is finished of a study, but for its networks, into results/rows, for git:
#                         a clone goes on from there
# make archive [STUDY=FILE] [DATASETS=1]   one zip file of a finished study, for a paper
# make dataset [STUDY=FILE] [DIR=FOLDER] [DRAWS=N]   the sentences of a study as Parquet, described as
#                         hubs of data sets take it; DRAWS: of each grammar, the first so many
# make reproduce ARCHIVE=FILE [DIR=FOLDER] [FORCE=1]   unpack it, set up, check; FORCE: run again
# make verify [REMOVE=1]  compare all results with their checksums; remove what is damaged
# make clean [REMOVE=1]   list products, tables and figures that no study refers to; remove them
# make test [FAST=1] [PROCESSES=4]   set up, run the whole test suite; FAST: without what needs a
#                         whole run or a SLURM, or takes long: two minutes on two cores
# make soak [KILLS=50]    all that can happen to a study on a cluster; then kill a run here again and
#                         again, compare its tables with those of an undisturbed one
# make lint               format, style, types
# make bench [ONLY=graph] speed, as ratios to plain loops and to this machine's peak; ONLY: of one module
#                         of workflow/benchmarks
# make notebook           execute docs/tutorial.py, and write docs/tutorial.ipynb with its outputs
# make schema             regenerate the schema, the reference of keys, the tables of columns
# make docs               write the documentation to build/site, which a browser opens without a network
# make setup [PYTHON=FILE]   what all of these do first: an environment in .venv, with that Python

PYTHON ?= python3
PYTHONS := 3.11 3.12 3.13
STUDY ?= config/studies/laptop.yaml
CORES ?= all
PROFILE ?= laptop
HOW_laptop = --cores $(CORES) --config
HOW_slurm = --config
HOW = --profile "workflow/profiles/$(PROFILE)" $(HOW_$(PROFILE))
VENV := .venv
BIN := $(VENV)/bin
# the code of this folder, wherever the environment came from; nothing else of a path, a home, or this
# folder that has the name of a module
ISOLATED := PYTHONPATH="$(CURDIR)/workflow" PYTHONSAFEPATH=1 PYTHONNOUSERSITE=1 MPLBACKEND=Agg
RUN := $(ISOLATED) $(BIN)/python -m
PIP := env -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT PIP_USER=0 $(BIN)/python -I -m pip install --quiet \
    --disable-pip-version-check

.PHONY: run claims compare plan status rows archive dataset reproduce verify clean soak test lint bench schema docs \
    notebook setup
.DEFAULT_GOAL := run

setup: $(VENV)/installed

$(VENV)/installed: envs/requirements.txt pyproject.toml
	@$(PYTHON) -I -c 'import sys; this = "%d.%d" % sys.version_info[:2]; sys.exit(this not in "$(PYTHONS)".split() and "$(PYTHON) is Python " + this + ", needed is one of $(PYTHONS); name its file: make setup PYTHON=FILE")'
	@echo "Installing $$(grep -c == envs/requirements.txt) packages into $(VENV), the first time a minute or two on a fast line:" \
	    "0.4 GB to fetch and 1.7 GB on disk with PyTorch's CPU build, 2.9 and 5.7 GB with its CUDA build"
	$(PYTHON) -I -m venv $(VENV)
	$(PIP) --requirement envs/requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/docs: envs/docs.txt $(VENV)/installed
	$(PIP) --requirement envs/docs.txt
	touch $@

run: setup
	@while $(RUN) rhm_scaling settled "$(STUDY)"; status=$$?; [ $$status -eq 3 ]; do \
	    $(RUN) snakemake precision $(HOW) study="$(STUDY)" || exit 1; done; \
	[ $$status -eq 0 ] && \
	$(RUN) snakemake $(HOW) study="$(STUDY)" && \
	$(RUN) rhm_scaling report "$(STUDY)" >/dev/null && \
	$(RUN) rhm_scaling show "$(STUDY)"

CLAIMS := $(foreach claim,a1 a2 a3 a4 b1 b2 b3 b4 b5,config/studies/$(claim).yaml$(if $(SCALE),:$(SCALE)))
COMMA := ,
SPACE := $(subst ,, )

claims: setup
	@$(RUN) snakemake claims $(HOW) \
	    study="$(subst $(SPACE),$(COMMA),$(CLAIMS))" $(if $(SCALE),scale="$(SCALE)") && \
	for study in $(CLAIMS); do $(RUN) rhm_scaling report "$$study" || exit 1; done && \
	cat "results/claims/$(or $(SCALE),index).log"

compare: setup
	@name=$$($(RUN) rhm_scaling name "$(STUDY)") && \
	$(RUN) rhm_scaling compare "results/reference/$$name" "results/$$name"

plan: setup
	@$(RUN) rhm_scaling plan "$(STUDY)"

status: setup
	@$(RUN) rhm_scaling status "$(STUDY)"

rows: setup
	@$(RUN) rhm_scaling rows "$(STUDY)"

archive: setup
	@$(RUN) rhm_scaling archive "$(STUDY)" $(if $(DATASETS),--datasets)

dataset: setup
	@$(RUN) rhm_scaling dataset "$(STUDY)" $(if $(DIR),--folder "$(DIR)") \
	    $(if $(DRAWS),--rule-draws $(DRAWS))

reproduce: setup
	@$(RUN) rhm_scaling reproduce "$(ARCHIVE)" $(if $(DIR),--folder "$(DIR)") \
	    $(if $(FORCE),--force)

verify: setup
	@$(RUN) rhm_scaling verify $(if $(REMOVE),--remove)

clean: setup
	@$(RUN) rhm_scaling clean $(if $(REMOVE),--remove)

# more processes than two cores: tests on a SLURM mostly wait
PROCESSES ?= 4
NEWEST := .venv-newest
TOLD_BY_SNAKEMAKE := tests/workflow/test_reruns.py tests/workflow/test_faults.py tests/workflow/test_studies.py \
    tests/workflow/test_layout.py tests/cluster/test_slurm.py

ifeq ($(SNAKEMAKE),newest)
test: $(VENV)/docs
	$(PYTHON) -I -m venv $(NEWEST)
	$(NEWEST)/bin/python -I -m pip install --quiet --disable-pip-version-check --requirement envs/requirements.txt
	$(NEWEST)/bin/python -I -m pip install --quiet --disable-pip-version-check --upgrade snakemake snakemake-executor-plugin-slurm
	$(NEWEST)/bin/python -I -m pip list --disable-pip-version-check | grep '^snakemake'
	$(ISOLATED) $(NEWEST)/bin/python -m pytest --numprocesses $(PROCESSES) $(TOLD_BY_SNAKEMAKE)
else
test: $(VENV)/docs
	$(RUN) pytest --numprocesses $(PROCESSES) $(if $(FAST),-m "not slow")
endif

soak: setup
	SOAK=1 $(RUN) pytest tests/cluster/test_slurm.py
	$(ISOLATED) $(BIN)/python tests/helpers/soak.py $(if $(KILLS),--kills $(KILLS))

lint: setup
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(ISOLATED) $(BIN)/python $(BIN)/lint-imports
	$(RUN) snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(RUN) snakemake --lint

bench: setup
	$(RUN) benchmarks $(ONLY)

schema: setup
	$(RUN) rhm_scaling schema

# the variable silences what Material says of other generators
docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --quiet --strict --config-file docs/site/mkdocs.yml
	@echo "Open build/site/index.html"

notebook: $(VENV)/docs
	$(ISOLATED) $(BIN)/python docs/notebook.py
