# sources.mk: what lakehouse is made of, in reading order.
#
# Included by pgxs.mk (the extension) and core.mk (unit tests, fuzz targets,
# benches), so that both compile the same files with the same instruction-set
# flags.  A new file needs no line here; a new folder does.

ROOT := $(patsubst %/,%,$(dir $(realpath $(lastword $(MAKEFILE_LIST)))))

# The core: plain C11 without PostgreSQL.  A folder includes only folders above
# it ("make layers" checks).
CORE_FOLDERS := \
	core \
	codec \
	crypto \
	net \
	store \
	vec \
	parquet avro orc \
	scan \
	files iceberg delta hudi \
	exec \
	mask \
	match \
	stats \
	audit \
	change

# The PostgreSQL part: src/pg/init.c, what features share, the features.
PG_FOLDERS := \
	util \
	bridge \
	lake fdw \
	cdc privacy audit mdm quality catalog lineage contract pipeline

# ROOMS="core codec" limits a unit build to some folders.
folder_sources = $(foreach d,$(1),$(sort $(wildcard $(ROOT)/src/$(d)/*.c)))
relative = $(patsubst $(ROOT)/%,%,$(1))

# Where change streams go: linked into the client and into test_sink_*, never into
# lakehouse.so.
SINK_SRCS := $(call relative,$(call folder_sources,sink))
SINK_LIBS := -lrdkafka -lhiredis -lnats

CORE_SRCS := $(call relative,$(call folder_sources,$(or $(ROOMS),$(CORE_FOLDERS))))
PG_SRCS := $(call relative,$(call folder_sources,pg $(addprefix pg/,$(PG_FOLDERS))))

# PKCS#11's declarations; modules are loaded when they are used.
CORE_INCLUDES := -isystem /usr/include/p11-kit-1

# Libraries of the core, Debian's package in tools/deps.
CORE_LIBS := \
	-lzstd -llz4 -lbrotlidec -lbrotlienc -lsnappy -ldeflate -lz \
	-lcurl -lssl -lcrypto \
	-lxxhash -ljansson -lroaring \
	-lm -lpthread

# lakehouse_cdc: libpq, the sinks and the core.  What knows no libpq has unit tests.
CLIENT_SRCS := $(call relative,$(call folder_sources,client))
CLIENT_PG_SRCS := $(addprefix src/client/,main.c source.c slot.c heartbeat.c sinks.c attempt.c stream.c status.c)
CLIENT_PG_SRCS += $(filter src/client/snapshot% src/client/incremental%,$(CLIENT_SRCS))
CLIENT_CORE_SRCS := $(filter-out $(CLIENT_PG_SRCS),$(CLIENT_SRCS))

VERSION_STRING := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" $(ROOT)/lakehouse.control)

# Kernels compiled once per instruction set, chosen at load by core/cpu.c.
# On other machines their files compile to nothing.
ISA_avx2 := -mavx2 -mbmi -mbmi2 -mlzcnt -mpopcnt
ISA_avx512 := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vbmi -mavx512vbmi2 \
	-mbmi -mbmi2 -mlzcnt -mpopcnt
# AES of the processor; crypto/ff1_kernels.c asks for it by itself.
ISA_aesni := -maes -mssse3 -msse4.1
ISA_vaes := $(ISA_avx2) -maes -mvaes
ISA_vaes512 := $(ISA_avx512) -maes -mvaes
ifneq ($(shell uname -m),x86_64)
ISA_avx2 :=
ISA_avx512 :=
ISA_aesni :=
ISA_vaes :=
ISA_vaes512 :=
endif
# $(call isa_flags,FILE): by the end of the file's name
isa_flags = $(strip $(foreach i,avx2 avx512 aesni vaes vaes512,$(if \
	$(filter %_$(i),$(basename $(1))),$(ISA_$(i)))))

# $(call remember,FILE,TEXT): a recipe that rewrites FILE only when TEXT is new,
# so that what depends on FILE is made again after a change of flags or of the
# list of sources, and only then.
define remember
@mkdir -p $(dir $(1))
@printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $(1) || printf '%s\n' '$(subst ','\'',$(2))' > $(1)
endef
