# server.sh: the server under attack, for test/canary/canary and noninterference.  Sourced (bash) with the
# test's name as $CANARY_NAME; leaves PGHOST, PGPORT and the LH_* that say where things are.
#
# Not test/lib/with_server: this server is watched.  It logs all there is to log, spills early, and keeps the
# temporary files that it removes.

. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
. "$TOP/test/lib/server.sh"

make --no-print-directory all || exit 1
stage "$CANARY_NAME"
mkdir -m 755 "$STAGE/socket" "$STAGE/temp" "$STAGE/files" "$STAGE/regress"
mkdir -m 700 "$STAGE/outside"
gcc -O1 -shared -fPIC -Wall -o "$STAGE/keep_temp.so" test/canary/keep_temp.c -ldl || exit 1
STAGE_ENV+=(LH_KEEP_TEMP="$STAGE/temp")
for i in "${!STAGE_ENV[@]}"; do
	case ${STAGE_ENV[$i]} in
		LD_PRELOAD=*) STAGE_ENV[$i]+=" $STAGE/keep_temp.so"; preloaded=yes ;;
	esac
done
[ -n "${preloaded:-}" ] || STAGE_ENV+=(LD_PRELOAD="$STAGE/keep_temp.so")
[ "$(id -u)" != 0 ] || chown -R "$TEST_USER:" "$STAGE/socket" "$STAGE/temp" "$STAGE/files" "$STAGE/regress" "$STAGE/outside"

libraries=lakehouse
for library in auto_explain pg_stat_statements; do
	[ -e "$PG_LIB/$library.so" ] && libraries+=", $library"
done

as_user initdb --pgdata=../data --username=postgres --auth=trust --no-locale --encoding=UTF8 --no-sync \
	> "$STAGE/log/initdb" 2>&1 || { cat "$STAGE/log/initdb" >&2; exit 1; }
{
	cat "$STAGE/conf"
	cat <<-EOC
	listen_addresses = ''
	unix_socket_directories = '$STAGE/socket'
	shared_preload_libraries = '$libraries'
	max_connections = 30
	autovacuum = off
	log_statement = all
	log_duration = on
	log_min_messages = debug1
	log_min_error_statement = debug1
	log_error_verbosity = verbose
	log_connections = on
	log_lock_waits = on
	log_temp_files = 0
	log_parser_stats = off
	log_parameter_max_length = -1
	log_parameter_max_length_on_error = -1
	work_mem = 64kB
	temp_buffers = 800kB
	jit = off
	statement_timeout = 20s
	compute_query_id = on
	track_activity_query_size = 32kB
	xmlbinary = hex
	lakehouse.audit = ${CANARY_AUDIT:-off}
	lakehouse.audit_filter = all
	lakehouse.audit_directory = '$STAGE/audit'
	lakehouse.audit_key = '$STAGE/audit.key'
	lakehouse.audit_origin = 'canary/audit'
	lakehouse.audit_checkpoint_interval = 10s
	lakehouse.audit_checkpoint_target = '$STAGE/outside/'
	EOC
	if [[ $libraries == *auto_explain* ]]; then
		cat <<-EOC
		auto_explain.log_min_duration = -1
		auto_explain.log_analyze = on
		auto_explain.log_verbose = on
		auto_explain.log_settings = on
		auto_explain.log_triggers = on
		auto_explain.log_nested_statements = on
		EOC
	fi
	if [[ $libraries == *pg_stat_statements* ]]; then
		echo "pg_stat_statements.max = 20000"
		echo "pg_stat_statements.track = all"
		echo "pg_stat_statements.save = off"
	fi
} >> "$STAGE/data/postgresql.conf"
as_user pg_ctl --silent --wait --pgdata=../data --log=../log/server.log start > /dev/null 2>&1 ||
	{ tail -n 30 "$STAGE/log/server.log" >&2; exit 1; }

export PGHOST="$STAGE/socket" PGPORT=5432 PGDATABASE=postgres
export LH_SERVER_LOG="$STAGE/log/server.log" LH_TEMP="$STAGE/temp" LH_FILES="$STAGE/files" LH_DATA="$STAGE/data"
export LH_AUDIT="$STAGE/audit" LH_AUDIT_OUTSIDE="$STAGE/outside" LH_AUDIT_PROGRAM="$STAGE/inst$PG_BIN/lakehouse_audit"
[ -e "$LH_AUDIT_PROGRAM" ] || LH_AUDIT_PROGRAM=$PG_BIN/lakehouse_audit
export LH_LIBRARIES="$libraries" LH_PG_BIN="$PG_BIN"

# The command's status, or 1 where a server process crashed.
attack()
{
	"$@"
	local status=$?
	if grep -qE 'was terminated by signal (4|6|7|8|11):' "$STAGE/log/server.log"; then
		grep -E -B2 -A2 'was terminated by signal' "$STAGE/log/server.log" | head -40 >&2
		[ $status -ne 0 ] || status=1
	fi
	return $status
}
