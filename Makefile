# Everything a developer or a first-time user types. Needs Python 3.11 or newer, git and GNU make.
#   make demo PYTHON=python3.12      another Python
#   make demo PIP_OPTIONS=...        further options of pip, for example another index

PYTHON ?= python3
PIP_OPTIONS ?=
BIN := .venv/bin
READY := .venv/.installed

# Jobs and tests must find this environment's `deg` and `snakemake`, activated or not.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help install demo example test test-slow lint format schema clean

help:
	@echo "make install    environment in .venv, packages as pinned in constraints.txt"
	@echo "make demo       the bundled example, small: minutes on two cores"
	@echo "make example    the bundled example, trained properly: up to an hour"
	@echo "make test       checks of style, then the tests"
	@echo "make test-slow  the tests that train for minutes"
	@echo "make lint       checks of style alone"
	@echo "make format     mend the style"
	@echo "make schema     write the schema of config.yaml anew from deg_core/settings/"
	@echo "make clean      remove what the example computed; keeps .venv"

install: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is missing or older than 3.11; name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "installing into .venv: a few minutes, mostly torch"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) -c constraints.txt -e '.[dev]'
	touch $@

demo: $(READY)
	$(BIN)/deg demo

example: $(READY)
	$(BIN)/deg run example/proper
	$(BIN)/deg report example/proper

test: lint
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(READY)
	$(ONE_THREAD) $(BIN)/python -m pytest -m slow

# Two test processes on two cores: more threads would only wait for each other.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

schema: $(READY)
	$(BIN)/python tools/make_schema.py

clean:
	for project in . example/proper; do (cd $$project && \
		rm -rf results state logs benchmarks .snakemake report.html); done
	rm -rf example/videos
