# Every target needs only Python 3.11 or newer, make and git; `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARTIFACTS ?= _artifacts
REQUIREMENTS := locked-requirements.txt

.DEFAULT_GOAL := help
.PHONY: help venv e2e test check lock

help: ## say what there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/' | expand -t 16

venv: $(VENV)/installed ## make .venv with the locked dependencies

# The stamp is written last, so that an interrupted installation is done again.
$(VENV)/installed: $(REQUIREMENTS) pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kms-e2e needs Python 3.11 or newer; name one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(REQUIREMENTS)
	# The build backend looks for its program on PATH.
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

e2e: $(VENV)/installed ## build plugin, kube-apiserver and etcd with the right Go and run the suite
	$(BIN)/kms-e2e run --report "$(ARTIFACTS)"

test: $(VENV)/installed ## unit and contract tests: no network, no processes
	$(BIN)/python -m pytest

check: $(VENV)/installed ## format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

lock: ## resolve the dependencies anew into the lock file (hashes, no addresses); needs uv
	uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --all-extras --group dev --no-header --no-annotate pyproject.toml --output-file $(REQUIREMENTS)
