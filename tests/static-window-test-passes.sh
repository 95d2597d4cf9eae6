# SPDX-License-Identifier: BSD-2-Clause
#
# The library compiles without a warning with musl, and the static program of
# the window's tests, made with it, passes.
. "${top_srcdir:-.}/tests/tap.sh"

command -v musl-gcc > /dev/null || skip_all "there is no musl-gcc (musl-tools)"

test -z "${ORIEL_SANITIZER-}" || skip_all "static programs take no sanitizer"

compiles ()
{
  musl-gcc -std=gnu11 -D_GNU_SOURCE= -I"$top_srcdir/include" -O1 \
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror \
    -fsyntax-only "$top_srcdir"/src/*.c
}
ok "no warning" compiles

makes ()
{
  (cd "$top_builddir" && make -s static-window-test CC=musl-gcc)
}
ok "make static-window-test" makes

# The stress is had elsewhere.
passes ()
{
  ORIEL_QUICK=1 "$top_builddir/tests/static/window-test" \
    > "$scratch/out" 2>&1 && return
  grep -B 5 -A 2 'not ok\|Bail' "$scratch/out"
  return 1
}
ok "it passes" passes
ok "and says what a swap costs" grep -q 'backend mmap, .* ns a swap' \
  "$scratch/out"

done_testing
