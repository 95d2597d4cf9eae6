/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync.c - make what was written durable
 *
 * A sync that failed may have lost what was written, and the next one would not
 * say so: the kernel tells an error once.  So it is kept in the file's record,
 * where all processes see it, until the file is closed by all.
 *
 * Locks: none.
 */
#include <errno.h>

#include "error.h"
#include "ledger.h"
#include "point.h"
#include "sync.h"

#define ERRNO 0xffffu           /* in orl_frec.io_error */

int
orl_sync_check (const struct oriel_file *file)
{
  uint32_t failed = atomic_load (&file->rec->io_error) & ERRNO;

  if (failed == 0)
    return 0;
  return orl_fail (-EIO,
                   "%s: an earlier sync failed (error %u), so what it should "
                   "have made durable may be lost; close the file everywhere "
                   "and check it",
                   file->path, failed);
}

int
orl_sync_store (struct orl_thread *me, struct oriel_file *file)
{
  orl_a32 *io_error = &file->rec->io_error;
  uint32_t was = atomic_load (io_error);
  int r = file->store->ops->sync (file->store);

  ORL_POINT ("sync.done");
  orl_count (me->ledger, ORL_SYNCS, 1);
  if (r == 0)
    return orl_sync_check (file);
  while (!(was & ERRNO)
         && !atomic_compare_exchange_weak (io_error, &was,
                                           was | (uint32_t) -r))
    ;
  return orl_fail (r, "%s: sync failed", file->path);
}
