# Every target needs only Python 3.11 or newer; the environment is made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Quick tests share the cores, file by file; slow ones measure, and have them alone.
PARALLEL := -n auto --dist loadfile

.PHONY: help install run test test-all torture lint format smoke golden bench reproduce \
	clean
.DEFAULT_GOAL := help

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into $(VENV); with PyTorch that takes a few minutes."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

install: $(READY)  ## make the environment in .venv

run: $(READY)  ## train the default model on real digits and say where to look
	@$(BIN)/aerun
	@echo "Open outputs/latest/report.html, or try: $(BIN)/aerun --help"

test: $(READY)  ## the test suite
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL)

test-all: test  ## the same and what takes longer: killed runs, figures on MNIST
	$(BIN)/python -m pytest -m "shared" $(PARALLEL)
	$(BIN)/python -m pytest -m "slow and not shared and not torture"

torture: $(READY)  ## hurt real runs at hundreds of instants, and see that none is lost
	$(BIN)/python -m pytest tests/torture -n auto --dist load

lint: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

smoke: $(READY)  ## a few steps of every model
	$(BIN)/aerun -m 'model=glob(*)' experiment=smoke

golden: $(READY)  ## accept the first steps of every experiment as they are now
	cd tests && ../$(BIN)/python golden_curves.py

bench: $(READY)  ## our speed as ratios to a bare loop, the lecture's script and pythae
	cd tests/bench && ../../$(BIN)/python bench.py

reproduce: $(READY)  ## lecture and papers: TIER=quick, ONLY=NAME, MISSING=1, PAGES=1 (no run)
	$(BIN)/python tests/reproduce/reproduce.py $(if $(TIER),--tier $(TIER)) \
		$(if $(ONLY),--only $(ONLY)) $(if $(MISSING),--missing) $(if $(PAGES),--pages)

clean:  ## remove caches and builds, but no run and no environment
	rm -rf build dist .pytest_cache .ruff_cache .mypy_cache *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
