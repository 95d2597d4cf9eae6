# SPDX-License-Identifier: BSD-2-Clause
#
# client.sh - for tests of programs that use SQLite, after tap.sh
#
# Each test has a client load the module, fill a database through it in each
# journal mode, and say what it sees:
#   the first word of PRAGMA oriel_status, "pool" if the pool is used,
#   the number of rows, and whether oriel_pages has some,
#   PRAGMA integrity_check
# in one line, as "pool 1000 1 ok".  Then a client without the module has to
# find the same rows.

module=$(cd "$top_builddir" && pwd)/.libs/oriel_vfs

# client COMMAND: the test is about it, or is left out.
client ()
{
  command -v "$1" > "$scratch/which" || skip_all "there is no $1"
  [ -e "$module.so" ] || skip_all "there is no module"
  [ -z "${ORIEL_SANITIZER-}" ] \
    || skip_all "a sanitized module does not load into a program that is not"
  # The class byte of an ELF file: 1 for 32 bits, 2 for 64.  What is no ELF file
  # (a wrapper script) is believed to fit.
  program=$(readlink -f "$(cat "$scratch/which")")
  if [ "$(elf 1 3 "$program")" = ELF ] \
    && [ "$(elf 4 1 "$program" | od -An -tu1)" \
      != "$(elf 4 1 "$module.so" | od -An -tu1)" ]; then
    skip_all "$1 is of another architecture than the module"
  fi
  pools=$(mktemp -d /dev/shm/oriel-test-XXXXXX 2> /dev/null) \
    || pools=$(mktemp -d "$scratch/pools-XXXXXX")
  trap 'rm -rf "$scratch" "$pools"' EXIT
  ORIEL_DIR=$pools
  ORIEL_POOL_SIZE=4M
  export ORIEL_DIR ORIEL_POOL_SIZE module
}

elf ()
{
  dd if="$3" bs=1 skip="$1" count="$2" 2> /dev/null
}

# What every client runs; $1 is the journal mode.
fill ()
{
  cat << EOF
PRAGMA journal_mode = $1;
CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO t SELECT i, zeroblob (i) FROM n;
DELETE FROM t WHERE id % 10 = 0;
EOF
}

# The number that all have to see.
rows=900

# stock_agrees DATABASE: without the module.
stock_agrees ()
{
  if command -v sqlite3 > /dev/null; then
    is "$(sqlite3 "$1" 'SELECT count(*) FROM t; PRAGMA integrity_check')" \
      "$rows
ok" "the sqlite3 shell, without the module, finds the rows"
  else
    skip "there is no sqlite3 shell"
  fi
}

# both_modes FUNCTION WHAT: in each journal mode, FUNCTION MODE DATABASE prints
# the line.
both_modes ()
{
  for mode in delete wal; do
    database=$scratch/$1-$mode.db
    is "$($1 $mode "$database" 2>&1)" "pool $rows 1 ok" "$2, $mode"
    stock_agrees "$database"
  done
}
