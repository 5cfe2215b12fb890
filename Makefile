# `make demo` and `make test` do their own set-up: .venv, from requirements/constraints.txt.
# Each stamp below is a file that is newer than what was installed from, so a second run starts at once.

PYTHON ?= python3
WORKERS ?= 2
SECONDS := 120
# Some 40 files a second are tried: 20,000 in FILE_SECONDS=600.
FILE_SECONDS = $(SECONDS)
VENV := .venv
CLIENTS := build/clients
BIN := $(VENV)/bin
INPUTS := pyproject.toml requirements/constraints.txt
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint format pytest fuzz kills verdicts clients bench dist clean

help:
	@echo 'make demo    train a small network on pictures of clothes, and see what it learned'
	@echo 'make test    everything that CI checks: ruff, pyright, pytest'
	@echo 'make lint    ruff and pyright only;   make pytest ARGS=tests/layers   some tests only'
	@echo 'make format  ruff mends and formats'
	@echo 'make fuzz    random layers, then files of every format changed at random; SECONDS=600 SEED=7'
	@echo 'make kills   500 saves over a file that are killed: it stays whole; ARGS="--count 5000 --seed 7"'
	@echo 'make verdicts  how often diagnose() is right, on curves and fits whose truth is known; SECONDS=600 SEED=7'
	@echo 'make clients  packages that others published for Keras, fetched and used; ARGS=keras-bert'
	@echo 'make bench   lamina beside hand-written torch (and Keras, where installed)'
	@echo 'make dist    wheel and sdist in dist/, and the wheel tried alone in a new environment'

demo: $(VENV)/demo.stamp
	$(BIN)/lamina demo

test: lint pytest

lint: $(VENV)/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python

# One thread for each worker: more would fight over the same cores.
pytest: $(VENV)/test.stamp
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# What fails is printed as a program of a few lines. Without SEED each run draws others; ARGS='--first 80 --count 1': one case.
fuzz: $(VENV)/test.stamp
	PYTHONPATH=.:tests OMP_NUM_THREADS=1 $(BIN)/python -m fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS)
	PYTHONPATH=.:tests OMP_NUM_THREADS=1 $(BIN)/python -m fuzz.files --seconds $(FILE_SECONDS) $(if $(SEED),--seed $(SEED))

# Processes that save are killed at any moment, in all formats.
kills: $(VENV)/test.stamp
	PYTHONPATH=.:tests OMP_NUM_THREADS=1 $(BIN)/python -m saving.kills $(ARGS)

# Wrong verdicts are printed. Without SEED each run draws other curves and fits.
verdicts: $(VENV)/test.stamp
	PYTHONPATH=.:tests OMP_NUM_THREADS=1 $(BIN)/python -m verdicts --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

# Fetched as packages.txt pins them, by their hashes, into a folder of their own; what fails is printed.
clients: $(CLIENTS)/packages.stamp
	PYTHONPATH=.:tests OMP_NUM_THREADS=1 $(BIN)/python -m clients --folder $(CLIENTS) $(ARGS)

bench: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks $(ARGS)

# The wheel is installed alone into an environment of its own, and tried in a folder of its own: no file of the source helps.
dist: $(VENV)/demo.stamp
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(PYTHON) -m venv dist/venv
	dist/venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt dist/*.whl
	mkdir dist/elsewhere && cd dist/elsewhere && ../venv/bin/python -P ../../scripts/smoke.py
	rm -rf dist/venv dist/elsewhere
	@ls -l dist

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache demo_output

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'lamina needs Python 3.11 or newer; name one with `make PYTHON=python3.12 ...`.'; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The build backend is installed first, and pinned like everything else, instead of fetched anew into a build of its own.
$(VENV)/demo.stamp: $(INPUTS) | $(VENV)/pyvenv.cfg
	@echo 'Setting up $(VENV): a minute or two, this once.'
	@$(INSTALL) hatchling editables
	@$(INSTALL) --no-build-isolation --editable '.[plot]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/demo.stamp
	@echo 'Adding what the tests need.'
	@$(INSTALL) --no-build-isolation --editable '.[test]'
	@touch $@

$(CLIENTS)/packages.stamp: tests/clients/packages.txt | $(VENV)/test.stamp
	rm -rf $(CLIENTS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --require-hashes \
	    --target $(CLIENTS) --requirement tests/clients/packages.txt
	@touch $@
