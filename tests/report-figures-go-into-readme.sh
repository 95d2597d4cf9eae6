#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# make bench-pictures: README.md gets the table of the report's figures between
# its two comments, and is else left as it was; plots go to bench/plots.  The
# README of the tree has the place, and shows pictures that are there.
. "${top_srcdir:-.}/tests/tap.sh"

command -v python3 > /dev/null || skip_all "python3 is missing"
. "$top_srcdir/tests/report-fixture.sh"
report_source=$scratch/source
mkdir "$report_source"
cat > "$report_source/README.md" << 'END'
before
<!-- figures -->
| old |
<!-- end of figures -->
after
END

report pictures > /dev/null 2> "$scratch/err"
is $? 1 'without a report it is an error'
ok 'that says what makes one' grep -q 'make bench' "$scratch/err"

report write > /dev/null
ok 'figures are put into README.md' report pictures
cp "$report_source/README.md" "$scratch/got"
is "$(head -n 1 "$scratch/got")/$(tail -n 1 "$scratch/got")" before/after \
  'what stands around them stays'
ok 'the old ones are gone' sh -c '! grep -qw old "$1"' - "$scratch/got"
ok 'a win' grep -qx \
  '| a hot page pinned, 1 thread | 11 ns | 200 ns, .*mpool, shared | 18.18 | micro |' \
  "$scratch/got"
ok 'a loss stands out' grep -qx \
  '| disk: reads at random, 32 ahead | 100/s | 220/s, fio fast | \*\*0.45\*\* | io |' \
  "$scratch/got"
ok 'what overlaps is not called a win' grep -q \
  '^| disk: a cold scan | .* | 0.77 (even) | io |$' "$scratch/got"
ok 'the date and the note stand below' \
  grep -q "^20[0-9-]*, Linux .*; not <alone>" "$scratch/got"
if command -v gnuplot > /dev/null; then
  ok 'plots are copied' grep -q '</svg>' "$report_source/bench/plots/hit.svg"
else
  skip 'gnuplot is missing'
fi
report pictures > /dev/null 2>&1
ok 'once more changes nothing' cmp "$scratch/got" "$report_source/README.md"

echo nothing > "$report_source/README.md"
report pictures > /dev/null 2> "$scratch/err"
is $? 1 'a README.md without the place is refused'
is "$(cat "$report_source/README.md")" nothing 'and left alone'

ok 'the README.md of the tree has the place' \
  grep -q '^<!-- end of figures -->$' "$top_srcdir/README.md"
shown=$(sed -n 's/.*!\[[^]]*\](\([^)]*\)).*/\1/p' "$top_srcdir/README.md")
ok 'it shows pictures' test -n "$shown"
for picture in $shown; do
  ok "$picture is there" grep -q '</svg>' "$top_srcdir/$picture"
done
done_testing
