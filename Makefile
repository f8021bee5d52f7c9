# Everything a person types here. The first target that needs it makes .venv and installs what requirements.lock
# names; later ones find it made. `make PYTHON=python3.12 test` takes another Python, `make TESTS=path test` some tests.

PYTHON ?= python3
TESTS ?=
PORT ?= 3000

# Relative, so that a checkout below a folder with spaces works.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A virtual environment that is active in the shell must not leak into this one.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help install sync dev test lint bench docs clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /  make \1	/'

install: $(STAMP)  ## make .venv with everything that is needed

sync: $(STAMP)  ## bring Qdrant in step with the sources of pipeline.yaml
	$(BIN)/vector-pipeline sync

dev: $(STAMP)  ## Dagster with its sensors and UI, on this machine only
	$(BIN)/vector-pipeline dev --host 127.0.0.1 --port $(PORT)

test: $(STAMP)  ## all tests, three at once: two compute while one waits
	$(BIN)/pytest -n 3 --dist worksteal $(TESTS)

lint: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)  ## measure the speed of conversion and of syncing
	$(BIN)/python -m benchmarks.conversion_speed
	$(BIN)/python -m benchmarks.sync_speed

docs: $(STAMP)  ## write the reference from the code, build the documentation into site/
	$(BIN)/python -m vector_pipeline_tests.docs.reference
	$(BIN)/mkdocs build --strict

clean:  ## remove .venv and caches; data and state stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist site *.egg-info
	find vector_pipeline vector_pipeline_tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The stamp is written last: an interrupted install is begun again.
$(STAMP): pyproject.toml requirements.lock
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, $(PYTHON) is $$("$(PYTHON)" -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test ! -x $(BIN)/python || $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || rm -rf $(VENV)
	@test -x $(BIN)/pip || "$(PYTHON)" -m venv $(VENV) || { \
	  echo "Python's venv module does not work here; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) (a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --editable '.[dev]'
	@touch $@
