# Makefile of lakehouse: "make demo" shows it, "make check" proves it, "make help"
# lists the rest.  Needs GNU make only; "make deps" brings what else there is to need.
#
#	sources.mk	what is compiled
#	pgxs.mk		the extension and the client, by PostgreSQL's PGXS	-> build/pgN
#	core.mk		the core alone: unit tests, fuzz targets, benches	-> build/unit, ...

PG_CONFIG ?= pg_config
# libpq alone also brings a pg_config: what counts is that PGXS is really there
HAVE_PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
PG_MAJOR := $(if $(HAVE_PGXS),$(shell $(PG_CONFIG) --version | sed 's/[^0-9]*\([0-9]*\).*/\1/'))

# FLAVOUR=asan or cov builds the extension instrumented, beside the normal one
FLAVOUR ?=
PG_BUILD = build/pg$(PG_MAJOR)$(addprefix -,$(FLAVOUR))
FLAVOUR_FLAGS_asan = EXTRA_CFLAGS="-O1 -fno-omit-frame-pointer -U_FORTIFY_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=undefined" EXTRA_LDFLAGS="-fsanitize=address,undefined"
FLAVOUR_FLAGS_cov = EXTRA_CFLAGS="-O1 --coverage -fprofile-update=atomic" EXTRA_LDFLAGS=--coverage

# All cores, unless make was called with a -j of its own; V=1 shows the commands.
JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
# One build at a time in one directory, whoever calls.
locked = mkdir -p $(1) && flock $(1)/.lock
PGXS_MAKE = $(call locked,$(PG_BUILD)) $(MAKE) $(JOBS) $(if $(V),,-s) --no-print-directory -C $(PG_BUILD) \
	-f $(CURDIR)/pgxs.mk PG_CONFIG='$(PG_CONFIG)' $(if $(FLAVOUR),WERROR= $(FLAVOUR_FLAGS_$(FLAVOUR)))
core_make = $(call locked,build/$(1)) $(MAKE) $(JOBS) --no-print-directory -f core.mk FLAVOUR=$(1)

export PG_CONFIG FLAVOUR

.DEFAULT_GOAL := all
.NOTPARALLEL:
.PHONY: all install uninstall deps demo demo-stop check unit regress isolation pgtap tap \
	installcheck check-asan golden canary interop fuzz fuzz-smoke bench coverage layers format help \
	clean need-pgxs

## Build and use

help:				## this list
	@awk '/^## /{ printf "\n%s\n", substr($$0, 4) } \
		/^[a-z-]+:.*## /{ t = $$1; sub(/:.*/, "", t); sub(/.*## */, ""); printf "  make %-13s %s\n", t, $$0 }' Makefile
	@printf '\nPG_CONFIG=... chooses the server (%s).\n' '$(or $(PG_MAJOR),none found yet: make deps)'

deps:				## install the Debian packages that build and tests need
	@PG_MAJOR=$(PG_MAJOR) tools/deps

all: need-pgxs		## build the extension and its programs (build/pgN/lakehouse.so, lakehouse_cdc, lakehouse_audit)
	@$(PGXS_MAKE) all

install: need-pgxs	## install both for the server of pg_config (as root)
	@$(PGXS_MAKE) install DESTDIR='$(DESTDIR)'

uninstall: need-pgxs
	@$(PGXS_MAKE) uninstall DESTDIR='$(DESTDIR)'

demo:				## from nothing to answers: deps, build, throw-away server, queries
	@$(if $(DEMO_SKIP_DEPS),:,$(MAKE) --no-print-directory deps)
	@$(MAKE) --no-print-directory all
	@demo/demo.sh

demo-stop:			## remove what make demo made
	@demo/stop.sh

clean:				## remove build/
	rm -rf build

## Test

check: all unit-build	## all that is needed to trust the build
	@test/run/check --name check unit regress isolation pgtap tap

unit: unit-build	## the core without PostgreSQL; T=test_x, ASAN=1, TSAN=1
	@$(UNIT_ENV) test/run/check --name unit unit

# The instrumented twins of the unit tests
UNIT_FLAVOUR = $(if $(ASAN),asan,$(if $(TSAN),tsan,unit))
UNIT_ENV = UNIT_FLAVOUR=$(UNIT_FLAVOUR)
unit-build:
	@$(call core_make,$(UNIT_FLAVOUR)) unit
.PHONY: unit-build

regress isolation pgtap tap: all
	@test/run/check --name $@ $@

# the server that network locations are tested with
tap: stub
stub:
	@$(call core_make,unit) stub T=
.PHONY: stub

installcheck: regress isolation	## regress and isolation; also: make regress, isolation, pgtap, tap

check-asan: stub	## unit tests, pg_regress and some TAP under ASan and UBSan
	@$(MAKE) --no-print-directory unit-build ASAN=1
	@$(MAKE) --no-print-directory all FLAVOUR=asan
	@FLAVOUR=asan test/run/asan

golden: all			## other people's files and tables, row for row (needs ../shared/fixtures)
	@test/lib/with_server golden test/golden/all $(ARGS)

canary: all			## secrets searched for in all that masked roles get (test/canary), at smoke size
	@test/canary/canary --queries $(or $(QUERIES),800)
	@test/canary/noninterference --queries $(or $(QUERIES),300)

interop: all		## foreign engines as writers and readers (makes a Python environment)
	@$(call driver,test/interop/all)

fuzz:				## all fuzz targets at length; T=fuzz_x, RUNS=10000000, SECONDS_EACH=0
	@$(call core_make,fuzz) fuzz
	@test/run/fuzz

fuzz-smoke:			## all fuzz targets for seconds
	@$(call core_make,fuzz) fuzz
	@test/run/fuzz --smoke

bench: $(if $(T),,all)			## benchmarks; T=name limits the core's
	@$(call core_make,unit) bench
	@test/run/bench

coverage:			## lines reached by unit and SQL tests (build/coverage)
	@$(call core_make,cov) unit
	@$(MAKE) --no-print-directory all FLAVOUR=cov
	@FLAVOUR=cov test/run/coverage

layers:				## the rules of the rooms (docs/architecture.md)
	@tools/layers --self-test
	@tools/layers

## Write

CLANG_FORMAT ?= $(firstword $(shell command -v clang-format-14 clang-format))
format:				## clang-format over all C files (package clang-format-14)
	@[ -n '$(CLANG_FORMAT)' ] || { echo "make format needs clang-format (apt-get install clang-format-14)" >&2; exit 1; }
	@find src test demo -name '*.[ch]' -print | xargs -r $(CLANG_FORMAT) -i

driver = if [ -x $(1) ]; then $(1) $(ARGS); else echo "$@: there is no $(1) yet" >&2; exit 1; fi

need-pgxs:
	@$(if $(HAVE_PGXS),:,echo "PostgreSQL's server headers are not here: run 'make deps' first" >&2; exit 1)
