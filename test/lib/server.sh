# server.sh: a private place where an unprivileged user can run PostgreSQL with
# this build of lakehouse.  Sourced after common.sh (bash).
#
#	stage NAME		make the place: $STAGE, with
#						inst/	the extension, installed with DESTDIR
#						src/	sql, expected and test/, as in the repository
#						conf	settings that let a server find inst/
#	stage_preload	servers preload the library
#	as_user CMD...	run CMD there, as the test user when we are root
#
# Nothing is installed into the system, the servers listen on Unix sockets only,
# and whatever happens the place and the servers in it go away at exit.
#
# The stage is made in /tmp and not in $TMPDIR: the test user has to reach it,
# and the path of a socket has room for 107 bytes.

PG_CONFIG=${PG_CONFIG:-pg_config}
PG_BIN=$($PG_CONFIG --bindir)
PG_LIB=$($PG_CONFIG --pkglibdir)
PG_SHARE=$($PG_CONFIG --sharedir)
PGXS_DIR=$(dirname "$($PG_CONFIG --pgxs)")/..
FLAVOUR=${FLAVOUR:-}
TEST_USER=${TEST_USER:-lakehouse-test}
TEST_TIMEOUT=${TEST_TIMEOUT:-1800}

STAGE=
STAGE_ENV=()
USER_CREATED=

# Does this server know the setting?  An unknown one would stop it from starting.
server_knows()
{
	local known
	known=$("$PG_BIN/postgres" --describe-config 2>/dev/null | cut -f1)
	grep -qx "$1" <<< "$known"
}

stage()
{
	STAGE=$(mktemp -d "/tmp/lakehouse-$1.XXXXXX") || exit 1
	trap stage_end EXIT
	trap 'exit 1' INT TERM HUP
	chmod 755 "$STAGE"
	mkdir "$STAGE/src" "$STAGE/log" "$STAGE/tmp"

	stage_user
	stage_install
	stage_conf > "$STAGE/conf"
	[ "$1" = demo ] || stage_tests
	case $FLAVOUR in
		asan) stage_asan ;;
		# backends write their counts here; coverage merges them
		cov) STAGE_ENV+=(GCOV_PREFIX="$STAGE/gcov") ;;
	esac
	if [ "$(id -u)" = 0 ]; then
		chown -R "$TEST_USER:" "$STAGE"
	fi
}

# PostgreSQL does not run as root.
stage_user()
{
	[ "$(id -u)" = 0 ] || return 0
	id "$TEST_USER" > /dev/null 2>&1 && return 0
	useradd --system --user-group --no-create-home --home-dir /nonexistent \
		--shell /usr/sbin/nologin "$TEST_USER" 2>/dev/null && USER_CREATED=yes
	# another run may have been faster
	id "$TEST_USER" > /dev/null || exit 1
}

