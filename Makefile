# Siaga's commands. Each sets up what it needs first and says what it installs; a second run finds it there.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-print-directory

bin := .venv/bin

# How many processes run tests side by side.
WORKERS ?= 2
# What to pass to pytest, as in: make test ARGS="tests/edge -k spool"
ARGS ?=

.PHONY: help
help: ## Show this help
	@echo "Siaga: make COMMAND"
	sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  %-10s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup: ## Install what tests need: Debian packages, .venv with the locked libraries
	@setup/install test

.PHONY: demo
demo: ## Run Kota Contoh, a simulated city on real protocols, until Ctrl-C
	@setup/install demo
	exec $(bin)/siaga-demo $(ARGS)

.PHONY: soak
soak: ## Leave the demo alone for MINUTES (95), five consoles open, and tell what grew
	@setup/install demo
	exec $(bin)/python -m simulator.soak --minutes $(or $(MINUTES),95) --consoles 5

.PHONY: bench
bench: ## Measure how fast it is, beside its limits (PEERS=1: beside thingsboard-gateway; ARGS="ingest" for a part)
	@setup/install demo
	PEERS=$(PEERS) $(bin)/python -m benchmarks $(ARGS)

.PHONY: test
test: ## Run all the tests (ARGS="tests/edge -k spool" for some)
	@setup/install test
	checks/tests -n $(WORKERS) $(ARGS)

.PHONY: campaign
campaign: ## Run the tests for hours: SEEDS worlds, KILLS kills (default 100000 and 500)
	@setup/install test
	SIAGA_SEEDS=$(or $(SEEDS),100000) SIAGA_KILLS=$(or $(KILLS),500) checks/tests -n $(WORKERS) -o timeout=0 $(ARGS)

.PHONY: month
month: ## An attendance reader with SCANS (50000) scans after a month, its gateway killed KILLS (5) times meanwhile
	@setup/install test
	SIAGA_SCANS=$(or $(SCANS),50000) SIAGA_KILLS=$(or $(KILLS),5) $(bin)/python -m pytest tests/edge/test_attendance_month.py -o timeout=0

.PHONY: fuzz
fuzz: ## Feed every parser of outside bytes with INPUTS (20000) damaged inputs, from SEED
	@setup/install test
	$(bin)/python -m tests.fuzz --inputs $(or $(INPUTS),20000) $(if $(SEED),--seed $(SEED))

.PHONY: check
check: ## Lint, types, import rules, and a scan for secrets and private places
	@setup/install check
	checks/all

.PHONY: format
format: ## Format the code and repair what the linter can
	@setup/install check
	$(bin)/ruff check --fix-only .
	$(bin)/ruff format .

.PHONY: lock
lock: ## Resolve requirements/*.txt anew (UPGRADE=1 takes newer versions)
	@setup/install check
	setup/lock $(if $(UPGRADE),--upgrade)

.PHONY: bill
bill: ## Write the bills of materials of gateway and hub (CycloneDX) into dist/
	@setup/install check
	mkdir -p dist
	for role in edge hub; do $(bin)/python -m checks.bill $$role > dist/siaga-$$role.cdx.json; done

.PHONY: audit
audit: ## Ask PyPI whether a weakness of a locked library is known; fails also where it cannot tell
	@setup/install check
	$(bin)/uv tool run pip-audit==2.10.1 --strict --disable-pip --require-hashes --progress-spinner off \
		-r requirements/dev.txt -r requirements/assets.txt

.PHONY: clean
clean: ## Remove what make made: .venv, .siaga, caches, built files
	@rm -rf .venv .siaga dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
