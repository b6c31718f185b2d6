# make run [STUDY=FILE]   set up, run a study, print its exponents
# make test               set up, run the whole test suite
# make lint               format, style, types
# make bench              speed, as ratios to plain loops and to this machine's peak
# make docs               regenerate the schema and the reference of keys

PYTHON ?= python3
STUDY ?= config/studies/laptop.yaml
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench docs setup
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
	$(BIN)/snakemake --profile workflow/profiles/laptop --cores $(CORES) --config study="$(STUDY)" \
	    --report "results/$$name/report.html" --report-after-run && \
	$(BIN)/python -m rhm_scaling show "$(STUDY)"

test: setup
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

bench: setup
	$(BIN)/python -m rhm_scaling bench

docs: setup
	$(BIN)/python -m rhm_scaling docs