# 15 and 17 of Debian have extension_destdir, 18 has extension_control_path; a
# server with neither, such as a private build of 16, is installed into.
stage_install()
{
	local destdir=$STAGE/inst
	if server_knows extension_control_path || server_knows extension_destdir; then
		:
	elif [[ $PG_LIB == /usr/* ]]; then
		echo "$PG_BIN/postgres can only load extensions from $PG_SHARE: make install first" >&2
		destdir=
		[ -e "$PG_SHARE/extension/lakehouse.control" ] || exit 1
		return 0
	else
		destdir=
	fi
	make --no-print-directory -s install PG_CONFIG="$PG_CONFIG" FLAVOUR="$FLAVOUR" \
		DESTDIR="$destdir" > "$STAGE/log/install" 2>&1 || {
		cat "$STAGE/log/install" >&2
		exit 1
	}
}

stage_conf()
{
	echo "# made by test/lib/server.sh"
	if [ -d "$STAGE/inst" ]; then
		if server_knows extension_control_path; then
			echo "extension_control_path = '$STAGE/inst$PG_SHARE:\$system'"
		else
			echo "extension_destdir = '$STAGE/inst'"
		fi
		echo "dynamic_library_path = '$STAGE/inst$PG_LIB:\$libdir'"
	fi
	# a scan whose client is gone ends; PostgreSQL does not look by itself
	echo "client_connection_check_interval = '1s'"
	if server_knows output_plugin_libraries; then
		echo "output_plugin_libraries = 'pgoutput, test_decoding, lakehouse'"
	fi
	[ "${1:-test}" = test ] || return 0
	echo "fsync = off"
	echo "wal_level = logical"
	echo "max_prepared_transactions = 10"
	echo "log_line_prefix = '%m [%p] %q%a '"
}

# Policies exist only where the library is preloaded.  Suites with one server for all tests do so; a TAP test says
# for each of its servers whether it does.
stage_preload()
{
	echo "shared_preload_libraries = 'lakehouse'" >> "$STAGE/conf"
}

# What tests read, without what was built.
stage_tests()
{
	local d
	for d in sql expected test; do
		[ -d "$d" ] && echo "$d"
	done | tar cf - --exclude=__pycache__ --exclude=corpus -T - 2>/dev/null | tar xf - -C "$STAGE/src" --no-same-owner
	STAGE_ENV+=(LAKEHOUSE_FIXTURES="$STAGE/src/test/fixtures")
	STAGE_ENV+=(${LAKEHOUSE_DIFFERENTIAL:+LAKEHOUSE_DIFFERENTIAL="$LAKEHOUSE_DIFFERENTIAL"}
		${LAKEHOUSE_SEED:+LAKEHOUSE_SEED="$LAKEHOUSE_SEED"})
}

# A stock server under AddressSanitizer needs two libraries preloaded.  libasan
# starts lazily; when a library's constructor (libp11-kit's newlocale) is the
# first to allocate, that start dead-locks on libc's locale lock.  The second
# library's constructor runs before all others (-z initfirst) and allocates.
stage_asan()
{
	cat > "$STAGE/asaninit.c" <<-'EOF'
	#include <stdlib.h>
	__attribute__((constructor)) static void
	init(void)
	{
		void *volatile p = malloc(1);
		free(p);
	}
	EOF
	gcc -O1 -shared -fPIC -Wl,-z,initfirst -o "$STAGE/asaninit.so" "$STAGE/asaninit.c" || exit 1
	STAGE_ENV+=(
		LD_PRELOAD="$(gcc -print-file-name=libasan.so) $STAGE/asaninit.so"
		ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:log_path=$STAGE/log/asan"
		UBSAN_OPTIONS="print_stacktrace=1"
	)
}

# Run as the test user in a clean environment, in the staged tree.
as_user()
{
	local drop=()
	[ "$(id -u)" = 0 ] && drop=(setpriv --reuid="$TEST_USER" --regid="$TEST_USER" --init-groups)
	(cd "$STAGE/src" && exec "${drop[@]}" env -i HOME="$STAGE" LANG=C.UTF-8 TZ=UTC \
		PATH="$PG_BIN:/usr/local/bin:/usr/bin:/bin" TMPDIR="$STAGE/tmp" "${STAGE_ENV[@]}" "$@")
}

# The same with an end: a hanging test must not hang the run.  In the foreground,
# so that whoever stops the run by a signal to its process group stops this too.
as_user_timed()
{
	as_user timeout --foreground -k 30 "$TEST_TIMEOUT" "$@"
}

# What pg_regress left: differences, or why it could not even run.
stage_regress_verdict()	# STATUS
{
	cp -r "$STAGE/out/." "$ARTIFACTS/" 2>/dev/null
	[ "$1" -ne 0 ] || return 0
	if [ -s "$STAGE/out/regression.diffs" ]; then
		head -n 1000 "$STAGE/out/regression.diffs"
	else
		cat "$LOG"
		[ -e "$STAGE/out/log/postmaster.log" ] && tail -n 40 "$STAGE/out/log/postmaster.log"
	fi
}

# Sanitizer reports and crashes do not always reach a test's own output.
stage_verdict()
{
	local f
	for f in "$STAGE"/log/asan.*; do
		[ -s "$f" ] || continue
		head -60 "$f"
		runner_failed "$SUITE: AddressSanitizer report in $(basename "$f")"
	done
	while read -r f; do
		if grep -q 'runtime error:' "$f"; then
			grep -A12 'runtime error:' "$f" | head -60
			runner_failed "$SUITE: undefined behaviour, see $(basename "$f")"
		fi
		# signal 9 is left out: tests kill servers with it on purpose
		if grep -qE 'was terminated by signal (4|6|7|8|11):' "$f"; then
			grep -E -B2 -A2 'was terminated by signal' "$f" | head -40
			runner_failed "$SUITE: a server process crashed, see $(basename "$f")"
		fi
	done < <(find "$STAGE" \( -name postmaster.log -o -path '*tmp_check/log/*.log' -o -path '*/log/server.log' \) -type f)
}

# Servers are stopped by the process id in their own data directory.
stage_end()
{
	local pidfile pid i
	[ -n "$STAGE" ] && [ -d "$STAGE" ] || return 0
	cd /
	while read -r pidfile; do
		pid=$(head -1 "$pidfile" 2>/dev/null)
		[[ $pid =~ ^[0-9]+$ ]] && [ "$(readlink "/proc/$pid/cwd")" = "$(dirname "$pidfile")" ] || continue
		kill -INT "$pid" 2>/dev/null
		for i in $(seq 100); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL "$pid" 2>/dev/null
	done < <(find "$STAGE" -name postmaster.pid 2>/dev/null)
	if [ "$FLAVOUR" = cov ] && [ -d "$STAGE/gcov$TOP/build" ]; then
		rm -rf "$ARTIFACTS/gcov"
		cp -r "$STAGE/gcov$TOP/build" "$ARTIFACTS/gcov"
	fi
	if [ -n "${KEEP_STAGE:-}" ]; then
		echo "kept: $STAGE" >&2
	else
		rm -rf "$STAGE"
	fi
}
