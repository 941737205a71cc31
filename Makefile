# make demo    watch a simulated Franka choose a side and grasp, through the real nodes (EPISODES=3 for the impatient)
# make demo ADAPTER=udp   the same through f2o_rt, the real libfranka and a simulated control unit, in out/demo_udp
# make test    every test of every package, through colcon
# make test-ros  only those that use ROS 2
# make bench   measure speed on this machine
# make bench-loop    the whole live loop for ten minutes, every tick counted (nothing else should run)
# make bench-dither  what commitment to a plan is worth
# make bench-modes   which method keeps every mode, on toys whose modes are known
# make fuzz-bridge   a million adversarial targets against the bridge, every command checked
# make faults  faults injected into the real bridge, where each ends
# make soak    the bridge for 30 minutes and for a million ticks, with faults (MINUTES=5 for the impatient)
# ARGS=...      options of any of these seven commands, e.g. make bench ARGS=--help
# make setup   what all of them stand on; skipped where nothing has changed
# make lint    ruff, and the type checker
# F2O_ROS=jazzy make ...   on ROS 2 Jazzy from wheels, beside the default (Kilted, or the ROS 2 that is sourced)

SHELL := /bin/bash
EPISODES ?= 20
SEED ?= 1000
ADAPTER ?= jtc
OUT ?= out/demo$(if $(filter-out jtc,$(ADAPTER)),_$(ADAPTER))
# From whatever folder and by whatever path make is called.
ROOT := $(dir $(realpath $(lastword $(MAKEFILE_LIST))))
SUFFIX := $(if $(filter jazzy,$(F2O_ROS)),-jazzy)
RUN = set -eo pipefail; cd $(ROOT); source ./env$(SUFFIX).sh;
# The benchmarks are not installed: they and what they start find each other below this folder.
MEASURE = $(RUN) export PYTHONPATH="$$PWD$${PYTHONPATH:+:$$PYTHONPATH}";

.PHONY: setup demo test test-ros bench bench-loop bench-dither bench-modes fuzz-bridge faults soak lint clean

setup:
	@$(ROOT)scripts/setup.sh

demo: setup
	@$(RUN) python -m benchmarks.demo --episodes $(EPISODES) --seed $(SEED) --out $(OUT) --adapter $(ADAPTER); \
	[ $(ADAPTER) = jtc ] || exit 0; \
	exec python -m benchmarks.forks --episodes $(EPISODES) --seed $(SEED) --out $(OUT)

test: setup
	@$(RUN) ./scripts/test.sh

bench: setup
	@$(MEASURE) exec python -m benchmarks.speed --out out/bench $(ARGS)

bench-loop: setup
	@$(MEASURE) exec python -m benchmarks.loop --out out/bench_loop $(ARGS)

bench-dither: setup
	@$(MEASURE) exec python -m benchmarks.dither --out out/dither $(ARGS)

fuzz-bridge: setup
	@$(MEASURE) exec python -m benchmarks.fuzz_bridge $(ARGS)

faults: setup
	@$(MEASURE) exec python -m benchmarks.faults --out out/faults $(ARGS)

soak: setup
	@$(MEASURE) exec python -m benchmarks.soak --minutes $(or $(MINUTES),30) --out out/soak $(ARGS)

bench-modes: setup
	@$(MEASURE) exec python -m benchmarks.modes --out out/modes $(ARGS)

test-ros: setup
	@$(RUN) ./scripts/test.sh --ros

lint: setup
	@$(RUN) ruff check . && ruff format --check . && { [ ! -x scripts/typecheck.sh ] || ./scripts/typecheck.sh; }

clean:
	cd $(ROOT) && rm -rf out build install log env.sh .venv build-jazzy install-jazzy log-jazzy env-jazzy.sh .venv-jazzy
