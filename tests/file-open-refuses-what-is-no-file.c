/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel_file_open() of what can't be opened, or is no file, says why. */
#include "util.h"

static oriel_pool *pool;

static void
fails (const char *path, unsigned flags, int rc, const char *what)
{
  oriel_file *file = (oriel_file *) &pool;

  is_rc (oriel_file_open (pool, path, flags, &file), rc, what);
  ok (file == (oriel_file *) &pool, "the output is left alone");
  if (path && *path)
    ok (strstr (oriel_error (), path) != NULL, "the text names it: %s",
        oriel_error ());
}

int
main (void)
{
  const char *path = scratch_file ("data");
  oriel_file *file;

  pool = test_pool ();
  if (mkfifo (scratch_file ("fifo"), 0600) < 0)
    bail_out ("mkfifo: %s", strerror (errno));
  fails (path, 0, -ENOENT, "a file that is missing");
  fails (path_in (path, "sub"), ORIEL_CREATE, -ENOENT, "its directory, too");
  is_rc (oriel_file_open (pool, path, ORIEL_CREATE | ORIEL_EXCL, &file), 0,
         "ORIEL_CREATE | ORIEL_EXCL makes one");
  must (oriel_file_close (file), "oriel_file_close");
  fails (path, ORIEL_CREATE | ORIEL_EXCL, -EEXIST, "but not twice");
  fails (path_in (path, "sub"), 0, -ENOTDIR, "a file as a directory");
  fails (scratch (), 0, -EISDIR, "a directory");
  fails (scratch (), ORIEL_RDONLY, -EISDIR, "a directory, read-only");
  fails (scratch_file ("fifo"), 0, -EINVAL, "a fifo, without waiting");
  fails (scratch_file ("fifo"), ORIEL_RDONLY, -EINVAL, "a fifo, read-only");
  fails ("/dev/null", 0, -EINVAL, "a character device");
  if (access ("/dev/loop0", R_OK) == 0)
    fails ("/dev/loop0", ORIEL_RDONLY, -EINVAL, "a block device");
  fails ("", 0, -ENOENT, "an empty name");
  fails (path, 0x80000000, -EINVAL, "an unknown flag");
  fails (path, ORIEL_ATTACH, -EINVAL, "a flag of pools");
  fails (NULL, 0, -EINVAL, "no name");
  is_int ((long long) get_stats (pool).files, 1, "one file is known");
  is_rc (oriel_pool_close (pool), 0, "nothing is left open");
  return done_testing ();
}
