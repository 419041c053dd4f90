# Two commands do everything on a fresh machine with Python 3.11: `make demo` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
BASE := models/smollm2-135m-instruct
DASHBOARD := api/dashboard/index.html
# One request may outlive a registry's hiccup; the set-up should not fail for it.
PIP := $(BIN)/pip install --disable-pip-version-check --quiet --retries 8 --timeout 60

export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false
export RAY_USAGE_STATS_ENABLED := 0

.DEFAULT_GOAL := help
.PHONY: help setup browser demo test chaos lint experts screenshots bench clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.installed: deploy/requirements-cpu.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) --no-deps -r deploy/requirements-cpu.txt
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(BASE)/config.json: | $(VENV)/.installed
	$(BIN)/python examples/prepare_base.py --out $(BASE)

DASHBOARD_SOURCES := $(shell find dashboard \( -name node_modules -o -name .vitest \) -prune -o -type f -print)
$(DASHBOARD): $(DASHBOARD_SOURCES) api/openapi.json | $(VENV)/.installed
	$(BIN)/python dashboard/build.py

setup: $(VENV)/.installed $(DASHBOARD) $(BASE)/config.json ## Make .venv, install the pinned packages, build the dashboard, unpack the demo's base model

browser: # Chromium for the tests of the dashboard; as root, Debian's is installed where there is none
	@command -v chromium chromium-browser google-chrome >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	  || echo "No Chromium was found, and none could be installed: the tests of the dashboard will be skipped." >&2

demo: setup ## Merge two real experts into a model that does what neither can (under 15 minutes on 2 cores)
	$(BIN)/evomerge run --dashboard examples/json-math.yaml

test: setup browser lint ## Lint, type-check, run every test, and hold the dashboard to its times
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder
	$(BIN)/python benchmarks/dashboard.py --check

chaos: setup ## Kill workers, drivers, nodes, API and database at random while three experiments run (minutes)
	$(BIN)/pytest tests/chaos -m chaos -s

lint: setup ## Formatting, lint, types and the import floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python dashboard/build.py check

experts: setup ## Train the demo's two experts again (about 20 minutes on 2 cores)
	$(BIN)/python examples/train_experts.py

screenshots: setup browser ## Take the pictures of the dashboard for the documentation
	$(BIN)/python docs/screenshots.py

bench: setup ## Where a candidate's time goes, beside the naive way
	$(BIN)/python benchmarks/candidate_cost.py

clean: ## Remove the environment and everything generated
	rm -rf $(VENV) models merged api/dashboard dashboard/node_modules build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
