# A fresh machine needs Python 3.11 or newer, make and pip. `make` alone prints what can be made.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# One more than there are cores: a quarter of the time tests wait for servers.
JOBS ?= 3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
COMPILE := PIP_FIND_LINKS= $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	--no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	$(if $(UPGRADE),--upgrade)
KAFKA := tests/services/kafka/pom.xml
KAFKA_JARS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/partygrid/kafka-$(shell \
	sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' $(KAFKA))
# By file, in the order that tests/conftest.py gives them.
SHARED = -n $(JOBS) --dist loadfile --no-loadscope-reorder
TEMPLATES := $(wildcard web/templates notifications/templates)

##@ Using it
install: $(VENV)/.runs  ## Make .venv with the pinned packages and the command partygrid

demo: install  ## Show a township at work, servers and all; EXIT=1 ends by itself
	$(BIN)/partygrid demo $(if $(EXIT),--exit)

##@ Working on it
check: $(VENV)/.develops  ## Format, lint, types, layers, spelling, templates, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(if $(TEMPLATES),$(BIN)/djlint --check --lint --quiet $(TEMPLATES))
	$(if $(wildcard events/docs.py events/docs),$(BIN)/python -m events.docs --check)

test: $(VENV)/.develops  ## All tests; JOBS=1 one after another, ARGS="-k word" some of them
	$(BIN)/python -m pytest $(SHARED) $(ARGS)

# Brokers and engines are busy all the time.
test-services soak soak-figures reliability: JOBS = 2

test-services: $(VENV)/.develops  ## Tests on Apache Kafka and of faults; needs Java 17, Maven, docker-compose
	-$(MAKE) --no-print-directory kafka-jars
	$(BIN)/python -m pytest tests/services $(SHARED) $(ARGS)

soak: $(VENV)/.develops  ## The same for longer: more kills, larger loads
	-$(MAKE) --no-print-directory kafka-jars
	PARTYGRID_SOAK=1 $(BIN)/python -m pytest tests/services tests/integration/test_random_acts.py $(SHARED) $(ARGS)

soak-figures: export PARTYGRID_WRITE_DOCS = 1
soak-figures: soak  ## The same, and its figures written into docs/reliability.md

reliability: $(VENV)/.develops  ## Tests of faults, and their figures written into docs/reliability.md
	-$(MAKE) --no-print-directory kafka-jars
	PARTYGRID_WRITE_DOCS=1 $(BIN)/python -m pytest tests/services $(SHARED) -k faults $(ARGS)

bench: $(VENV)/.benches  ## How quick the engine is beside what its parts allow; ARGS=--short in two minutes
	$(BIN)/python -m bench $(ARGS)

kafka-jars: $(KAFKA_JARS)/classes.jsa  ## Fetch Apache Kafka for these tests, once

format: $(VENV)/.develops  ## Put code and templates into the common form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(if $(TEMPLATES),$(BIN)/djlint --reformat --quiet $(TEMPLATES))

docs: $(VENV)/.develops  ## Write the generated pages anew
	$(BIN)/python -m events.docs

lock: $(VENV)/.develops  ## Pin what pyproject.toml asks for; UPGRADE=1 the newest it allows
	$(COMPILE) -o requirements.txt pyproject.toml
	$(COMPILE) --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml
	$(COMPILE) --extra bench -c requirements.txt -o requirements-bench.txt pyproject.toml
	$(COMPILE) --only-build-deps --build-deps-for wheel --build-deps-for editable \
		-o requirements-build.txt pyproject.toml

clean:  ## Remove what was built and cached, but no data and no .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

help:  ## Print this
	@awk 'BEGIN {FS = ":.*##"} \
		/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*##/ {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# What is missing is told by the tests: on a laptop they are skipped, in CI they fail.
$(KAFKA_JARS)/complete: $(KAFKA)
	mvn -q -B -f $(KAFKA) dependency:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory=$(KAFKA_JARS)
	@touch $@

$(KAFKA_JARS)/classes.jsa: $(KAFKA_JARS)/complete | $(VENV)/.develops
	$(BIN)/python -m tests.services.archive

# The project itself is linked into the environment, so that an edit works at once.
$(VENV)/.runs: requirements.txt requirements-build.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements-build.txt -r requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.develops: requirements-dev.txt $(VENV)/.runs
	$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/.benches: requirements-bench.txt $(VENV)/.develops
	$(PIP) --require-hashes -r requirements-bench.txt
	@touch $@

.PHONY: install demo check test test-services soak soak-figures reliability bench kafka-jars format docs lock clean help
