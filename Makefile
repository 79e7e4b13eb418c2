# Aliases of ./x, for fingers that type make.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types lock

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/\1\t\2/' | expand -t 10

setup: ## make .venv with everything in it
	@./x setup

demo: ## the main job on real files, embedded (make demo ARGS="--objects 300")
	@./x demo $(ARGS)

test: ## all tests (make test ARGS="-k planner")
	@./x test $(ARGS)

check: ## lint, types, architecture, tests
	@./x check $(ARGS)

lint: ## ruff check and ruff format --check
	@./x lint

types: ## mypy --strict
	@./x types

lock: ## resolve pyproject.toml again into requirements.lock
	@./x lock $(ARGS)
