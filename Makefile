# make demo and make test are all that a new user needs; both set up what they use.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test setup lint types fast real package infra-check lock mutate-rules clean pictures rules-page cost-page \
	doctor-page permissions-page journal-schema report-schema what-if-schema snapshot-schema soak \
	bench bench-page browser no-graph-calls graph-calls slow-consumer openapi fuzz audit faults \
	histories
.NOTPARALLEL:
.DEFAULT_GOAL := test

setup: $(VENV)/.installed sandbox/node_modules/.installed

$(VENV)/.installed: requirements-dev.txt tools/find-python
	@python=$$(tools/find-python) && echo "Setting up Python packages in $(VENV) (about a minute) ..." && \
	rm -rf $(VENV) && "$$python" -m venv $(VENV) && \
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt && \
	touch $@

sandbox/node_modules/.installed: sandbox/package.json sandbox/package-lock.json tools/find-node
	@tools/find-node && echo "Setting up Azurite, the local Azure Storage, and the renderer of cards (about half a minute) ..." && \
	npm ci --prefix sandbox --silent --no-audit --no-fund --ignore-scripts && touch $@

demo: setup
	@$(BIN)/python -m sandbox demo $(if $(PORTS),--ports $(PORTS))

test: setup browser lint types no-graph-calls fast real graph-calls

# Every test process notes what the product asks of Graph; the table of permissions must list that and no more.
GRAPH_CALLS := .pytest_cache/graph-calls
test: export SANDBOX_GRAPH_CALLS = $(CURDIR)/$(GRAPH_CALLS)

no-graph-calls:
	@rm -rf $(GRAPH_CALLS)

graph-calls: setup
	$(BIN)/python -m tools.graph_calls $(GRAPH_CALLS)

browser: setup
	@$(BIN)/python -m sandbox.cards.browser >/dev/null

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

fast: setup
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m "not real"

# The stories once more, on what goes to Azure, and by Event Grid instead of calls: each story is told both ways.
real: setup
	$(BIN)/python -m tools.package --if-changed
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m real
	WATCH_APP=dist/app WATCH_DELIVERY=eventgrid $(BIN)/python -m pytest -n auto --maxprocesses 4 -m real \
		tests/stories --ignore tests/stories/test_events_joined.py

# azd runs it: whoever deploys needs Python and make, but none of what only the sandbox needs.
package: $(VENV)/.installed
	@$(BIN)/python -m tools.package

infra-check: $(VENV)/.installed
	$(BIN)/python -m tools.bicep

# Licences, known vulnerabilities (asked of osv.dev; 'not checked' where nobody answers), secrets. A minute or two.
audit: setup
	$(BIN)/python -m tools.supply

# Mistakes put into copies of the code, one at a time: the fast tests must notice each. Some minutes.
faults: setup
	$(BIN)/python -m tools.plant_faults

mutate-rules: setup
	$(BIN)/python -m tools.mutate_rules

# About half an hour: the first reading, 20 minutes of bad weather, until nothing waits, the judge.
soak: setup
	$(BIN)/python -m tests.soak $(if $(SEED),--seed $(SEED))

histories: setup
	$(BIN)/python -m tests.oracle --histories $(or $(HISTORIES),5000)

# Writes its section of docs/measurements.md, docs/bench.json and the charts; ends badly where a budget is not kept and
# benchmarks/reasons.toml does not say why.
bench: setup
	$(BIN)/python -m benchmarks $(BENCH)

# The same page from docs/bench.json: after a change of benchmarks/budgets.toml or reasons.toml.
bench-page: setup
	$(BIN)/python -m benchmarks --redraw

# Does Graph get its answer in time while there is more to evaluate than can be? About ten minutes.
slow-consumer: setup
	$(BIN)/python -m benchmarks.slow_consumer

lock: setup
	$(BIN)/pip-compile --quiet $(LOCK_FLAGS) --output-file requirements.txt requirements.in
	$(BIN)/pip-compile --quiet $(LOCK_FLAGS) --output-file requirements-dev.txt requirements-dev.in

LOCK_FLAGS := --generate-hashes --allow-unsafe --strip-extras --no-annotate --no-header --no-emit-index-url \
	--no-emit-find-links --no-emit-trusted-host --no-emit-options

clean:
	rm -rf $(VENV) dist sandbox/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

pictures: browser demo
	$(BIN)/python -m tools.draw_pictures $(if $(PORTS),--ports $(PORTS))

rules-page: setup
	$(BIN)/python -m tools.write_rules_page

cost-page: setup
	$(BIN)/python -m tools.write_cost_page

doctor-page: setup
	$(BIN)/python -m tools.write_doctor_page

permissions-page: setup
	$(BIN)/python -m tools.write_permissions_page

journal-schema: setup
	$(BIN)/python -m tools.write_journal_schema

report-schema: setup
	$(BIN)/python -m tools.write_report_schema

what-if-schema: setup
	$(BIN)/python -m tools.write_what_if_schema

openapi: setup
	$(BIN)/python -m tools.write_openapi

# 100,000 inputs to what reads Graph's calls, the HTTP routes from docs/openapi.json at length, a thousand replays.
fuzz: setup
	$(BIN)/python -m tests.abuse
	WATCH_REPLAYS=1000 $(BIN)/python -m pytest tests/abuse/test_replayed_calls.py

snapshot-schema: setup
	$(BIN)/python -m tools.write_snapshot_schema
