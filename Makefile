# Everything here works from a bare clone: Python 3.11 or newer with venv and pip, and make.
# `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=
FUZZ_SECONDS ?= 60

# What another project or a person's configuration could put in the way of a plain virtual
# environment. Index and certificate settings stay: they say where packages may come from.
unexport PYTHONPATH PYTHONHOME PYTHONUSERBASE VIRTUAL_ENV
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_CONSTRAINT PIP_REQUIREMENT PIP_EDITABLE
export PIP_USER := 0
export PIP_REQUIRE_VIRTUALENV := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

PIP_INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt
VENV_STAMP := $(VENV)/.venv-made
RUN_STAMP := $(VENV)/.runtime-installed
DEV_STAMP := $(VENV)/.dev-installed
# Two processes, each with a PostgreSQL of its own; a file's tests stay together and share servers.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile
SOURCES := src projections tests bench docs

.DEFAULT_GOAL := help
.PHONY: help install dev demo test test-all fuzz check format bench docs clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

install: $(RUN_STAMP)  ## make .venv with the hotslot command in it

dev: $(DEV_STAMP)  ## the same, with the tools for tests and checks

demo: $(RUN_STAMP)  ## play the whole story on a server of its own (DEMO_ARGS=--exit to end after it)
	@$(BIN)/hotslot demo $(DEMO_ARGS)

test: $(DEV_STAMP)  ## run the tests (TEST_ARGS are passed to pytest; -n 0 for one process)
	@$(PYTEST) $(TEST_ARGS)

test-all: $(DEV_STAMP)  ## run the tests with the long variants
	@$(PYTEST) -m "not fuzz" $(TEST_ARGS)

fuzz: $(DEV_STAMP)  ## read made-up license files for a minute (FUZZ_SECONDS=600 for ten)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -m fuzz -s tests/licensefiles $(TEST_ARGS)

check: $(DEV_STAMP)  ## lint, format, types
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy $(SOURCES)

format: $(DEV_STAMP)  ## put the code in the form that `make check` asks for
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(DEV_STAMP)  ## measure against the peers in bench/ and write bench/results/
	@$(BIN)/python -m bench $(BENCH_ARGS)

docs: $(DEV_STAMP)  ## write the catalogues in docs/ anew from the code
	@$(BIN)/python docs/generate.py

clean:  ## remove the environment and the caches, not the data in .hotslot
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis dist

$(VENV_STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Hotslot needs Python 3.11 or newer; '$(PYTHON)' is older or missing." \
	    "Name another with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || \
	  { echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu the package" \
	    "python3-venv has to be installed for it." >&2; exit 1; }
	@touch $@

$(RUN_STAMP): $(VENV_STAMP) pyproject.toml constraints.txt
	@echo "Installing Hotslot into $(VENV) ..."
	@$(PIP_INSTALL) --editable .
	@touch $@

# Contains the runtime, so a fresh `make test` resolves and installs once.
$(DEV_STAMP): $(VENV_STAMP) pyproject.toml constraints.txt
	@echo "Installing Hotslot and its development tools into $(VENV) ..."
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $(RUN_STAMP) $@
