# SPDX-License-Identifier: BSD-2-Clause
#
# tap.sh - the Test Anything Protocol for tests that are shell scripts
#
#   . "${top_srcdir:-.}/tests/tap.sh"
#   ok "what is expected" COMMAND...
#   done_testing
#
# $scratch is a directory of the test's own, removed at exit.

: "${top_srcdir:=.}" "${top_builddir:=.}"

# Sorting, classes of characters and messages are the same for everyone.
LC_ALL=C
export LC_ALL

tap_run=0
tap_bad=0

scratch=$(mktemp -d "${TMPDIR:-/tmp}/oriel-test-XXXXXX") || {
  echo "Bail out! no scratch directory"
  exit 99
}
trap 'rm -rf "$scratch"' EXIT
trap 'exit 99' HUP INT TERM

# diag < TEXT: lines of explanation, shown in the log.
diag ()
{
  sed 's/^/# /'
}

# ok DESCRIPTION COMMAND...: the command ends with 0; what it prints is shown if
# it does not.
ok ()
{
  tap_what=$1
  shift
  tap_run=$((tap_run + 1))
  if "$@" > "$scratch/tap-output" 2>&1; then
    echo "ok $tap_run - $tap_what"
  else
    tap_bad=$((tap_bad + 1))
    echo "not ok $tap_run - $tap_what"
    diag < "$scratch/tap-output"
  fi
}

# is GOT WANT DESCRIPTION
is ()
{
  ok "$3" test "$1" = "$2"
  if [ "$1" != "$2" ]; then
    printf 'got:\n%s\nexpected:\n%s\n' "$1" "$2" | diag
  fi
}

# skip WHY: one test that cannot be made here.
skip ()
{
  tap_run=$((tap_run + 1))
  echo "ok $tap_run # SKIP $1"
}

# skip_all WHY: before any other test.
skip_all ()
{
  echo "1..0 # SKIP $1"
  exit 0
}

done_testing ()
{
  echo "1..$tap_run"
  [ $tap_bad -eq 0 ]
  exit
}
