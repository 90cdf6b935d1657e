# Cúmulo. `make up` starts everything on this PC, `make test` runs all the tests; both make their own .venv.
# Choose a Python: make up PYTHON=python3.12. Give `cumulo up` arguments: make up ARGS="--nodes 3 --port 9000".

SHELL := bash
.DEFAULT_GOAL := help
export PYTHON
ARGS ?=

.PHONY: help up test test-fast test-page test-integration test-browser test-faults test-compose chaos lint format bench bench-peers screenshots lock env clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## start the whole cluster on this PC and print its address (ARGS="--nodes 3")
	@scripts/venv
	@exec .venv/bin/cumulo up $(ARGS)

test: ## all tests, the quick ones first
	@scripts/venv test
	@scripts/test

test-fast: ## filters, cluster and web app only: seconds
	@scripts/venv test
	@scripts/test fast

test-page: ## the page's own tests (Vitest) only
	@scripts/venv test
	@scripts/test page

test-integration: ## real server and workers only
	@scripts/venv test
	@scripts/test integration

test-browser: ## real browser only
	@scripts/venv test
	@scripts/test browser

test-faults: ## break Redis in every way, 20 s each, while jobs run (the usual tests do so for 6 s)
	@scripts/venv test
	@TEST_FAULT_SECONDS=20 .venv/bin/python -m pytest tests/integration/test_redis_faults.py $(ARGS) </dev/null

test-compose: ## build the containers, process one photo, tear them down; needs Docker with Compose v2
	@scripts/venv test
	@.venv/bin/python -m pytest tests/compose $(ARGS) </dev/null

chaos: ## everything killed and frozen at random under 500 photos (ARGS="--seeds 20"); minutes a seed
	@scripts/venv test
	@.venv/bin/python -m pytest tests/chaos -q -s $(ARGS) </dev/null

lint: ## style, types and which way imports run
	@scripts/venv dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

format: ## put the code into shape
	@scripts/venv dev
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bench: ## measure against bare Python on this machine (benchmarks/)
	@scripts/venv test
	@.venv/bin/python -m benchmarks $(ARGS)

bench-peers: ## install what `make bench ARGS=filters` compares with, and fetch its photographs (Debian)
	@scripts/venv test
	@.venv/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt --editable '.[test,bench]'
	@.venv/bin/python -m venv .venv-thumbor
	@.venv-thumbor/bin/python -m pip --disable-pip-version-check install --quiet thumbor==7.8.0
	@.venv/bin/python -m benchmarks.photos
	@command -v gm >/dev/null || echo "GraphicsMagick is missing; Debian, Ubuntu: apt install graphicsmagick"
	@command -v magick >/dev/null || command -v convert >/dev/null || echo "ImageMagick is missing; Debian, Ubuntu: apt install imagemagick"

screenshots: ## redraw the pictures of the page in docs/images (needs Chromium)
	@scripts/venv test
	@.venv/bin/python -m scripts.screenshots

lock: ## choose the newest versions that fit pyproject.toml (constraints.txt)
	@scripts/venv dev
	@.venv/bin/python -m pip install --quiet uv
	.venv/bin/uv pip compile pyproject.toml --upgrade --universal --all-extras --python-version 3.11 --quiet \
	  --no-annotate --no-emit-index-url --custom-compile-command 'make lock' --output-file constraints.txt

env: ## make .env for docker compose, with passwords of its own
	@test ! -e .env || { echo ".env is there already; delete it first to have new passwords."; exit 1; }
	@umask 077 && while IFS= read -r line; do \
	  case $$line in *=change-me) printf '%s=%s\n' "$${line%%=*}" "$$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" ;; \
	  *) printf '%s\n' "$$line" ;; esac; done <.env.example >.env
	@echo "Wrote .env. Next: docker compose up -d --build --wait"

clean: ## remove .venv, caches and what was built
	rm -rf .venv .venv-thumbor .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build test-results
	rm -rf webapp/static/ui webapp/static/ui.sha256 webapp/frontend/node_modules webapp/frontend/dist
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
