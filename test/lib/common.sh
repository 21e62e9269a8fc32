# common.sh: what every runner of test/run needs.  Sourced by bash.
#
# A runner is called by test/run/check with
#	LOG			file for the full output, which tally.awk counts
#	ARTIFACTS	directory for what explains a failure
# and writes for people on stdout: a line for each thing that ran, everything
# for what failed.  Called by hand it makes these two itself.

set -u -o pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$TOP" || exit 1

SUITE=$(basename "$0")
LOG=${LOG:-$TOP/build/$SUITE.log}
ARTIFACTS=${ARTIFACTS:-$TOP/build/$SUITE}
mkdir -p "$(dirname "$LOG")" "$ARTIFACTS"

# A suite which has no tests says so and counts for nothing.
nothing_here()
{
	echo "  no tests in $1"
	exit 0
}

# What the runner itself has to say about a failure or a skip, for the tally.
runner_failed()
{
	# a line of its own, even after a test that was cut off
	printf '\nRUNNER-FAILED %s\n' "$*" >> "$LOG"
	echo "RUNNER-FAILED $*"
}
runner_skipped()
{
	echo "RUNNER-SKIPPED $*" >> "$LOG"
	echo "  skipped: $*"
}

# The names given as arguments or in T, as PREFIX/NAME.SUFFIX; all of them when
# there are none.
chosen()	# PREFIX SUFFIX NAME...
{
	local prefix=$1 suffix=$2 n
	shift 2
	if [ $# -eq 0 ]; then
		for n in "$prefix"/*"$suffix"; do
			[ -e "$n" ] && echo "$n"
		done | LC_ALL=C sort
	else
		for n; do
			n=${n##*/}
			echo "$prefix/${n%$suffix}$suffix"
		done
	fi
}

# Of pg_regress's output, the lines about tests.
show_tests()
{
	grep --line-buffered -E '^(test |ok |not ok )' | sed -u 's/^/  /' || :
}

# Test scripts that died without a failed test, from the summary of prove.
prove_verdict()
{
	local line
	while read -r line; do
		runner_failed "$line"
	done < <(grep -E '^[^ ]+ +\(Wstat: .* Failed: 0\)' "$LOG")
}
