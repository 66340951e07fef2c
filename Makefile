# Everything a developer or a first-time user types. Needs Python 3.11 or newer, git and GNU make.
#   make demo PYTHON=python3.12      another Python
#   make demo PIP_OPTIONS=...        further options of pip, for example another index
#   make demo EXTRAS=dev             without the packages of int8

PYTHON ?= python3
PIP_OPTIONS ?=
# `openvino` is 200 MB, and what the tests of int8 need; without it they are skipped.
EXTRAS ?= dev,openvino
BIN := .venv/bin
READY := .venv/.installed

# Jobs and tests must find this environment's `deg` and `snakemake`, activated or not.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help install demo example study study-figures test test-slow test-faults test-slurm test-fuzz lint format schema \
	pretraining clean

help:
	@echo "make install    environment in .venv, packages as pinned in constraints.txt"
	@echo "make demo       the bundled example, small: minutes on two cores"
	@echo "make example    the bundled example, trained properly: up to an hour"
	@echo "make study      three small data sets, splits x presets x sizes: up to an hour"
	@echo "make study-figures  their figures again, from results/summary/ alone: a minute"
	@echo "make test       checks of style, then the tests"
	@echo "make test-slow  the tests that train for minutes"
	@echo "make test-faults  kill runs of a small project at random: KILLS=200, an hour"
	@echo "make test-fuzz  N=10000 damaged files for each reader: an hour or two"
	@echo "make test-slurm the tests on a Slurm, which it installs and starts here: root, Debian"
	@echo "make lint       checks of style alone"
	@echo "make format     mend the style"
	@echo "make schema     write the schema of config.yaml anew from deg_core/settings/"
	@echo "make pretraining  draw arenas and train anew what lite starts from: half an hour"
	@echo "make clean      remove what the example computed; keeps .venv"

install: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is missing or older than 3.11; name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "installing into .venv: a few minutes, mostly torch"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

demo: $(READY)
	$(BIN)/deg demo

example: $(READY)
	$(BIN)/deg run example/proper
	$(BIN)/deg report example/proper

STUDIES := studies/arena studies/fly studies/swim
TRACKS := studies/arena/tracks/arena_08.clusters.csv

# Names of the videos, seed and length are those of deg_core/example/studies.py.
study: $(READY) $(TRACKS)
	for study in $(STUDIES); do \
		$(BIN)/deg run $$study --profile study && $(BIN)/deg report $$study || exit; done
	$(BIN)/python tools/compare_studies.py studies/together $(STUDIES)

study-figures: $(READY) $(TRACKS)
	$(BIN)/python tools/draw_figures.py --force $(STUDIES)
	$(BIN)/python tools/compare_studies.py studies/together $(STUDIES)

$(TRACKS): | $(READY)
	$(BIN)/deg render-tracks --folder $(@D) --seed 5 --n-frames 600 \
		--videos $(foreach i,1 2 3 4 5 6 7 8,arena_0$(i))

test: lint
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 -m "not slow and not slurm"

test-slow: $(READY)
	$(ONE_THREAD) $(BIN)/python -m pytest -m slow

KILLS ?= 200

test-faults: $(READY)
	PYTHONPATH=tests $(BIN)/python tests/faults/campaign.py --kills $(KILLS)

N ?= 10000

test-fuzz: $(READY)
	$(BIN)/python tests/fuzz/run.py --n $(N)

# An environment over the first one: where Slurm's programs are, its plugin makes each start of
# Snakemake ask the controller, which nobody else should wait for. SLURM_TESTS=... chooses tests,
# SLURM_OPTIONS=--accounting has slurmdbd answer, too.
SLURM_BIN := .venv/slurm/bin
SLURM_TESTS ?= tests/slurm
SLURM_OPTIONS ?=

test-slurm: .venv/slurm/.installed
	tools/slurm/start.sh $(SLURM_OPTIONS)
	trap tools/slurm/stop.sh EXIT; trap 'exit 143' INT TERM; \
		$(ONE_THREAD) $(SLURM_BIN)/python -m pytest -m slurm $(SLURM_TESTS)

.venv/slurm/.installed: $(READY)
	$(BIN)/python -m venv --without-pip .venv/slurm
	packages=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
		own=$$($(SLURM_BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
		echo "import site; site.addsitedir('$$packages')" > $$own/below.pth
	$(BIN)/python -m pip --python $(SLURM_BIN)/python install --quiet $(PIP_OPTIONS) \
		-c constraints.txt snakemake-executor-plugin-slurm
	touch $@

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

pretraining: $(READY)
	$(BIN)/python tools/pretraining/pretrain_lite.py

clean:
	for project in . example/proper $(STUDIES); do (cd $$project && \
		rm -rf results state logs benchmarks .snakemake report.html); done
	rm -rf example/videos studies/*/videos studies/*/tracks studies/together
