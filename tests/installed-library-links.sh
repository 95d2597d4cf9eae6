#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What make install leaves is enough to build a program with: by the compiler
# and pkg-config, by CMake, by meson (examples/link).
. "${top_srcdir:-.}/tests/tap.sh"

[ -z "${ORIEL_SANITIZER-}" ] || skip_all "the library wants its sanitizer"
command -v pkg-config > "$scratch/found" || skip_all "needs pkg-config"

# relocatable: the prefix in oriel.pc is where make install would have put it
DESTDIR=$scratch/root
export DESTDIR
ok "make install" make -C "$top_builddir" install
pc=$(find "$DESTDIR" -name oriel.pc)
lib=$(dirname "$(dirname "$pc")")
unset DESTDIR

mkdir "$scratch/pc"
sed "s|=/|=$scratch/root/|" "$pc" > "$scratch/pc/oriel.pc"
PKG_CONFIG_PATH=$scratch/pc
LD_LIBRARY_PATH=$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
ORIEL_DIR=$scratch/pools
export PKG_CONFIG_PATH LD_LIBRARY_PATH ORIEL_DIR
mkdir "$ORIEL_DIR" "$scratch/run"

mkdir -p "$scratch/src/link"
cp "$top_srcdir/examples/01-pin-a-page.c" "$scratch/src"
cp "$top_srcdir/examples/link/"* "$scratch/src/link"

# runs PROGRAM: the example does what it says, beside its own files
runs ()
{
  (cd "$scratch/run" && "$1")
}

compile ()
{
  # shellcheck disable=SC2046
  $CC -o "$scratch/by-hand" "$scratch/src/01-pin-a-page.c" \
    $(pkg-config --cflags --libs oriel)
}

ok "the compiler and pkg-config link it" compile
ok "and it runs" runs "$scratch/by-hand"

by_cmake ()
{
  cmake -S "$scratch/src/link" -B "$scratch/cmake" \
    && cmake --build "$scratch/cmake"
}

if command -v cmake > "$scratch/found"; then
  ok "CMake links it" by_cmake
  ok "and it runs" runs "$scratch/cmake/pin-a-page"
else
  skip "needs cmake"
fi

by_meson ()
{
  cp "$scratch/src/01-pin-a-page.c" "$scratch/src/link" \
    && meson setup "$scratch/meson" "$scratch/src/link" \
    && meson compile -C "$scratch/meson"
}

if command -v meson > "$scratch/found"; then
  ok "meson links it" by_meson
  ok "and it runs" runs "$scratch/meson/pin-a-page"
else
  skip "needs meson"
fi
done_testing
