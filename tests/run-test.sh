#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run-test.sh PROGRAM - run one test, for make check
#
# Ends a test that hangs, and knows what each kind of build needs.  Tests find
# in their environment top_builddir, top_srcdir (absolute), CC, CXX, NM, and
# ORIEL_SANITIZER, which is not empty if the whole build is sanitized (a
# program that is not, as sqlite3, then cannot load the module).
#
# ORIEL_TEST_TIMEOUT  seconds after which a test ends itself
# ORIEL_VALGRIND      1: under valgrind, an error of which fails the test

slow=0
prefix=

case ${ORIEL_SANITIZER-}:$1 in
  ?*:* | *-tsan | *-asan)
    slow=1
    # gcc 12's ThreadSanitizer does not start under much address randomisation;
    # where a container refuses to turn it off, it must do.
    if setarch -R true 2> /dev/null; then
      prefix='setarch -R'
    fi ;;
esac

if [ "${ORIEL_VALGRIND:-0}" = 1 ]; then
  slow=1
  # Leaks are for LeakSanitizer (--enable-sanitizer=address): here the children
  # that tests fork would be blamed for what their parents hold.
  prefix="valgrind --quiet --error-exitcode=119 --leak-check=no"
fi

# Oriel handles SIGSEGV and SIGBUS itself, and so do its tests; what is passed on
# is to end the process by the signal.
: "${ASAN_OPTIONS=allow_user_segv_handler=1:handle_segv=0:handle_sigbus=0}"
: "${TSAN_OPTIONS=halt_on_error=1:handle_segv=0:handle_sigbus=0:second_deadlock_stack=1:die_after_fork=0:suppressions=$top_srcdir/tests/tsan-suppressions.txt}"
: "${UBSAN_OPTIONS=print_stacktrace=1}"
export ASAN_OPTIONS TSAN_OPTIONS UBSAN_OPTIONS

# For a machine that is twenty times slower, or as busy.
: "${ORIEL_TEST_TIMEOUT=$((slow ? 3600 : 600))}"
export ORIEL_TEST_TIMEOUT

# A test has its own clock; this one is for those that hang beyond it.
exec timeout --kill-after=10 "$((ORIEL_TEST_TIMEOUT + 600))" $prefix "$@"
