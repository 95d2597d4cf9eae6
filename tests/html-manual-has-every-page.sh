#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# make html: each manual page becomes a page of HTML, the index names all of
# them, and every link leads to a file that is there.
. "${top_srcdir:-.}/tests/tap.sh"

command -v mandoc > /dev/null || skip_all "mandoc is missing"

out=$scratch/html
pages=$(cd "$top_srcdir" && ls man/*.[1-8])
# shellcheck disable=SC2086
ok 'the manual is made' sh "$top_srcdir/man/html.sh" "$top_srcdir" "$out" $pages

# is_whole PAGE: it has a text, and the index names it, with what it is about
is_whole ()
{
  grep -q '>DESCRIPTION<' "$out/$1.html" || return
  grep -q "<a href=\"$1.html\">" "$out/index.html" || return
  grep -A 1 "<a href=\"$1.html\">" "$out/index.html" | grep -q '<dd>..*</dd>'
}

for page in $pages; do
  ok "${page#man/}" is_whole "${page#man/}"
  ok "${page#man/} is one that make knows" \
    grep -q "$page\([[:space:]]\|\$\)" "$top_srcdir/man/local.mk" \
    "$top_srcdir/bench/local.mk" "$top_srcdir/tools/local.mk"
done

# dead: links within the manual to what is not there
dead ()
{
  cd "$out" || exit
  for file in *.html; do
    grep -o '\(href\|src\)="[^"#][^"]*"' "$file" \
      | sed 's/[^"]*"//; s/["#].*//' | grep -v '^https\{0,1\}:' | sort -u \
      | while read -r link; do
          [ -e "$link" ] || echo "$file: $link"
        done
  done
}

is "$(dead)" '' 'every link leads somewhere'
ok 'pages have links to each other' \
  grep -q '<a href="oriel_unpin.3.html">\|<a href="oriel_dirty.3.html">' \
  "$out/oriel_pin.3.html"
if command -v cmark-gfm > /dev/null; then
  ok 'README.md is a page, with tables' grep -q '<table>' "$out/README.html"
else
  ok 'the index does without README.md' \
    sh -c '! grep -q README.html "$1"' - "$out/index.html"
fi
mkdir "$scratch/bin"
ok 'without mandoc it says what is missing' sh -c \
  'PATH=$1 /bin/sh "$2/man/html.sh" "$2" "$1/x" man/oriel.7 2>&1 \
     | /bin/grep -q "needs mandoc"' - "$scratch/bin" "$top_srcdir"
done_testing
