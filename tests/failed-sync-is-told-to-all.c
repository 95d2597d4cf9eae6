/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sync that failed is told to every process, by sync and checkpoint, until all
 * have closed the file; a write that failed is, until it has been made good,
 * whoever's it was: write-back's, too.
 */
#include "util.h"

#include "sys.h"

static int (*real_fdatasync) (int);
static ssize_t (*real_pwritev) (int, const struct iovec *, int, off_t);
static oriel_pool *pool;
static oriel_file *file;
static unsigned failed;

static int
fail_fdatasync (int fd)
{
  (void) fd;
  failed++;
  return -EIO;
}

static ssize_t
fail_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  (void) fd, (void) iov, (void) n, (void) at;
  failed++;
  return -ENOSPC;
}

static void
see (void *arg, const oriel_file_info *info)
{
  *(uint64_t *) arg = info->error;
}

static int
error_of (oriel_pool *p)
{
  uint64_t error = 12345;

  must (oriel_pool_files (p, see, &error), "oriel_pool_files");
  return (int) error;
}

static void
attach (void)
{
  oriel_options opt = test_options ();

  pool = must_open_pool ("test", &opt);
  file = must_open_file (pool, scratch_file ("data"), ORIEL_CREATE);
}

enum { SYNC_FAILS, CHECKPOINT_FAILS, WRITE_FAILS };

/* By the call, in a process of its own. */
static int
another_fails (void *arg)
{
  int how = *(int *) arg;
  int r;

  attach ();
  if (how == WRITE_FAILS) {
    orl_sys.pwritev = fail_pwritev;
    for (int i = 0; i < 2; i++) /* the second finds the pool idle */
      r = oriel_writeback (pool, NULL);
    orl_sys.pwritev = real_pwritev;
    if (r != -ENOSPC)
      return 1;
    must (oriel_file_abandon (file), "abandon");
  } else {
    orl_sys.fdatasync = fail_fdatasync;
    r = how == SYNC_FAILS ? oriel_sync (file)
                          : oriel_checkpoint (pool, NULL, NULL);
    orl_sys.fdatasync = real_fdatasync;
    if (r != -EIO || failed != 1)
      return 2;
    must (oriel_file_close (file), "close");
  }
  must (oriel_pool_close (pool), "close");
  return 0;
}

int
main (void)
{
  static const char *const name[] = { "sync", "checkpoint" };
  uint64_t lsn;

  real_fdatasync = orl_sys.fdatasync;
  real_pwritev = orl_sys.pwritev;
  pool_dir ();
  scratch ();
  for (int how = SYNC_FAILS; how <= CHECKPOINT_FAILS; how++) {
    attach ();
    stamp_page (pool, file, 5, 1);
    is_int (error_of (pool), 0, "no error yet");
    is_int (in_child (another_fails, &how), 0, name[how]);
    diag ("fails in another process");
    is_int (error_of (pool), EIO, "the file's error says so");
    stamp_page (pool, file, 6, 1);
    is_rc (oriel_flush (file), 0, "what can be written still is");
    for (int i = 0; i < 2; i++) {
      is_rc (oriel_sync (file), -EIO, "sync");
      ok (strstr (oriel_error (), "data") && strstr (oriel_error (), "earlier"),
          "the text: %s", oriel_error ());
      is_rc (oriel_checkpoint (pool, file, &lsn), -EIO, "checkpoint");
      is_rc (oriel_checkpoint (pool, NULL, &lsn), -EIO, "of all files");
    }
    must (oriel_file_close (file), "close");
    file = must_open_file (pool, scratch_file ("data"), 0);
    is_int (error_of (pool), 0, "opened anew, it is another matter");
    is_rc (oriel_sync (file), 0, "sync");
    is_rc (oriel_checkpoint (pool, file, &lsn), 0, "checkpoint");
    must (oriel_file_close (file), "close");
    must (oriel_pool_close (pool), "close");
  }

  attach ();
  stamp_page (pool, file, 7, 2);
  is_int (in_child (another_fails, &(int) { WRITE_FAILS }), 0,
          "write-back fails in another process");
  is_int (error_of (pool), ENOSPC, "the file's error says so");
  is_int ((long long) get_stats (pool).frames_dirty, 1, "its page is dirty");
  orl_sys.pwritev = fail_pwritev;
  for (int i = 0; i < 2; i++) {
    is_rc (oriel_sync (file), -ENOSPC, "sync");
    is_rc (oriel_checkpoint (pool, file, &lsn), -ENOSPC, "checkpoint");
    is_rc (oriel_file_close (file), -ENOSPC, "close");
  }
  orl_sys.pwritev = real_pwritev;
  is_int (error_of (pool), ENOSPC, "it stays");
  is_rc (oriel_sync (file), 0, "until it is made good");
  is_int (error_of (pool), 0, "then it goes");
  must (oriel_file_close (file), "close");
  must (oriel_pool_close (pool), "close");
  return done_testing ();
}
