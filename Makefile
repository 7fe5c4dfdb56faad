# Everything a developer types. `make` alone lists it.

UV_VERSION := 0.13.9
UV := $(or $(shell command -v uv),.cache/uv/bin/uv)
PIP_VERSION := 25.3
PYTHON := $(or $(shell command -v python3.11),python3)
BIN := .venv/bin
#: Tests without servers, which may use all cores.
PURE := tests/unit tests/oracle tests/deploy
# The others mostly wait: two at a time, each side with servers of its own. Both sides keep to whole files.

# Compiled modules start in a third of the time, and the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test unit driver-tests acceptance faults mutants fuzz soak rolling lint format types arrows schemas
.PHONY: compose-check check kafka redis chromium faust-tests peers bench bench-smoke peers-lock lock clean
.PHONY: promtool rules-check dashboards dashboards-check

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-14s %s\n", $$1, $$2 }'

setup: .venv/.synced ## Create .venv with exactly the locked packages (the other targets do it for you).

demo: setup ## Run the whole program on real history, without Docker: about two minutes. ARGS="--keep" leaves it up.
	$(BIN)/streamproc demo $(ARGS)

test: setup kafka redis promtool chromium faust-tests peers ## Run all tests; starts its own Kafka and Redis. ARGS="-k name" chooses.
ifeq ($(ARGS),)
	$(BIN)/pytest $(PURE) -n auto
	$(BIN)/pytest tests $(addprefix --ignore ,$(PURE)) -n 2 --dist loadfile
else
	$(BIN)/pytest $(ARGS)
endif

acceptance: setup kafka redis ## Replay 200,000 and a million events, kill workers on the way, compare with the reference: an hour or two.
	$(BIN)/pytest tests/acceptance $(ARGS)

faults: setup kafka redis ## Break real servers and workers under load, SEEDS=1 times each fault; ARGS=--help tells more.
	$(BIN)/python -m tests.faults.run --seeds $(or $(SEEDS),1) $(ARGS)

mutants: setup kafka redis ## Put deliberate bugs into workers: the fault suite must notice each. Ten minutes.
	$(BIN)/python -m tests.faults.mutants $(ARGS)

fuzz: setup kafka redis ## A million records of bad input, each accounted for: ten minutes. ARGS="--records 50000" for fewer.
	$(BIN)/python -m tests.faults.fuzz $(ARGS)

soak: setup kafka redis ## Half an hour at half the maximum rate: memory must be flat. ARGS="--minutes 5" for less.
	$(BIN)/python -m tests.faults.soak $(ARGS)

rolling: setup kafka redis ## Restart workers in turn under load, and measure how long partitions pause: five minutes. ARGS=--help tells more.
	$(BIN)/python -m tests.faults.rolling $(ARGS)

bench: setup kafka redis peers ## Measure everything beside limits and peers, and write docs/performance.md: about an hour and a half. ARGS=--help tells more.
	$(BIN)/python -m benchmarks $(ARGS)

bench-smoke: setup kafka redis peers ## Run all benchmarks on next to nothing, to see that they work: about a minute.
	$(BIN)/python -m benchmarks --smoke $(ARGS)

unit: setup ## Run the tests that need no server.
	$(BIN)/pytest tests/unit $(ARGS)

driver-tests: setup faust-tests ## Run Faust's own tests of its Kafka driver on our transport, and say which differ by design.
	$(BIN)/pytest tests/driver -rP $(ARGS)

lint: setup ## Check style and format.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## Repair style and format where a program can.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## Check types, strictly.
	$(BIN)/mypy
	$(BIN)/mypy deploy/healthcheck.py deploy/k8s/prometheus_rule.py

arrows: setup ## Check which module may import which.
	$(BIN)/lint-imports

.PHONY: deploy-lint deploy-check prometheus-rule kustomize

deploy-lint: setup ## Check style and form of what is deployed: hadolint, yamllint, the copy of Prometheus's rules.
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/yamllint --strict .yamllint docker-compose.yml deploy
	$(BIN)/python deploy/k8s/prometheus_rule.py --check

