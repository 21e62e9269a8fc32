#!/bin/sh
#
# setup.sh
#		Make the data of the benchmarks: TPC-H lineitem as Parquet.
#
# usage: setup.sh [DIRECTORY]
#
# DIRECTORY (default: $LH_BENCH_DATA, else lakehouse-bench under $TMPDIR or
# /tmp) gets four files of the same rows, about 620 MB in all:
#
#	lineitem_snappy.parquet			scale factor 1, 6,001,215 rows
#	lineitem_uncompressed.parquet	the same row groups, pages and encodings
#	lineitem_sf01_snappy.parquet	scale factor 0.1, 600,572 rows
#	lineitem_sf01_uncompressed.parquet
#
# tpchgen-cli is taken from PATH; where it is missing, a Python environment with
# the pinned version is made in DIRECTORY/venv.  A file that exists is kept, so
# a second run costs nothing.  The data stays outside the repository: TPC's
# texts are not ours to commit.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-${LH_BENCH_DATA:-${TMPDIR:-/tmp}/lakehouse-bench}}

mkdir -p "$dir"
chmod a+rx "$dir"

if command -v tpchgen-cli >/dev/null 2>&1; then
	tpchgen=tpchgen-cli
else
	tpchgen=$dir/venv/bin/tpchgen-cli
	if [ ! -x "$tpchgen" ]; then
		python3 -m venv "$dir/venv"
		"$dir/venv/bin/pip" install -q "$(grep '^tpchgen-cli==' "$here/../interop/requirements.txt")"
	fi
fi

# make_lineitem SCALE CODEC FILE
make_lineitem()
{
	[ -s "$dir/$3" ] && return
	echo "making $dir/$3"
	scratch=$dir/.making
	rm -rf "$scratch"
	mkdir "$scratch"
	"$tpchgen" parquet -q -s "$1" -T lineitem -c "$2" -o "$scratch"
	chmod a+r "$scratch/lineitem.parquet"
	mv "$scratch/lineitem.parquet" "$dir/$3"	# a name appears only when it is whole
	rmdir "$scratch"
}

make_lineitem 1   SNAPPY       lineitem_snappy.parquet
make_lineitem 1   UNCOMPRESSED lineitem_uncompressed.parquet
make_lineitem 0.1 SNAPPY       lineitem_sf01_snappy.parquet
make_lineitem 0.1 UNCOMPRESSED lineitem_sf01_uncompressed.parquet
