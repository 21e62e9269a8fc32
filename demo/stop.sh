#!/bin/bash
#
# stop.sh: stop the server of demo.sh and remove its files, and its user when
# demo.sh made it.
. "$(dirname "$0")/../test/lib/common.sh"

state=build/demo.state
if ! [ -e "$state" ]; then
	echo "There is no demo to stop."
	exit 0
fi
dir=$(sed -n 's/^dir=//p' "$state")
user=$(sed -n 's/^user=//p' "$state")
case $dir in
	/tmp/lakehouse-demo.??????) ;;
	*) echo "$state is not what demo.sh wrote" >&2; exit 1 ;;
esac

if [ -e "$dir/data/postmaster.pid" ]; then
	pid=$(head -1 "$dir/data/postmaster.pid")
	if [ "$(readlink "/proc/$pid/cwd")" = "$dir/data" ]; then
		kill -INT "$pid"
		for _ in $(seq 100); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		if kill -0 "$pid" 2>/dev/null; then
			echo "the server (process $pid) does not stop" >&2
			exit 1
		fi
	fi
fi
rm -rf "$dir" || exit 1
[ -z "$user" ] || userdel "$user" || exit 1
rm "$state"
echo "The demo is gone."
