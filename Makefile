# Every target does its own set-up: Python environments in integration/.venvs, binaries in target/.
PYTHON ?= python3
ENVIRONMENTS = $(PYTHON) integration/environments.py
VENVS = integration/.venvs
# The environment of the newest Spark, and one for each Spark line.
NEWEST = $(shell $(ENVIRONMENTS) newest)
SPARK_LINES ?= $(shell $(ENVIRONMENTS) lines)
# Each takes the tests of a file in one environment after the other (conftest.py), with a Spark of its own: some 2 GiB.
TEST_PROCESSES ?= 2
# The CPython that the Rust tests embed.
export PYO3_PYTHON ?= $(shell $(ENVIRONMENTS) find 3.11)
export RUSTDOCFLAGS = -D warnings

# rust-toolchain.toml names a version. Where that is installed as "stable" alone, it is taken from there, not fetched.
RUST := $(shell sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
version_of = $(word 2,$(shell rustup run $(1) rustc --version 2>/dev/null))
ifneq ($(call version_of,$(RUST)),$(RUST))
ifeq ($(call version_of,stable),$(RUST))
export RUSTUP_TOOLCHAIN = stable
endif
endif

.PHONY: help demo test test-rust test-daemon-wheel test-unit test-spark parity-fuzz parity-cases parity-releases releases matrix \
	self-test check deny fuzz bench bench-micro build wheel wheels wheel-debian images cluster-demo cluster-test clean

help: ## print this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## the release binary for CPython 3.11
	$(ENVIRONMENTS) build 3.11

# CPython of the wheel.
WHEEL_PYTHON ?= 3.11

wheel: ## the wheel for CPython 3.11, or WHEEL_PYTHON, in dist/
	$(ENVIRONMENTS) tools
	$(PYTHON) integration/wheels.py $(WHEEL_PYTHON)

wheels: ## the wheels for every CPython from 3.9 to 3.14 that is here; 3.14 need not be
	$(ENVIRONMENTS) tools
	$(PYTHON) integration/wheels.py all

# SUITES="sid" for one of them.
SUITES ?= sid bullseye

wheel-debian: ## the wheel in containers of a new and an old Debian, with their Pythons; needs root, Docker, debootstrap
	$(PYTHON) integration/wheel_in_container.py $(SUITES)

demo: ## the scoring pipeline on local Spark, stock beside bowstring
	BOWSTRING_FORM=wheel $(ENVIRONMENTS) tools $(NEWEST)
	BOWSTRING_FORM=wheel BOWSTRING_BUILT=1 $(VENVS)/$(NEWEST)/bin/python demo/scoring.py

# Spark, Python, sizes and ports of the images and the cluster: docker/.env.
images: wheel ## images with Spark and bowstring: docker/Dockerfile
	docker/build.sh plain spark demo environment

cluster-demo: wheel ## the scoring pipeline on a cluster of containers, stock beside bowstring
	docker/build.sh demo
	$(PYTHON) demo/cluster.py $(DEMO)

# CLUSTER="-k faults" for some of them.
cluster-test: wheel ## a cluster of containers whose hosts die; needs a Docker engine
	docker/build.sh plain spark environment
	BOWSTRING_BUILT=1 $(VENVS)/tools/bin/python -m pytest -v --durations 10 integration/cluster $(CLUSTER)

test: test-rust test-daemon-wheel test-unit test-spark ## every test, those on real Spark included

test-rust:
	$(ENVIRONMENTS) tools $(NEWEST)
	BOWSTRING_TEST_PYTHON=$(CURDIR)/$(VENVS)/$(NEWEST)/bin/python cargo test --workspace

# The daemon's tests once more, through the wheel. It refuses another Python in other words: integration/test_wheel.py.
test-daemon-wheel:
	BOWSTRING_FORM=wheel $(ENVIRONMENTS) tools $(NEWEST)
	BOWSTRING_BIN=$(CURDIR)/$(VENVS)/$(NEWEST)/bin/bowstring BOWSTRING_TEST_PYTHON=$(CURDIR)/$(VENVS)/$(NEWEST)/bin/python \
		cargo test --test daemon -- --skip says_in_one_line_that_the_python_is_another_version

test-unit: ## the Python half by itself: no Spark, no daemon
	$(ENVIRONMENTS) tools $(NEWEST)
	$(VENVS)/tools/bin/python -m pytest tests/unit

# Everything through the wheel, which is what users have; what differs between the forms through the other one, too, whose
# build for the Rust tests will do.
PYTEST_SPARK = BOWSTRING_BUILT=1 $(VENVS)/tools/bin/python -m pytest -n $(TEST_PROCESSES) --dist loadscope
THROUGH_BOTH = integration/test_scenarios.py integration/test_lifecycle.py integration/test_tracebacks.py

test-spark:
	BOWSTRING_FORM=wheel $(ENVIRONMENTS) all
	$(PYTHON) integration/wheels.py here
	cargo build
	$(PYTEST_SPARK) --form wheel --durations 15 --ignore integration/cluster integration
	BOWSTRING_BIN=$(CURDIR)/target/debug/bowstring $(PYTEST_SPARK) --form embedded --environments $(NEWEST) --kinds core $(THROUGH_BOTH)

# Such as FUZZ="--seconds 3600 --environments spark-4.3.0 --seed 7"; without a limit until Ctrl-C.
parity-fuzz: ## generated programs on stock's workers and bowstring's, until one differs
	$(PYTHON) -m integration.parity.fuzz $(FUZZ)

parity-cases: ## every question of the case tables through both workers; a quarter of an hour for each Spark line
	$(ENVIRONMENTS) $(SPARK_LINES)
	$(ENVIRONMENTS) build 3.11
	for name in $(SPARK_LINES); do \
		$(VENVS)/$$name/bin/python integration/parity/live_cases.py $${BOWSTRING_BIN:-target/cpython-3.11/release/bowstring} || exit; \
	done

# MATRIX="--groups 20000 --environments spark-4.3.0" for less than the whole night.
matrix: ## every environment, the oldest pandas and pyarrow too; writes docs/compatibility.md
	$(ENVIRONMENTS) matrix
	$(ENVIRONMENTS) build 3.11 3.13
	$(PYTHON) -m integration.parity.matrix $(MATRIX)

releases: ## the Python files of every release of PySpark; 300 to 430 MB each to download, 10 MB to keep
	$(PYTHON) -m integration.releases

# RELEASES="3.5.0 4.0.0" for some of them, PARITY="--examples 1000 --seed 2" for more programs.
parity-releases: ## every release of PySpark through both workers, without a JVM; needs make releases; writes docs/compatibility.md
	$(ENVIRONMENTS) $(SPARK_LINES)
	$(ENVIRONMENTS) build 3.11
	$(PYTHON) -m integration.parity.releases $(PARITY) $(RELEASES)

self-test: ## what the self-test finds in every environment, the oldest too; writes python/bowstring/_spark/proof/record.json
	$(ENVIRONMENTS) matrix
	$(ENVIRONMENTS) build 3.11 3.13
	$(PYTHON) integration/record_self_test.py

check: ## formatting, lints, docs, licences, Python lint and types, spark-conf/
	$(ENVIRONMENTS) tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --all-targets --no-default-features -- -D warnings
	cargo doc --workspace --no-deps --document-private-items --quiet
	$(PYTHON) .ci/licences.py
	$(VENVS)/tools/bin/ruff check .
	$(VENVS)/tools/bin/ruff format --check .
	$(VENVS)/tools/bin/mypy
	$(VENVS)/tools/bin/python -m pytest --quiet tests/unit/test_spark_conf.py

DENY_VERSION = 0.20.2
DENY = target/tools/bin/cargo-deny

$(DENY):
	cargo install cargo-deny --locked --version $(DENY_VERSION) --root target/tools --target-dir target/tools/build

deny: $(DENY) ## licences, bans, sources and advisories of deny.toml; builds cargo-deny first, needs GitHub
	$(DENY) --workspace --locked check

# Seconds for each target. What is found lies in fuzz/artifacts, new inputs in fuzz/grown.
FUZZ_SECONDS ?= 60

fuzz: ## the fuzz targets, a minute each; needs a nightly compiler
	@rustup run nightly rustc --version || { echo "needs: rustup toolchain install nightly"; exit 1; }
	@cargo fuzz --version || cargo install cargo-fuzz --locked
	for target in decoder group_splitter; do \
	    mkdir -p fuzz/grown/$$target && \
	    cargo +nightly fuzz run $$target fuzz/grown/$$target fuzz/corpus/$$target -- \
	        -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=10 -malloc_limit_mb=256 || exit 1; \
	done

bench: ## the benchmark table; takes most of an hour, let nothing else run
	$(PYTHON) -m benches.run

# Beside the binary in both choices, so that their crates are built once.
bench-micro: ## what a record batch costs in crates/ipc; some seconds after the build
	cargo bench --target-dir target/cpython-3.11 -p bowstring -p bowstring-ipc --bench decode

clean: ## remove everything that was built, environments included
	cargo clean
	rm -rf $(VENVS) demo-output bench-output fuzz/target fuzz/grown
