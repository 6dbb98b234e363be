# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SIZES ?= 1e6 1e7
ARGS ?=
export PATH := $(CURDIR)/$(BIN):$(PATH)
export UV_COMPILE_BYTECODE := 1
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1

.PHONY: run test lint docs bench bench-features bench-models exam clean lock

run: .venv/core ## reproduce the pipeline on the sample company and say where the report is
	@$(BIN)/dvc repro
	@$(BIN)/renewcast report

test: .venv/dev ## every test, doctests included
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

lint: .venv/dev ## style, types of the public API, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/dev ## the documentation as a site that needs no network: site/index.html
	$(BIN)/python -m mkdocs build --strict --quiet

bench: .venv/dev ## wall time of the whole pipeline and of its no-op (see benchmarks/README.md)
	$(BIN)/python -m benchmarks.pipeline

bench-features: .venv/dev ## the feature engine against a scan, a naive join and pandas (SIZES="1e6 1e7 1e8", ARGS=--sparse)
	$(BIN)/python -m benchmarks.features --events $(SIZES) --pandas $(ARGS)

bench-models: .venv/dev ## what each part of the models' recipe is worth, on development seeds (ARGS=--first=4 for all)
	$(BIN)/python -m benchmarks.models $(or $(ARGS),--first 1)

exam: .venv/dev ## the models on companies nothing was tuned on: hours, resumable (ARGS="--minutes 60", see benchmarks/README.md)
	$(BIN)/python -m benchmarks.population thresholds
	$(BIN)/python -m benchmarks.ceiling thresholds
	$(BIN)/python -m benchmarks.exam $(ARGS)
	$(BIN)/python -m benchmarks.grades

clean: ## what `make run` and `make test` have made, the environment included
	rm -rf .venv site data artifacts reports runs mlflow.db mlartifacts .dvc/cache .dvc/tmp

lock: .venv/uv ## resolve again, hashes only, no addresses
	$(BIN)/uv pip compile -q pyproject.toml --group build --universal --generate-hashes --no-header --no-emit-index-url --no-annotate -o requirements/core.txt
	$(BIN)/uv pip compile -q pyproject.toml --group build --extra spark --universal --generate-hashes --no-header --no-emit-index-url --no-annotate -o requirements/spark.txt
	$(BIN)/uv pip compile -q pyproject.toml --group build --group dev --constraint requirements/core.txt --universal --generate-hashes --no-header --no-emit-index-url --no-annotate -o requirements/dev.txt
	$(BIN)/uv pip compile -q --group serve --constraint requirements/core.txt --universal --generate-hashes --no-header --no-emit-index-url --no-annotate -o requirements/serve.txt

.venv/uv: requirements/uv.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Renewcast needs Python 3.11 or newer: make PYTHON=..."'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	touch $@

.venv/core: .venv/uv requirements/core.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/core.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

.venv/dev: .venv/core requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	touch $@
