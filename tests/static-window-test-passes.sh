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

# The stress is had elsewhere, and what wants the machine's huge pages or its
# memory to itself does not run beside others.
parts='copying-read-needs-no-slot
  cut-pages-are-reported-and-read-again
  cut-tables-are-eio
  eviction-keeps-every-page
  fence-mode-works
  forked-child-gets-eownerdead
  forked-child-sees-what-is-pinned
  killed-pool-restarts-warm
  killed-process-is-not-alive
  lazy-slots-are-mapped-at-touch
  neighbours-are-shown-by-one-call
  pins-beyond-window-are-enobufs
  pool-works-without-newer-calls
  posix-locks-stand-in-for-ofd-locks
  signals-are-given-back
  signals-are-passed-on-as-the-kernel-would
  stray-access-is-named
  strict-windows-name-misuse
  swaps-show-the-right-page-on-each-backend
  unmapped-slots-come-back
  window-64-times-smaller-shows-every-page
  window-shows-a-pool-larger-than-the-address-space
  window-takes-slots-of-each-size
  window-trim-gives-back-and-pins-hold'

passes ()
{
  # Unquoted: it is a list.
  # shellcheck disable=SC2086
  ORIEL_QUICK=1 "$top_builddir/tests/static/window-test" $parts \
    > "$scratch/out" 2>&1 && return
  grep -B 5 -A 2 'not ok\|Bail' "$scratch/out"
  return 1
}
ok "it passes" passes
# shellcheck disable=SC2086
ok "each of the parts" grep -q "^1\.\.$(echo $parts | wc -w)\$" "$scratch/out"
ok "and says what a swap costs" grep -q 'backend mmap, .* ns a swap' \
  "$scratch/out"

done_testing
