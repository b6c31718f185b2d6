# make run [STUDY=FILE] [PROFILE=slurm]   set up, run a study, here or on a cluster, print its exponents
# make claims [SCALE=paper]   run the studies of all claims, and write one page of verdicts
# make compare [STUDY=FILE]   hold the results of a run against the reference results
# make plan [STUDY=FILE]  what a run would do, why, and how long it would take
# make status [STUDY=FILE]   what a run has made, makes, waits for, failed at; the time left
# make archive [STUDY=FILE] [DATASETS=1]   one zip file of a finished study, for a paper
# make reproduce ARCHIVE=FILE [DIR=FOLDER] [FORCE=1]   unpack it, set up, check; FORCE: run again
# make verify [REMOVE=1]  compare all results with their checksums; remove what is damaged
# make clean [REMOVE=1]   list products that no study refers to; remove them
# make test               set up, run the whole test suite
# make soak [KILLS=50]    all that can happen to a study on a cluster; then kill a run here again and
#                         again, compare its tables with those of an undisturbed one
# make lint               format, style, types
# make bench              speed, as ratios to plain loops and to this machine's peak
# make docs               regenerate the schema and the reference of keys

PYTHON ?= python3
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
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Python 3.11 is needed, this is %d.%d; give PYTHON=FILE" % sys.version_info[:2])'
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

claims: setup
	@for study in $(CLAIMS); do $(MAKE) --no-print-directory run STUDY="$$study" || exit 1; done
	@$(BIN)/python -m rhm_scaling claims $(CLAIMS)

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

test: setup
	$(BIN)/pytest

soak: setup
	SOAK=1 $(BIN)/pytest tests/test_slurm.py
	$(BIN)/python tests/soak.py $(if $(KILLS),--kills $(KILLS))

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

bench: setup
	$(BIN)/python -m rhm_scaling bench

docs: setup
	$(BIN)/python -m rhm_scaling docs
