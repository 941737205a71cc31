# make demo    watch a simulated Franka choose a side and grasp, through the real nodes (EPISODES=3 for the impatient)
# make test    every test of every package, through colcon
# make bench   measure speed on this machine
# make bench-loop    the whole live loop for ten minutes, every tick counted (nothing else should run)
# make bench-dither  what commitment to a plan is worth
# make bench-modes   which method keeps every mode, on toys whose modes are known
# make fuzz-bridge   a million adversarial targets against the bridge, every command checked
# make faults  faults injected into the real bridge, where each ends
# make soak    the bridge for 30 minutes and for a million ticks, with faults (MINUTES=5 for the impatient)
# make setup   what the three stand on; skipped where nothing has changed

SHELL := /bin/bash
EPISODES ?= 20
SEED ?= 1000
OUT ?= out/demo
RUN = set -eo pipefail; source ./env.sh; export PYTHONPATH="$$PWD$${PYTHONPATH:+:$$PYTHONPATH}";

.PHONY: setup demo test bench bench-loop bench-dither bench-modes fuzz-bridge faults soak lint clean

setup:
	@./scripts/setup.sh

demo: setup
	@$(RUN) python -m f2o_sim.demo --episodes $(EPISODES) --seed $(SEED) --out $(OUT); \
	exec python -m benchmarks.forks --episodes $(EPISODES) --seed $(SEED) --out $(OUT)

test: setup
	@$(RUN) ./scripts/test.sh

bench: setup
	@$(RUN) exec python -m benchmarks.speed --out out/bench

bench-loop: setup
	@$(RUN) exec python -m benchmarks.loop --out out/bench_loop

bench-dither: setup
	@$(RUN) exec python -m benchmarks.dither --out out/dither

fuzz-bridge: setup
	@$(RUN) exec python -m benchmarks.fuzz_bridge

faults: setup
	@$(RUN) exec python -m benchmarks.faults --out out/faults

soak: setup
	@$(RUN) exec python -m benchmarks.soak --minutes $(or $(MINUTES),30) --out out/soak

bench-modes: setup
	@$(RUN) exec python -m benchmarks.modes --out out/modes

lint: setup
	@$(RUN) ruff check . && ruff format --check .

clean:
	rm -rf build install log out env.sh .venv
