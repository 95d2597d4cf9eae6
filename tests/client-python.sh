# SPDX-License-Identifier: BSD-2-Clause
#
# Python's sqlite3: load_extension(), or ctypes where Python was built without;
# then a URI.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/client.sh"

client python3
python3 -c 'import sqlite3' 2> /dev/null \
  || skip_all "this Python has no sqlite3 module"
# python3 may be a script that chooses one.
python3 -c '
import os, struct, sys
with open(os.environ["module"] + ".so", "rb") as f:
    sys.exit(f.read(5)[4] * 4 != struct.calcsize("P"))' \
  || skip_all "this Python is of another architecture than the module"

cat > "$scratch/client.py" << 'EOF'
import os, sqlite3, sys

way, database = sys.argv[1:3]
module = os.environ["module"]
loader = sqlite3.connect(":memory:")
if way == "extension":
    loader.enable_load_extension(True)
    loader.load_extension(module)
else:
    # The library that Python's own module has loaded, by its name.
    import ctypes
    lib = ctypes.CDLL("libsqlite3.so.0")
    db = ctypes.c_void_p()
    assert lib.sqlite3_open(b":memory:", ctypes.byref(db)) == 0
    assert lib.sqlite3_enable_load_extension(db, 1) == 0
    assert lib.sqlite3_load_extension(db, module.encode(), None, None) == 0
db = sqlite3.connect("file:%s?vfs=oriel" % database, uri=True)
db.executescript(sys.stdin.read())
print(db.execute("PRAGMA oriel_status").fetchone()[0].split()[0],
      db.execute("SELECT count(*) FROM t").fetchone()[0],
      # Only a connection opened after the loading has the tables.
      db.execute("SELECT count(*) > 0 FROM oriel_pages").fetchone()[0],
      db.execute("PRAGMA integrity_check").fetchone()[0])
EOF

python ()
{
  fill "$1" | "$program" "$scratch/client.py" "$way" "$2"
}

# python_that TEXT: the first Python for which it succeeds.
python_that ()
{
  for program in python3 /usr/bin/python3; do
    if "$program" -c "$1" 2> /dev/null; then
      echo "$program"
      return
    fi
  done
}

program=$(python_that 'import sqlite3
sqlite3.connect(":memory:").enable_load_extension(True)')
if [ -n "$program" ]; then
  way=extension
  both_modes python "load_extension()"
else
  skip "this Python was built without enable_load_extension()"
fi
program=$(python_that 'import _sqlite3, ctypes
assert "libsqlite3.so.0" in open("/proc/self/maps").read()')
if [ -n "$program" ]; then
  rm -f "$scratch"/python-*.db*
  way=ctypes
  both_modes python "ctypes"
else
  skip "this Python has a libsqlite3 of its own inside"
fi

done_testing
