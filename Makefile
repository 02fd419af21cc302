# `make` alone lists the targets. Nothing here needs root, Docker or a running Redis.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV_VERSION := 0.13.9

# The first Python of these that is new enough and can make an environment.
CANDIDATES := python3.13 python3.12 python3.11 python3
USABLE := 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for python in $(CANDIDATES); do \
	$$python -c $(USABLE) 2>/dev/null && { echo $$python; break; }; done)

# Which build of torch: cpu, cuda, auto, or a name that uv knows, like cu128. Left empty it is the
# wheel in pip's own wheel folder if there is one; else, on Linux without an NVIDIA driver, cpu.
TORCH ?=

PROMPT := O Romeo, Romeo,

.DEFAULT_GOAL := help

.PHONY: help
help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: $(READY)  ## Make the environment in .venv

.PHONY: run
run: $(READY)  ## Start everything on this machine, run one job, stay up
	@$(BIN)/frontier up --hello "$(PROMPT)"

.PHONY: test
test: $(READY)  ## Run the tests, in a process more than there are cores
	@$(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: docs-api
docs-api: $(READY)  ## Write docs/api.md anew, out of the OpenAPI document
	@$(BIN)/python -m scripts.api_reference

.PHONY: screenshots
screenshots: $(READY)  ## Draw the pages of a system that runs, for docs/images; needs Chromium
	@$(BIN)/python -m scripts.screenshots

.PHONY: performance
performance: $(READY)  ## Measure how fast it is on this machine, for docs/performance.md
	@$(BIN)/python -m scripts.benchmark --write

.PHONY: test-deep
test-deep: $(READY)  ## Hold the record of jobs against its model, a quarter of an hour
	@$(BIN)/python -m pytest tests/jobs/test_against_model.py --hypothesis-profile=deep

.PHONY: test-system
test-system: $(READY)  ## Do faults to real processes, all of them; SEED=... repeats a run
	@FRONTIER_TEST_SEED="$(SEED)" $(BIN)/python -m pytest tests/system -m ""

.PHONY: test-contract
test-contract: $(READY)  ## Hold the API to its OpenAPI document, half an hour
	@$(BIN)/python -m pytest tests/contract -m contract

.PHONY: test-npm
test-npm: $(READY)  ## Have npm's libraries verify our webhooks and read our streams; needs Node.js and its package registry
	@$(BIN)/python -m pytest tests/npm -m npm

.PHONY: test-openai
test-openai: $(READY)  ## Have older releases of OpenAI's client drive a server; needs the package registry
	@$(BIN)/python -m pytest tests/openai -m ""

.PHONY: test-s3
test-s3: $(READY)  ## Keep files in a server that speaks S3, which is fetched from the package registry
	@python=$$($(BIN)/python -m tests.s3.place) && $$python -m pytest tests/storage tests/s3 -m s3

.PHONY: check
check: $(READY)  ## Lint, check formatting, types and the rules for imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(READY)  ## Format the code and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: constraints
constraints: $(READY)  ## Resolve the newest versions into constraints.txt
	@$(UV_ENVIRONMENT) $(BIN)/uv pip compile setup.cfg --all-extras --python-version 3.11 --upgrade \
		--no-annotate --no-header --quiet --output-file $(VENV)/constraints.txt
	@{ grep '^#' constraints.txt; sed 's/+cpu$$//' $(VENV)/constraints.txt; } > $(VENV)/constraints.new
	@mv $(VENV)/constraints.new constraints.txt

.PHONY: clean
clean:  ## Remove what make has made: the environment and the caches
	rm -rf $(VENV) build dist *.egg-info .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv reads neither pip's environment nor its files; it gets the same wheel folder and certificates.
pip_setting = $$($(BIN)/python -m pip config list | sed -n "s/^[^=]*\.$(1)='\(.*\)'$$/\1/p" | head -n 1)
UV_ENVIRONMENT = \
	links=$(call pip_setting,find-links); \
	certificates=$(call pip_setting,cert); \
	if [ -n "$$links" ]; then export UV_FIND_LINKS="$${UV_FIND_LINKS:-$$(echo "$$links" | tr ' ' ',')}"; fi; \
	if [ -n "$$certificates" ]; then export SSL_CERT_FILE="$${SSL_CERT_FILE:-$$certificates}"; fi;

# TORCH=cuda needs no flag: the build in the package index for Linux is the one for CUDA.
TORCH_FLAG = \
	torch="$(TORCH)"; flag=; \
	for folder in $$links; do \
		if [ -z "$$torch" ] && ls "$$folder"/torch-*.whl >/dev/null 2>&1; then torch=local; fi; \
	done; \
	if [ -z "$$torch" ] && [ "$$(uname)" = Linux ] && ! command -v nvidia-smi >/dev/null; then torch=cpu; fi; \
	case "$${torch:-auto}" in local|cuda) ;; *) flag="--torch-backend=$${torch:-auto}" ;; esac;

$(READY): setup.cfg pyproject.toml constraints.txt $(BIN)/uv
	@echo "Installing into $(VENV)"
	@$(UV_ENVIRONMENT) $(TORCH_FLAG) $(BIN)/uv pip install --quiet --python $(BIN)/python \
		--constraints constraints.txt --build-constraints constraints.txt $$flag --editable '.[dev]'
	@touch $@

$(BIN)/uv:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Frontier needs Python 3.11 or newer with the venv module, and found none."; \
		echo "Debian and Ubuntu: sudo apt-get install python3 python3-venv.  macOS: brew install python@3.13"; \
		exit 1; \
	fi
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
