# The front door. Every target installs what it lacks first; the second time that does nothing.
JOBS ?= $(shell nproc)
.PHONY: help all install build demo test test-fast test-sanitizers simulate bench fuzz lint format clean

help:
	@echo "make demo       install, build, and run the equity-forward sample end to end (DEMO_EXIT=1: stop the node after)"
	@echo "make test       install, build, run every test"
	@echo "make test-fast  build and run the unit tests only"
	@echo "make test-sanitizers  unit tests under ASan, UBSan and TSan, and a short run of each fuzz target"
	@echo "make simulate   deterministic simulation of transactions over several ledgers (SEEDS=100000)"
	@echo "make bench      measure, print the table, write build/bench.json"
	@echo "make fuzz       run every fuzz target (FUZZ_SECONDS=60 each)"
	@echo "make lint       clang-format and clang-tidy over every C++ file; again, only over what changed"

all: build
install:
	@tools/install.sh
build: install
	@tools/build.sh release
demo: build
	@tools/install.sh --evm
	@tools/install.sh --services
	@tools/demo.sh
test-fast: build
	@ctest --test-dir build --output-on-failure -j $(JOBS) -LE slow
test: build
	@tools/install.sh --evm
	@tools/install.sh --services
	@tools/test.sh
test-sanitizers: install
	@tools/test.sh --sanitizers
simulate: build
	@build/tests/simulate --seeds $${SEEDS:-10000}
bench: build
	@tools/install.sh --evm
	@tools/bench.sh
fuzz:
	@tools/install.sh --fuzz
	@tools/fuzz.sh $${FUZZ_SECONDS:-60}
lint:
	@tools/install.sh --lint
	@tools/lint.sh
format:
	@tools/install.sh --lint
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 -i
clean:
	@find build -mindepth 1 -maxdepth 1 ! -name toolchain -exec rm -rf {} +
