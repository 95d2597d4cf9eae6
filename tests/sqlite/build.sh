#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# build.sh DIRECTORY - SQLite's test programs, each on Oriel and on stock
#
# For make check-sqlite, which sets top_srcdir, top_builddir, CC and VFS_SOURCES.
# In DIRECTORY there will be
#   sqlite3-VERSION/    Debian's source, patched as Debian does
#   source              a link to it
#   make/               where SQLite's own Makefile is at work
#   oriel/, stock/      testfixture fuzzcheck kvtest mptester speedtest1
#                       threadtest3
# What is there and not older than its source is not made again.

: "${top_srcdir:=.}" "${top_builddir:=.}" "${CC:=gcc}"

say ()
{
  printf '# %s\n' "$*"
}

die ()
{
  say "$*" >&2
  exit 1
}

# fetch_source: apt-get source, by a configuration of our own that has the
# deb-src entries which the system's lacks: one for each entry of the system's
# that is the distribution's (it names a suite of this release).
fetch_source ()
{
  apt=$PWD/apt
  # shellcheck source=/dev/null
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  rm -rf "$apt"
  mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial"
  cat /etc/apt/sources.list.d/*.sources 2> /dev/null \
    | awk -v suite="$release" 'BEGIN { RS = ""; ORS = "\n\n" }
        $0 ~ "Suites:[^\n]*[ :]" suite "[-/ \n]" {
          sub (/Types:[^\n]*/, "Types: deb-src"); print }' \
    > "$apt/sources/from.sources"
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null \
    | sed -nE "s/^deb (.* $release([-\/][a-z]*)? )/deb-src \1/p" \
    > "$apt/sources/from.list"
  set -- -q -o Dir::Etc::sourcelist=/dev/null \
    -o Dir::Etc::sourceparts="$apt/sources" \
    -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=2 \
    -o Acquire::http::Timeout=30
  apt-get "$@" update && apt-get "$@" source sqlite3
}

# compile PROGRAM COMMAND...: into make/PROGRAM.objects, if that is not done
compile ()
{
  [ -e "make/$1.objects/libraries" ] && return
  program=$1
  say "compiling $program"
  shift
  (cd make && "$@") > "compile-$program.log" 2>&1 \
    || { tail -n 20 "compile-$program.log"; die "cannot compile $program"; }
}

# as_theirs PROGRAM: by the rules of SQLite's Makefile
as_theirs ()
{
  compile "$1" make -s "$1" CFLAGS="-O1 -g" OPTS="$options" \
    LTLINK="sh $here/compile.sh \$(TCC)"
}

# by_hand PROGRAM SOURCE...: theirs would compile SQLite for each.  Direct
# reads of overflow pages are for kvtest: its blobs go past SQLite's cache.
by_hand ()
{
  program=$1
  shift
  # shellcheck disable=SC2086
  compile "$program" sh "$here/compile.sh" "$CC" -O2 -g -I. -I"$source/src" \
    -DSQLITE_THREADSAFE=1 -DSQLITE_DIRECT_OVERFLOW_READ $options \
    "$@" -o "$program" -ldl -lm
}

# hooks WHICH: what is linked in beside SQLite, into make/WHICH.hooks
hooks ()
{
  rm -rf "make/$1.hooks"
  if [ "$1" = stock ]; then
    sh "$here/compile.sh" "$CC" -O1 -g -DORL_STOCK -Imake \
      "$here/hooks.c" -o make/hooks
  else
    files=
    for file in $VFS_SOURCES; do
      files="$files $top_srcdir/$file"
    done
    # shellcheck disable=SC2086
    sh "$here/compile.sh" "$CC" -O2 -g -pthread -std=gnu11 -D_GNU_SOURCE \
      -DSQLITE_CORE -Imake -I"$source/src" -I"$top_srcdir/include" \
      -I"$top_srcdir/vfs" -Dsqlite3_log=orl_test_log \
      -Doriel_read=orl_test_read -Doriel_write=orl_test_write \
      -Doriel_copy=orl_test_copy -Doriel_flush=orl_test_flush $files -o make/vfs \
      && sh "$here/compile.sh" "$CC" -O1 -g -std=gnu11 -D_GNU_SOURCE -Imake \
        -I"$top_srcdir/include" "$here/hooks.c" -o make/hooks \
      && mv make/vfs.objects/*.o make/hooks.objects
  fi || die "cannot compile the VFS"
  mv make/hooks.objects "make/$1.hooks"
}

# link_all PROGRAM [OBJECT]: on stock and on Oriel
link_all ()
{
  # shellcheck disable=SC2046
  for which in stock oriel; do
    "$top_builddir/libtool" --silent --tag=CC --mode=link "$CC" -g -pthread \
      -static -o "$which/$1" "make/$1.objects"/*.o ${2+"$2"} \
      make/$which.hooks/*.o $([ $which = stock ] \
        || echo "$top_builddir/liboriel.la") \
      $(cat "make/$1.objects/libraries") -ldl \
      || die "cannot link $which/$1"
  done
}

case $top_srcdir$top_builddir in
  /*) ;;
  *) die "top_srcdir and top_builddir must be absolute" ;;
esac
here=$top_srcdir/tests/sqlite
mkdir -p "$1" && cd "$1" || exit
for command in apt-get dpkg-source patch tclsh; do
  command -v $command > /dev/null || die "no $command here"
done

if [ ! -e source/VERSION ]; then
  say "fetching the source"
  # .ci/run knows these words.
  fetch_source > fetch.log 2>&1 \
    || { cat fetch.log; die "the source cannot be fetched"; }
  # Only what dpkg-source has unpacked is a directory.
  ln -sfn "$(basename sqlite3-*/)" source
fi
source=$PWD/source

# Their page size by default is upstream's: Debian's would fail io-5.5.
options="-DSQLITE_EXTRA_INIT=orl_test_init -DSQLITE_MAX_DEFAULT_PAGE_SIZE=8192"
if [ ! -e make/sqlite3.c ]; then
  say "configuring"
  mkdir -p make
  (cd make && "$source/configure" --disable-shared --disable-readline \
    && make -s sqlite3.c) > configure.log 2>&1 \
    || { tail -n 20 configure.log; die "cannot configure"; }
fi
as_theirs testfixture
as_theirs fuzzcheck
by_hand sqlite3 sqlite3.c
by_hand kvtest "$source/test/kvtest.c"
by_hand mptester "$source/mptest/mptest.c"
by_hand speedtest1 "$source/test/speedtest1.c"
by_hand threadtest3 "$source/test/threadtest3.c" "$source/src/test_multiplex.c"

say "linking"
mkdir -p stock oriel
hooks stock
hooks oriel
link_all testfixture
link_all fuzzcheck
for program in kvtest mptester speedtest1 threadtest3; do
  link_all $program make/sqlite3.objects/sqlite3.o
done
