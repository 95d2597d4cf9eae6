# SPDX-License-Identifier: BSD-2-Clause
#
# PHP: the SQLite3 class loads the module from sqlite3.extension_dir.  PDO, which
# cannot load, takes a URI then; the class itself has no URIs, so for it the
# module has to be the default VFS.
. "${top_srcdir:-.}/tests/tap.sh"
. "$top_srcdir/tests/client.sh"

client php
php -r 'exit (class_exists ("SQLite3") ? 0 : 1);' 2> /dev/null \
  || skip_all "this PHP has no SQLite3"

cat > "$scratch/client.php" << 'EOF'
<?php
[, $way, $database] = $argv;
$loader = new SQLite3(":memory:");
$loader->loadExtension("oriel_vfs.so");
$sql = stream_get_contents(STDIN);
if ($way == "pdo") {
  $db = new PDO("sqlite:file:$database?vfs=oriel");
  $db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
  $get = fn ($query) => $db->query($query)->fetchColumn();
} else {
  $db = new SQLite3($database);
  $db->enableExceptions(true);
  $get = fn ($query) => $db->querySingle($query);
}
$db->exec($sql);
echo strtok($get("PRAGMA oriel_status"), " "), " ",
  $get("SELECT count(*) FROM t"), " ",
  $get("SELECT count(*) > 0 FROM oriel_pages"), " ",
  $get("PRAGMA integrity_check"), "\n";
EOF

run_php ()
{
  php -d "sqlite3.extension_dir=${module%/*}" "$scratch/client.php" "$@"
}

pdo ()
{
  fill "$1" | run_php pdo "$2"
}

class ()
{
  fill "$1" | ORIEL_VFS_DEFAULT=1 run_php class "$2"
}

if php -r 'exit (in_array ("sqlite", PDO::getAvailableDrivers ()) ? 0 : 1);' \
  2> /dev/null; then
  both_modes pdo "PDO"
else
  skip "this PHP has no PDO driver for SQLite"
fi
both_modes class "the SQLite3 class"

done_testing
