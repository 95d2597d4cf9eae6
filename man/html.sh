#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# html.sh SOURCE OUT PAGE... - the manual as HTML, in OUT
#
# Each PAGE, below SOURCE, becomes NAME.SECTION.html, with links to the others;
# index.html lists them; README.html is README.md, with its pictures.  mandoc
# makes the pages, cmark-gfm the README, which is left out where it is missing.

set -e
source=$1
out=$2
shift 2

command -v mandoc > /dev/null || {
  echo 'make html needs mandoc (on Debian: mandoc).' >&2
  exit 1
}

# real PAGE: the file that has its text: a page whose first line is .so stands
# for another
real ()
{
  target=$(sed -n '1s/^\.so man[0-9]\///p' "$1")
  echo "$source/man/${target:-${1##*/}}"
}

# description PAGE: what stands behind the dash of its NAME
description ()
{
  awk '/^\.SH / { inside = $2 == "NAME"; next }
       inside { text = text " " $0 }
       END { sub(/.*\\- */, "", text); print text }' "$(real "$1")" \
    | sed 's/\\-/-/g; s/\\f[BIRP]//g; s/&/\&amp;/g; s/</\&lt;/g'
}

# head TITLE
head ()
{
  cat << END
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="manual.css"><title>$1</title></head><body>
<p class="top"><a href="index.html">Oriel: the manual</a></p>
END
}

mkdir -p "$out"
rm -f "$out"/*.html
cp "$source/man/manual.css" "$out/"

# Links to pages that are there, and to no other.
links=$out/links.sed
for page; do
  name=${page##*/}
  section=${name##*.}
  name=${name%.*}
  echo "s|<b>$name</b>($section)|<a href=\"$name.$section.html\">&</a>|g"
done > "$links"

for page; do
  name=${page##*/}
  {
    head "${name%.*}(${name##*.})"
    mandoc -Thtml -Ofragment -Ios=Oriel "$(real "$source/$page")" \
      | sed -f "$links"
    echo '</body></html>'
  } > "$out/$name.html"
done
rm "$links"

readme=
if command -v cmark-gfm > /dev/null; then
  {
    head 'Oriel'
    cmark-gfm -e table "$source/README.md"
    echo '</body></html>'
  } > "$out/README.html"
  mkdir -p "$out/bench/plots"
  cp "$source"/bench/plots/*.svg "$out/bench/plots/" 2> /dev/null || :
  readme='<p><a href="README.html">README</a></p>'
else
  echo 'README.html is left out: it needs cmark-gfm.' >&2
fi

# list SECTION TITLE PAGE...
list ()
{
  section=$1
  echo "<h2>$2</h2><dl>"
  shift 2
  for page; do
    name=${page##*/}
    [ "${name##*.}" = "$section" ] || continue
    echo "<dt><a href=\"$name.html\">${name%.*}($section)</a></dt>"
    echo "<dd>$(description "$source/$page")</dd>"
  done
  echo '</dl>'
}

{
  head 'Oriel: the manual'
  echo "<h1>Oriel: the manual</h1>$readme"
  list 7 Overviews "$@"
  list 1 Programs "$@"
  list 3 'The library' "$@"
  echo '</body></html>'
} > "$out/index.html"
echo "$out/index.html"
