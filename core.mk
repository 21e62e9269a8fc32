# core.mk: build the core without PostgreSQL, for everything that tests it.
#
#	make -f core.mk unit FLAVOUR=unit|asan|tsan|cov		build/FLAVOUR/test_*
#	make -f core.mk stub FLAVOUR=unit					build/unit/stub_server
#	make -f core.mk bench								build/bench/*
#	make -f core.mk fuzz FLAVOUR=fuzz					build/fuzz/fuzz_*
#
# The flags are ours, not PGXS's: no -fwrapv, so that UBSan sees signed
# overflow, and malloc under the arenas, so that ASan sees every overrun.
#
# T=test_snappy builds one program (or several: T="test_snappy test_zstd"),
# ROOMS="core codec" compiles only these folders, WERROR=1 makes warnings errors
# in the plain build.

include $(dir $(realpath $(lastword $(MAKEFILE_LIST))))sources.mk

FLAVOUR ?= unit
B := build/$(FLAVOUR)

ifeq ($(origin CC),default)
CC := gcc
endif
OPT := -O3
ifeq ($(FLAVOUR),asan)
OPT := -O1 -fno-omit-frame-pointer -U_FORTIFY_SOURCE
INSTRUMENT := -fsanitize=address,undefined -fno-sanitize-recover=undefined
else ifeq ($(FLAVOUR),tsan)
OPT := -O1 -fno-omit-frame-pointer
INSTRUMENT := -fsanitize=thread
else ifeq ($(FLAVOUR),cov)
OPT := -O1
INSTRUMENT := --coverage -fprofile-update=atomic
else ifeq ($(FLAVOUR),fuzz)
# Any clang will do that has its run-time library; newest first.
CLANG ?= $(or $(shell ls /usr/bin/clang-[0-9]* 2>/dev/null | grep -E 'clang-[0-9]+$$' | \
	sort -t- -k2 -rn | head -1),clang)
override CC := $(CLANG)
OPT := -O2 -ffunction-sections -fno-omit-frame-pointer -U_FORTIFY_SOURCE
# Executions count: comparisons of numbers are not traced (the seeds have the formats'
# constants, what goes through memcmp is seen), and only what a target uses is linked,
# for libFuzzer goes through all counters after each execution.
INSTRUMENT := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	-fno-sanitize-coverage=trace-cmp
FUZZ_LDFLAGS := -fsanitize=fuzzer -Wl,--gc-sections -Wl,-z,start-stop-gc
endif

# gcc's analysis of uninitialised variables is unreliable under sanitizers, so
# warnings are errors in the plain build only
WARN := -Wall -Wextra -Wmissing-prototypes -Wpointer-arith -Wvla -Wformat-security \
	-Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare \
	$(if $(INSTRUMENT),-Wno-maybe-uninitialized -Wno-unknown-warning-option,$(if $(WERROR),-Werror))
# benches are programs for their authors, not interfaces
LOOSE := -Wno-missing-prototypes

