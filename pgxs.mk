# pgxs.mk: build and install the extension and lakehouse_cdc with PostgreSQL's own rules (PGXS).
#
# The Makefile calls this one in build/pgN, so that builds for several servers
# and with several sets of flags live side by side and the source tree stays
# clean:
#
#	make -C build/pg15 -f ../../pgxs.mk PG_CONFIG=pg_config all
#
# It is a second makefile because PGXS defines "check" and others itself, and
# because PGXS is not there before "make deps".
#
# WERROR=1 makes warnings errors; EXTRA_CFLAGS and EXTRA_LDFLAGS come last.

include $(dir $(realpath $(lastword $(MAKEFILE_LIST))))sources.mk

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)

CORE_OBJS := $(CORE_SRCS:.c=.o)
PG_OBJS := $(PG_SRCS:.c=.o)
# The client is linked with the core's objects of the extension: they know no server.
CLIENT_OBJS := $(SINK_SRCS:.c=.o) $(CLIENT_SRCS:.c=.o)
CLIENT := lakehouse_cdc
INSTALL_SQL := lakehouse--$(VERSION_STRING).sql

EXTENSION = lakehouse
MODULE_big = lakehouse
OBJS = $(CORE_OBJS) $(PG_OBJS)
DATA = $(call relative,$(wildcard $(ROOT)/lakehouse--*--*.sql))
DATA_built = $(INSTALL_SQL)
EXTRA_CLEAN = flags $(CLIENT)

PG_CPPFLAGS = -I$(ROOT)/src $(CORE_INCLUDES) -I$(shell $(PG_CONFIG) --includedir) -DLAKEHOUSE_VERSION='"$(VERSION_STRING)"'
# -O2 of the server's own flags does not vectorise; ours come later and win.
PG_CFLAGS = -O3 -Wno-declaration-after-statement $(if $(WERROR),-Werror) $(EXTRA_CFLAGS)
SHLIB_LINK = -Wl,--as-needed $(CORE_LIBS) -L$(shell $(PG_CONFIG) --libdir) -lpq \
	-Wl,--version-script=$(ROOT)/src/exports.map $(EXTRA_LDFLAGS)

# We build outside the source tree; servers that were built inside theirs lost
# the lines of Makefile.global that would set this.
VPATH := $(ROOT)
# Bitcode is made by clang without the flags of the kernel files, and fails on
# them.  It has to be said before the include, and with override.
override with_llvm = no
# PGXS keeps one dependency file per base name; we have several plan.c.
override autodepend = no

include $(PGXS)

# Flags of newer servers may be unknown to an older compiler.
unknown_flags := $(foreach f,$(filter -Wmissing-variable-declarations \
	-Wshadow=compatible-local,$(CFLAGS)),$(shell \
	$(CC) -Werror $(f) -E -x c /dev/null >/dev/null 2>&1 || echo $(f)))
override CFLAGS := $(filter-out $(unknown_flags),$(CFLAGS)) -MMD -MP

# The client by the same rules.
all: $(CLIENT)
install: install-client
uninstall: uninstall-client

# On PostgreSQL 15 -fvisibility=hidden would hide the SQL functions of src/pg.
$(CORE_OBJS) $(CLIENT_OBJS): CFLAGS += -std=gnu11 -fvisibility=hidden

$(foreach s,$(CORE_SRCS),$(if $(call isa_flags,$(s)),$(eval \
	$(s:.c=.o): CFLAGS += $(call isa_flags,$(s)))))

# Not a rule: make would find the folders of the source tree and be content.
$(shell mkdir -p $(sort $(dir $(OBJS) $(CLIENT_OBJS))))

$(OBJS) $(CLIENT_OBJS): %.o: %.c flags
	@echo "  CC $(notdir $(CURDIR)) $(<:$(ROOT)/%=%)"
	$(if $(V),,@)$(CC) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

# Everything is compiled again when the server or the flags changed.
flags: force
	$(call remember,$@,$(PG_CONFIG) $(VERSION) $(CC) $(CPPFLAGS) $(CFLAGS))

# The library is linked again when a source file came or went.
lakehouse.so: $(ROOT)/src/exports.map objects
objects: force
	$(call remember,$@,$(OBJS) $(SHLIB_LINK))

$(CLIENT): $(CLIENT_OBJS) $(CORE_OBJS) client-objects
	@echo "  LD $(notdir $(CURDIR)) $@"
	$(if $(V),,@)$(CC) $(CFLAGS) -o $@ $(CLIENT_OBJS) $(CORE_OBJS) -Wl,--as-needed \
		-L$(shell $(PG_CONFIG) --libdir) -lpq $(SINK_LIBS) $(CORE_LIBS) $(EXTRA_LDFLAGS)
client-objects: force
	$(call remember,$@,$(CLIENT_OBJS) $(CORE_OBJS) $(SINK_LIBS) $(CORE_LIBS))

install-client: $(CLIENT)
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) $(CLIENT) '$(DESTDIR)$(bindir)/$(CLIENT)'
uninstall-client:
	rm -f '$(DESTDIR)$(bindir)/$(CLIENT)'

# The install script: the features' SQL in the order of src/pg/order.
SQL_ORDER := $(wildcard $(ROOT)/src/pg/order)
SQL_FILES := $(addprefix $(ROOT)/src/pg/,$(if $(SQL_ORDER),$(shell sed 's/#.*//' $(SQL_ORDER))))

$(INSTALL_SQL): $(SQL_ORDER) $(SQL_FILES) $(ROOT)/lakehouse.control $(ROOT)/pgxs.mk
	@{ \
		echo "/* $@: made by pgxs.mk from the files of src/pg/order */"; \
		printf '%s\n' '\echo Use "CREATE EXTENSION lakehouse" to load this file. \quit'; \
		for f in $(SQL_FILES); do \
			printf '\n/* ---- %s ---- */\n\n' "$${f#$(ROOT)/}"; \
			cat "$$f" || exit 1; \
		done; \
	} > $@.new && mv $@.new $@

-include $(OBJS:.o=.d) $(CLIENT_OBJS:.o=.d)

.PHONY: force install-client uninstall-client
