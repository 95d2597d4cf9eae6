#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# bench-eviction.sh PROGRAMS OUT - record the traces of SQLite for
# bench-eviction in OUT, unless they are there: TPC-C, and analytical queries

set -e
programs=$1
out=$2

if ! test -s "$out/tpcc.trace"; then
  echo "recording TPC-C, 10 s"
  "$programs/oriel-tpcc" --load-only --warehouses=1 --seed=1 --quiet \
      --db="$out/tpcc.db" >/dev/null
  ORIEL_TRACE="$out/tpcc.tmp" "$programs/oriel-tpcc" --run-only --seconds=10 \
      --terminals=2 --seed=1 --quiet --pool-size=32M --cache-size=100 \
      --db="$out/tpcc.db" >/dev/null
  rm -f "$out/tpcc.db" "$out/tpcc.db-wal" "$out/tpcc.db-shm"
  mv "$out/tpcc.tmp" "$out/tpcc.trace"
fi
if ! test -s "$out/queries.trace"; then
  echo "recording analytical queries"
  "$programs/bench-eviction" --record "$out/queries.tmp"
  mv "$out/queries.tmp" "$out/queries.trace"
fi