override CPPFLAGS += -Isrc -Itest $(CORE_INCLUDES) -D_GNU_SOURCE -DLAKEHOUSE_VERSION='"$(VERSION_STRING)"'
ALL_CFLAGS = -std=gnu11 -g $(OPT) $(WARN) $(INSTRUMENT) $(EXTRA_CFLAGS)
COMPILE = $(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP

CORE_OBJS := $(CORE_SRCS:%.c=$(B)/%.o)
CORE_LIB := $(B)/libcore$(if $(ROOMS),-$(subst $(eval) ,-,$(strip $(ROOMS)))).a

SINK_OBJS := $(SINK_SRCS:%.c=$(B)/%.o)
SINK_LIB := $(B)/libsink.a

# In each test folder: the programs, and the files they share.  A test is
# test_*.c, a fuzz target fuzz_*.c, a bench any file with a main().
programs = $(patsubst $(1)/%.c,%,$(2))
wanted = $(if $(T),$(filter $(T),$(1)),$(1))
shared = $(patsubst %.c,$(B)/%.o,$(filter-out $(2),$(sort $(wildcard $(1)/*.c))))

UNIT_SRCS := $(sort $(wildcard test/unit/test_*.c))
FUZZ_SRCS := $(sort $(wildcard test/fuzz/fuzz_*.c))
BENCH_SRCS := $(sort $(shell grep -lE '^(int +)?main\b' test/bench/*.c 2>/dev/null))
UNIT := $(call wanted,$(call programs,test/unit,$(UNIT_SRCS)))
FUZZ := $(call wanted,$(call programs,test/fuzz,$(FUZZ_SRCS)))
BENCH := $(call wanted,$(call programs,test/bench,$(BENCH_SRCS)))
UNIT_SHARED := $(call shared,test/unit,$(UNIT_SRCS))
FUZZ_SHARED := $(call shared,test/fuzz,$(FUZZ_SRCS))
BENCH_SHARED := $(call shared,test/bench,$(BENCH_SRCS))

# The server that tests of network locations talk to.
STUB := $(B)/stub_server
STUB_OBJS := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard test/lib/stub_*.c)))

unit: $(UNIT:%=$(B)/%) $(STUB)
stub: $(STUB)
fuzz: $(FUZZ:%=$(B)/%)
bench: $(BENCH:%=build/bench/%)
lib: $(CORE_LIB)

ifneq ($(T),)
ifeq ($(UNIT)$(FUZZ)$(BENCH),)
$(error no program $(T) in test/unit, test/fuzz or test/bench)
endif
endif

$(CORE_LIB): $(CORE_OBJS) $(B)/objects$(if $(ROOMS),-limited)
	@rm -f $@
	@$(AR) rcs $@ $(CORE_OBJS)

$(SINK_LIB): $(SINK_OBJS)
	@rm -f $@
	@$(AR) rcs $@ $(SINK_OBJS)

$(B)/objects $(B)/objects-limited: force
	$(call remember,$@,$(CORE_OBJS))
$(B)/flags: force
	$(call remember,$@,$(CC) $(CPPFLAGS) $(ALL_CFLAGS))

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC $(FLAVOUR) $<"
	$(if $(V),,@)$(COMPILE) $(call isa_flags,$<) $(if $(filter test/%,$<),$(LOOSE)) -c -o $@ $<

link = $(if $(V),,@echo "  LD $@";) mkdir -p $(@D); \
	$(CC) $(INSTRUMENT) $(2) -o $@ $(filter %.o,$^) $(filter %libsink.a,$^) $(filter-out %libsink.a,$(filter %.a,$^)) \
	$(1) $(if $(filter %libsink.a,$^),$(SINK_LIBS)) $(CORE_LIBS) $(EXTRA_LDFLAGS)

# only these are linked with the sinks
$(filter $(B)/test_sink_% $(B)/fuzz_sink_%,$(UNIT:%=$(B)/%) $(FUZZ:%=$(B)/%)): $(SINK_LIB)
$(filter build/bench/bench_sink_%,$(BENCH:%=build/bench/%)): $(SINK_LIB)

# and these with what the client does without libpq
CLIENT_CORE_OBJS := $(CLIENT_CORE_SRCS:%.c=$(B)/%.o)
$(filter $(B)/test_client_%,$(UNIT:%=$(B)/%)): $(CLIENT_CORE_OBJS) $(SINK_LIB)

$(UNIT:%=$(B)/%): $(B)/%: $(B)/test/unit/%.o $(UNIT_SHARED) $(CORE_LIB)
	$(call link,-lcmocka)
$(STUB): $(STUB_OBJS) $(CORE_LIB)
	$(call link,)
$(FUZZ:%=$(B)/%): $(B)/%: $(B)/test/fuzz/%.o $(FUZZ_SHARED) $(CORE_LIB)
	$(call link,,$(FUZZ_LDFLAGS))
$(BENCH:%=build/bench/%): build/bench/%: $(B)/test/bench/%.o $(BENCH_SHARED) $(CORE_LIB)
	$(call link,)

-include $(CORE_OBJS:.o=.d) $(SINK_OBJS:.o=.d) $(CLIENT_CORE_OBJS:.o=.d) $(STUB_OBJS:.o=.d) $(patsubst %.c,$(B)/%.d,$(wildcard test/unit/*.c test/fuzz/*.c test/bench/*.c))

.SECONDARY:
.PHONY: unit stub fuzz bench lib force
