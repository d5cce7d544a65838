# The commands of this repository. Each brings along what it needs: on a fresh Debian or Ubuntu
# `make demo` and `make test` install what is missing, build, and run; a second run skips what is done.

.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
export PYTHON JOBS TESTS PYTEST_ARGS TIDY_BASE FRESH BENCH

.PHONY: help setup build demo test bench lint format asan tsan clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

setup: ## install what is missing: Debian packages and the pinned wheels in .venv
	@scripts/setup.sh

build: setup ## build everything into build/release; .venv/bin/simscale runs it
	@scripts/build.sh release

demo: build ## demonstrations, training, evaluation and video of pick-and-place (runs/demo)
	@scripts/demo.sh

test: build ## run the C++ and Python tests (TESTS=regex, PYTEST_ARGS=...)
	@scripts/test.sh release

bench: build ## run the benchmarks (BENCH="name name")
	@scripts/bench.sh $(BENCH)

lint: setup ## check format, Python style and the tree (TIDY_BASE=commit: clang-tidy on what changed since)
	@scripts/lint.sh

format: setup ## rewrite our sources in the house format
	@scripts/lint.sh --fix

asan: setup ## build and run the C++ tests under the address and undefined-behaviour sanitizers
	@scripts/build.sh asan && scripts/test.sh asan

tsan: setup ## build and run the C++ tests under the thread sanitizer
	@scripts/build.sh tsan && scripts/test.sh tsan

clean: ## remove what was built (.venv and runs stay)
	@rm -rf build
