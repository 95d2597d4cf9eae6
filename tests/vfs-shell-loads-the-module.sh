# SPDX-License-Identifier: BSD-2-Clause
#
# The stock sqlite3 shell loads the module and runs a real schema through it;
# the stock shell alone then finds the database good.  The module is not the
# default VFS unless the environment says so.
. "${top_srcdir:-.}/tests/tap.sh"

module=$top_builddir/.libs/oriel_vfs
command -v sqlite3 > "$scratch/which" || skip_all "there is no sqlite3 shell"
[ -z "${ORIEL_SANITIZER-}" ] \
  || skip_all "a sanitized module does not load into a shell that is not"
# The class byte of an ELF file: 1 for 32 bits, 2 for 64.
class ()
{
  od -An -tu1 -j4 -N1 "$1" | tr -d ' '
}
[ "$(class "$module.so")" = "$(class "$(command -v sqlite3)")" ] \
  || skip_all "the sqlite3 shell is of another architecture"

pools=$(mktemp -d /dev/shm/oriel-test-XXXXXX) || exit 99
trap 'rm -rf "$scratch" "$pools"' EXIT
ORIEL_DIR=$pools
ORIEL_POOL_SIZE=8M
export ORIEL_DIR ORIEL_POOL_SIZE

# through NAME: run the SQL of stdin on database NAME, through the module
through ()
{
  {
    echo ".bail on"
    echo ".load $module"
    echo ".open file:$scratch/$1?vfs=oriel&window=1M&slot=16K"
    cat
  } | sqlite3
}

cat > "$scratch/schema.sql" << 'EOF'
PRAGMA foreign_keys = ON;
CREATE TABLE customer (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  email TEXT UNIQUE,
  CHECK (length (name) > 0)
);
CREATE TABLE product (
  sku TEXT PRIMARY KEY,
  price INTEGER NOT NULL,
  stock INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE purchase (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  customer INTEGER NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
  at TEXT NOT NULL
);
CREATE TABLE line (
  purchase INTEGER NOT NULL REFERENCES purchase (id) ON DELETE CASCADE,
  sku TEXT NOT NULL REFERENCES product (sku),
  n INTEGER NOT NULL,
  PRIMARY KEY (purchase, sku)
) WITHOUT ROWID;
CREATE INDEX purchase_customer ON purchase (customer, at);
CREATE INDEX product_price ON product (price) WHERE stock > 0;
CREATE TRIGGER line_takes_stock AFTER INSERT ON line BEGIN
  UPDATE product SET stock = stock - new.n WHERE sku = new.sku;
END;
CREATE VIEW turnover AS
  SELECT c.name, sum (l.n * p.price) AS total
  FROM customer c JOIN purchase o ON o.customer = c.id
  JOIN line l ON l.purchase = o.id JOIN product p USING (sku)
  GROUP BY c.id;
BEGIN;
WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 2000)
  INSERT INTO customer
  SELECT x, 'customer ' || x, 'c' || x || '@example.org' FROM c;
WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 500)
  INSERT INTO product SELECT printf ('P%05d', x), x * 7 % 1000 + 1, 10000
  FROM c;
WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 5000)
  INSERT INTO purchase (customer, at)
  SELECT x * 31 % 2000 + 1, date ('2020-01-01', '+' || (x % 900) || ' days')
  FROM c;
INSERT INTO line SELECT id, printf ('P%05d', id * 17 % 500 + 1), id % 5 + 1
  FROM purchase;
INSERT INTO line SELECT id, printf ('P%05d', (id * 17 + 3) % 500 + 1), 1
  FROM purchase WHERE id % 2;
COMMIT;
DELETE FROM customer WHERE id % 10 = 0;
ALTER TABLE product ADD COLUMN note TEXT;
UPDATE product SET note = hex (zeroblob (price)) WHERE stock < 9990;
VACUUM;
ANALYZE;
EOF

summary='SELECT count (*), sum (total) FROM turnover;
SELECT sum (stock), sum (length (note)) FROM product;
SELECT count (*), max (id) FROM purchase;'

for journal in delete wal; do
  db=shop-$journal.db
  ok "$journal: the schema runs through the module" \
    through $db << EOF
PRAGMA journal_mode = $journal;
$(cat "$scratch/schema.sql")
EOF
  ok "$journal: and through SQLite's own VFS" \
    sqlite3 -bail "$scratch/stock.db" ".read $scratch/schema.sql"
  want=$(echo "$summary" | sqlite3 "$scratch/stock.db")
  is "$(echo "$summary" | through $db)" "$want" "$journal: read through it"
  is "$(echo "$summary" | sqlite3 "$scratch/$db")" "$want" \
    "$journal: read by the stock shell"
  is "$(echo 'PRAGMA integrity_check; PRAGMA foreign_key_check;' \
    | sqlite3 "$scratch/$db")" ok "$journal: integrity_check, stock shell"
  rm -f "$scratch/stock.db"
done

ok "the pool was used" test -e "$pools/oriel-sqlite-$(id -u)"

default_vfs ()
{
  printf '.load %s\n.open %s\n.vfsname\n' "$module" "$scratch/plain.db" \
    | sqlite3
}
is "$(default_vfs)" unix "a plain name uses SQLite's own VFS"
is "$(ORIEL_VFS_DEFAULT=1 default_vfs)" oriel/unix \
  "unless ORIEL_VFS_DEFAULT says otherwise"
is "$(ORIEL_VFS_DEFAULT=0 default_vfs)" unix "0 is no"

done_testing
