# Voltgate. `make` lists what there is. Needs python3 (3.11 to 3.14) and make; uses uv if it is there.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test cover check run bench fleet soak hooks fuzz probe crash faults simulate docs lock clean plans

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
CLIENT := clients/python
ARGS ?=
WORKERS ?= 4
HOURS ?= 1
FRAMES ?= 1000000
CASES ?= 100000
KILLS ?= 25
SEEDS ?= 1000
SEED ?=
ROWS ?= 10000000
# Some machines ask for no caches; the many processes of the tests would compile everything anew each.
unexport PYTHONDONTWRITEBYTECODE

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## the whole story live, with simulated chargers; stays up until Ctrl-C (ARGS=--exit: ends)
	@$(BIN)/voltgate demo $(ARGS)

test: $(INSTALLED) ## every test, on SQLite and on PostgreSQL + Redis
	@$(BIN)/python -m pytest -n $(WORKERS) --maxschedchunk 4 $(ARGS)

cover: $(INSTALLED) ## branch coverage of core and csms by their own and the conformance tests, on SQLite; 90 % at least
	@$(BIN)/python -m pytest -n $(WORKERS) -k "not postgresql" --cov --cov-report=term --cov-fail-under=90 tests/core tests/csms tests/conformance $(ARGS)

check: $(INSTALLED) ## lint, format, types, import contracts, dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .
	@$(BIN)/deptry --config $(CLIENT)/pyproject.toml $(CLIENT)

run: $(INSTALLED) ## the server in one process, on SQLite, settings from the environment (VOLTGATE_...)
	@$(BIN)/voltgate serve $(ARGS)

bench: $(INSTALLED) ## load figures of this machine
	@$(BIN)/python -m benchmarks $(ARGS)

fleet: $(INSTALLED) ## 10,000 chargers for 30 minutes, then the server is killed under them (ARGS=--help)
	@$(BIN)/python -m benchmarks.fleet $(ARGS)

soak: $(INSTALLED) ## a fleet and a partner for HOURS=1; fails if memory, tasks or descriptors grow
	@$(BIN)/python -m benchmarks.soak --hours $(HOURS) $(ARGS)

hooks: $(INSTALLED) ## a million webhooks, 10 % errors, 5 % timeouts, 20 kills: none lost, 0.01 % doubled at most (ARGS=--help)
	@$(BIN)/python -m benchmarks.webhooks $(ARGS)

fuzz: $(INSTALLED) ## odd frames at both versions, until something is wrong or FRAMES=1000000 of each passed
	@$(BIN)/python -m tests.fuzz --frames $(FRAMES) $(ARGS)

probe: $(INSTALLED) ## generated requests to every route of the partner API, until CASES=100000 were judged
	@$(BIN)/python -m tests.probe --cases $(CASES) $(ARGS)

crash: $(INSTALLED) ## kill a node at every fail point, KILLS=25 times each, and judge what is left (ARGS=--list: the points)
	@$(BIN)/python -m tests.crash --kills $(KILLS) $(ARGS)

simulate: $(INSTALLED) ## the platform in a simulated world, SEEDS=1000 times anew (SEED=4711: one again, with its trace)
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

faults: $(INSTALLED) ## PostgreSQL, Redis, disk, descriptors, clock fail; rude partners, stampedes (ARGS="redis --times 3")
	@$(BIN)/python -m tests.crash.faults $(ARGS)

plans: $(INSTALLED) ## ROWS=10000000 rows in PostgreSQL at 127.0.0.1, and the plan of every statement on them
	@$(BIN)/python -m tests.large --rows $(ROWS) $(ARGS)

docs: $(INSTALLED) ## write what is made from code: pages, the API collection, models and calls of the client
	@$(BIN)/python -m tests.conformance.matrix
	@$(BIN)/python -m ops.docs
	@$(BIN)/python -m partner_api.docs_pages
	@$(BIN)/python -m partner_api.collection
	@$(BIN)/python -m clients.generate

lock: $(INSTALLED) ## choose the newest allowed versions anew and write requirements.lock
	@command -v uv >/dev/null || $(BIN)/python -m pip install --quiet uv
	@PATH="$$PATH:$(CURDIR)/$(BIN)" uv pip compile --quiet --upgrade --universal --extra dev --python-version 3.11 \
		--custom-compile-command "make lock" --no-annotate --no-emit-index-url --output-file requirements.lock pyproject.toml

clean: ## remove the environment, caches and build results
	rm -rf .venv dist htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Everything from the lock, then this tree itself and the client, editable and with nothing fetched for it.
$(INSTALLED): requirements.lock pyproject.toml $(CLIENT)/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
		|| { echo "Voltgate needs Python 3.11 to 3.14; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Installing into .venv (once) ..."
	@if command -v uv >/dev/null; then \
		uv venv --quiet --clear --python "$(PYTHON)" .venv \
		&& uv pip install --quiet --python $(BIN)/python -r requirements.lock \
		&& uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . -e $(CLIENT); \
	else \
		$(PYTHON) -m venv --clear .venv \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e $(CLIENT); \
	fi
	@touch $@
