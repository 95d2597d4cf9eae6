# SPDX-License-Identifier: BSD-2-Clause
#
# bench-window measures slots of 2 MiB on hugetlbfs, and says what is copied in
# the time of a swap; it gives back the huge pages that it reserves.  Where there
# are none to be had it says so.
. "${top_srcdir:-.}/tests/tap.sh"

bench=$top_builddir/bench/bench-window
reserved=/proc/sys/vm/nr_hugepages
[ -x "$bench" ] || skip_all "built without Google Benchmark"
[ -z "${ORIEL_SANITIZER-}" ] || skip_all "nothing to measure under a sanitizer"
[ -r $reserved ] || skip_all "this kernel has no huge pages"

ORIEL_DIR=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || exit 99
export ORIEL_DIR
trap 'rm -rf "$scratch" "$ORIEL_DIR"' EXIT

before=$(cat $reserved)
ok "it ends well" "$bench" --quick --rounds 1 --out "$scratch" hugetlb
mv "$scratch/tap-output" "$scratch/out"
if grep -q '^skipped: hugetlb pages: .*nr_hugepages\|hugetlbfs .* wants root' \
  "$scratch/out"; then
  diag < "$scratch/out"
  skip "no huge pages are to be had here"
  skip "no huge pages are to be had here"
else
  ok "slots of 2 MiB are measured" \
    grep -q '^ *2M|  *[0-9.]*  *[0-9.]*|' "$scratch/out"
  ok "and held against copying" \
    grep -q 'mmap, hugetlb pages: .* copying [1-9][0-9]* KiB' "$scratch/out"
fi
is "$(cat $reserved)" "$before" "what was reserved is given back"
is "$(ls -A "$ORIEL_DIR")" '' "no pool is left behind"
done_testing
