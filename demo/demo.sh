#!/bin/bash
#
# demo.sh: start a throw-away PostgreSQL with lakehouse in it, run demo.sql, and
# say how to connect.  Called by "make demo" after the build.
#
# The server belongs to an unprivileged user, lives in one directory in /tmp and
# listens on a Unix socket in that directory (for its owner and root, without
# password) and on a free loopback port (with a password made for this run).
# Nothing is installed into the system.  stop.sh removes all of it.
TEST_USER=${DEMO_USER:-lakehouse-demo}
. "$(dirname "$0")/../test/lib/common.sh"
. "$TOP/test/lib/server.sh"

state=build/demo.state
if [ -e "$state" ]; then
	echo "A demo is still there; it is removed first."
	demo/stop.sh || exit 1
fi

stage demo
as_user mkdir -m 700 ../socket
cp -r demo/data "$STAGE/lake" && cp -r test/fixtures/iceberg/warehouse/demo/orders "$STAGE/lake/" && chmod -R a+rX "$STAGE/lake" || exit 1
if [ "$(id -u)" = 0 ]; then
	chown -R "$TEST_USER:" "$STAGE/lake"
fi

# From here on stop.sh can find it.
{
	echo "dir=$STAGE"
	echo "user=${USER_CREATED:+$TEST_USER}"
} > "$state"
give_up()
{
	tail -n 30 "$STAGE/log/server.log" 2>/dev/null >&2
	echo "make demo: $*" >&2
	demo/stop.sh > /dev/null
	exit 1
}

password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
(umask 077; echo "$password" > "$STAGE/password")
[ "$(id -u)" != 0 ] || chown "$TEST_USER:" "$STAGE/password"
as_user initdb --pgdata=../data --username=demo --pwfile=../password --auth-local=trust \
	--auth-host=scram-sha-256 --no-locale --encoding=UTF8 --no-sync > "$STAGE/log/initdb" 2>&1 ||
	give_up "initdb failed: $(tail -3 "$STAGE/log/initdb")"
rm "$STAGE/password"
{
	stage_conf demo
	# policies, the worker for keys, and COPY in our formats from the first statement on
	echo "shared_preload_libraries = 'lakehouse'"
	# for change streams
	echo "wal_level = logical"
	echo "listen_addresses = '127.0.0.1'"
	echo "unix_socket_directories = '$STAGE/socket'"
	echo "unix_socket_permissions = 0700"
} >> "$STAGE/data/postgresql.conf"

# A port that is free now may be taken a moment later: then the next one.
started=
for port in $(shuf -i 20000-32000 -n 20); do
	if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
		continue
	fi
	as_user pg_ctl --silent --wait --pgdata=../data --log=../log/server.log -o "-p $port" start \
		> /dev/null 2>&1 && { started=yes; break; }
	grep -q 'Address already in use' "$STAGE/log/server.log" || break
done
[ -n "$started" ] || give_up "the server did not start"

# what wraps all keys is outside of the database: here a file, which the server alone may read
(umask 077; echo "{\"keys\": {\"app:1\": \"$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')\"}}" > "$STAGE/keys.json")
[ "$(id -u)" != 0 ] || chown "$TEST_USER:" "$STAGE/keys.json"

STAGE_ENV+=(PGHOST="$STAGE/socket" PGPORT="$port" PGUSER=demo LAKEHOUSE_DEMO_DATA="$STAGE/lake"
	LAKEHOUSE_DEMO_KEYS="$STAGE/keys.json" PAGER=)
cp demo/demo.sql "$STAGE/src/"
as_user createdb demo || give_up "createdb failed"
as_user psql -X -q -v ON_ERROR_STOP=1 -d demo -f demo.sql || give_up "demo.sql failed"

# The stage outlives this script.
trap - EXIT
cat <<EOF

The server is running, with its files in $STAGE. Look around:

    psql "postgresql://demo:$password@127.0.0.1:$port/demo"

or, as the same user or root, without a password:

    psql -h $STAGE/socket -p $port -U demo demo

"make demo-stop" removes all of it.
EOF
