#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# bench-eviction.sh PROGRAMS OUT [SCALE TRANSACTIONS] - record the traces of SQLite
# for bench-eviction in OUT, unless they are there: TPC-C, and analytical queries
#
# What is recorded is the same each time: the data and what is asked are of a
# seed, one process asks, the transactions are counted, and the pool has all
# pages before it is traced.

set -e
programs=$1
out=$2
scale=${3-full}
transactions=${4-20000}
ORIEL_DIR=$(mktemp -d "${ORIEL_DIR:-/dev/shm}/bench-eviction-XXXXXX")
export ORIEL_DIR
trap 'rm -rf "$ORIEL_DIR"' EXIT

if ! test -s "$out/tpcc.trace"; then
  echo "recording TPC-C"
  "$programs/oriel-tpcc" --load-only --warehouses=1 --scale="$scale" \
      --seed=1 --quiet --db="$out/tpcc.db" >/dev/null
  rm -f "$out/tpcc.tmp"         # a trace is appended to
  set -- "$programs/oriel-tpcc" --run-only --seconds=100 --seed=1 --quiet \
    --pool=bench --pool-size=192M --cache-size=100 --db="$out/tpcc.db"
  "$@" --warm --transactions=1 >/dev/null
  ORIEL_TRACE="$out/tpcc.tmp" "$@" --transactions="$transactions" >/dev/null
  rm -f "$out/tpcc.db" "$out/tpcc.db-wal" "$out/tpcc.db-shm"
  mv "$out/tpcc.tmp" "$out/tpcc.trace"
fi
if ! test -s "$out/queries.trace"; then
  echo "recording analytical queries"
  "$programs/bench-eviction" ${3:+--quick} --record "$out/queries.tmp"
  mv "$out/queries.tmp" "$out/queries.trace"
fi
