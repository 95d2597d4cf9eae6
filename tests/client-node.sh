# SPDX-License-Identifier: BSD-2-Clause
#
# Node's better-sqlite3, which has a SQLite of its own without URIs: it loads
# the module, which has to be the default VFS.  It is taken from where node finds
# it (NODE_PATH), or if ORIEL_NPM is 1 built from its npm package.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/client.sh"

client node
there ()
{
  node -e 'new (require ("better-sqlite3")) (":memory:")' \
    > "$scratch/output" 2>&1
}

if ! there && [ "${ORIEL_NPM:-0}" = 1 ]; then
  npm install --prefix "$scratch/npm" better-sqlite3 > "$scratch/npm.log" 2>&1
  NODE_PATH=$scratch/npm/node_modules
  export NODE_PATH
fi
there || skip_all "node has no better-sqlite3 (NODE_PATH, ORIEL_NPM=1)"

cat > "$scratch/client.js" << 'EOF'
const Database = require ("better-sqlite3");
new Database (":memory:").loadExtension (process.env.module);
const db = new Database (process.argv[2]);
const get = (sql) => Object.values (db.prepare (sql).get ())[0];
db.exec (require ("fs").readFileSync (0, "utf8"));
console.log (get ("PRAGMA oriel_status").split (" ")[0],
             get ("SELECT count(*) FROM t"),
             get ("SELECT count(*) > 0 FROM oriel_pages"),
             get ("PRAGMA integrity_check"));
EOF

better ()
{
  fill "$1" | ORIEL_VFS_DEFAULT=1 node "$scratch/client.js" "$2"
}
both_modes better "better-sqlite3"

done_testing
