#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# bench-eviction's traces of SQLite are the same whenever they are recorded: page by
# page, but for the times.  What had been begun before is not in them, and nothing
# is left behind.
. "${top_srcdir:-.}/tests/tap.sh"

[ -x "$top_builddir/bench/oriel-tpcc" ] || skip_all "oriel-tpcc is not built"
[ -x "$top_builddir/bench/bench-eviction" ] \
  || skip_all "bench-eviction is not built"
[ -z "${ORIEL_SANITIZER-}" ] || skip_all "it would take a minute"
command -v python3 > /dev/null || skip_all "python3 is missing"
ORIEL_DIR=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || exit 99
export ORIEL_DIR
trap 'rm -rf "$scratch" "$ORIEL_DIR"' EXIT
[ "$(df -Pk "$ORIEL_DIR" | awk 'NR == 2 { print $4 }')" -gt 262144 ] \
  || skip_all "/dev/shm has less than 256 MiB"

# record NAME: into a directory of this name
record ()
{
  mkdir -p "$scratch/$1"
  sh "$top_srcdir/bench/bench-eviction.sh" "$top_builddir/bench" \
    "$scratch/$1" tiny 400 > "$scratch/out" 2>&1
  is $? 0 "traces are recorded: $1"
  diag < "$scratch/out"
  is "$(cd "$scratch/$1" && echo ./*)" './queries.trace ./tpcc.trace' \
    'both, and nothing else'
  is "$(ls "$ORIEL_DIR")" '' 'no pool is left'
}

record one
mkdir "$scratch/two"
cp "$scratch/one/tpcc.trace" "$scratch/two/tpcc.tmp"
cp "$scratch/one/queries.trace" "$scratch/two/queries.tmp"
record two
cat > "$scratch/read.py" << 'END'
import struct, sys
def pages(path):
    data, at, found = open(path, "rb").read(), 0, []
    while at < len(data):
        magic, order, n = struct.unpack_from("=8sII", data, at)
        assert magic == b"ORLTRC1\n" and order == 0x01020304
        at += 32
        found += struct.iter_unpack("=QQ", data[at:at + 16 * n])
        at += 16 * n
    return [page for _, page in sorted(found)]
one, two = map(pages, sys.argv[1:])
assert one == two, (len(one), len(two))
assert len(set(one)) > 300 and len(one) > 20 * len(set(one)), len(one)
END
for name in tpcc queries; do
  ok "$name.trace is the same" python3 "$scratch/read.py" \
    "$scratch/one/$name.trace" "$scratch/two/$name.trace"
done
record two
ok 'what is there is not recorded again' sh -c '! grep -q . "$1"' - "$scratch/out"
done_testing