deploy-check: compose-check deploy-lint kustomize ## Check all that is deployed: the above, the Compose specification, and what Kustomize builds.
	$(BIN)/pytest tests/deploy $(ARGS)

prometheus-rule: setup ## Bring the copy of deploy/prometheus/ in deploy/k8s up to date.
	$(BIN)/python deploy/k8s/prometheus_rule.py

check: deploy-lint

schemas: setup ## Check that schemas/ is what the types say.
	$(BIN)/python -m streamproc schemas --check

compose-check: setup ## Check docker-compose.yml against the Compose specification.
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

rules-check: promtool ## Check Prometheus's configuration and rules, and that each alert fires when it should, and only then.
	.cache/prometheus/promtool check config deploy/prometheus/prometheus.yml
	.cache/prometheus/promtool test rules deploy/prometheus/tests/*.yml

dashboards: setup ## Make Grafana's dashboards, deploy/grafana/dashboards, of deploy/grafana.
	$(BIN)/python -m deploy.grafana

dashboards-check: setup ## Check that the dashboards are what deploy/grafana makes of them.
	$(BIN)/python -m deploy.grafana --check

check: lint types arrows schemas compose-check rules-check dashboards-check ## All checks that are no tests.

lock: $(filter .cache/%,$(UV)) ## Bring uv.lock up to date with pyproject.toml.
	$(UV) lock

peers-lock: $(filter .cache/%,$(UV)) ## Bring the packages of the peers up to date with benchmarks/peers/requirements.in.
	$(UV) pip compile --quiet --no-header --python-version 3.11 benchmarks/peers/requirements.in -o benchmarks/peers/requirements.txt

clean: ## Remove what the targets made.
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

COMPILED := $(shell find streamproc -name "*.pyx")
.venv/.synced: pyproject.toml uv.lock setup.py $(COMPILED) | $(filter .cache/%,$(UV))
	$(UV) sync --quiet --locked --all-extras --compile-bytecode
	@touch $@

.cache/uv/bin/uv:
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# The servers of the tests. Where they cannot be had, the tests take the next best and say so in their header.

kafka: .cache/kafka/.fetched

.cache/kafka/.fetched: tests/servers/pom.xml tests/servers/fetch-kafka.sh
	@bash tests/servers/fetch-kafka.sh $(@D)

redis:
	@bash tests/servers/install-redis.sh

# Debian's Prometheus, unpacked and not installed.

promtool: .cache/prometheus/promtool

.cache/prometheus/promtool: tests/servers/fetch-prometheus.sh
	@bash tests/servers/fetch-prometheus.sh $(@D)
	@touch $@

# The browser in which the page of a backtest is looked at. Without it that test fails, and says so.

chromium:
	@bash tests/browser/install-chromium.sh

# What builds deploy/k8s: kubectl can, and where neither it nor Kustomize is, Go makes one.

test: kustomize

kustomize:
	@bash tests/deploy/install-kustomize.sh .cache/kustomize

# Faust's own tests, from its source distribution; and OpenTracing, with which they measure.

faust-tests: .cache/faust-tests/.fetched

.cache/faust-tests/.fetched: uv.lock tests/driver/fetch.py | .venv/.synced
	@echo "faust-tests: fetching Faust's own tests to $(@D)"
	@$(BIN)/python tests/driver/fetch.py $(@D) $(UV) tool run --quiet --python $(BIN)/python pip==$(PIP_VERSION)
	@touch $@

# The programs of others that the benchmark compares us with: their packages may clash with ours.

peers: .cache/peers/.fetched

PEERS := $(addprefix benchmarks/peers/,fetch.sh requirements.txt pom.xml KafkaStreamsWindow.java)
.cache/peers/.fetched: $(PEERS) | $(filter .cache/%,$(UV))
	@bash benchmarks/peers/fetch.sh $(@D) $(UV) $(PYTHON)
