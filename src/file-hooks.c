/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file-hooks.c - set what is done to a file's pages after reading and before
 * writing
 *
 * The id of the hooks goes into the file's record, then clean pages that came
 * in without them are made STALE.  A frame that became LOADING before that look
 * is seen by it, and who loads into one that became so after it finds the id
 * (hooks.h).  A stranger, if we die between: leaves it; `hooked' is not set, so
 * the next who sets the hooks looks again.
 *
 * Locks: file_lock.
 */
#include <errno.h>

#include "error.h"
#include "file-record.h"
#include "file.h"
#include "load.h"
#include "point.h"
#include "seen.h"

/* What was set holds now, if it may be changed.  Under file_lock. */
static int
change (const struct orl_shm *shm, const struct oriel_file *file, uint64_t id)
{
  struct orl_frec *rec = file->rec;
  uint64_t old = atomic_load (&rec->hooks);

  if (old == id && atomic_load (&rec->hooked))
    return 0;
  if (old != id && old != 0
      && (orl_file_is_open_elsewhere (shm, file->index)
          || orl_file_has_dirty_pages (shm, file->index)))
    return orl_fail (-EBUSY,
                     "%s: its pages go through hooks (id 0x%llx), and another "
                     "process has it open, or the pool has dirty pages of it; "
                     "flush it with those, and close it elsewhere",
                     file->path, (unsigned long long) old);
  atomic_store (&rec->hooked, 0);
  ORL_POINT ("hooks.begun");
  atomic_store (&rec->hooks, id);
  ORL_POINT ("hooks.named");
  orl_seen_drop_clean (shm, file->index);
  ORL_POINT ("hooks.dropped");
  atomic_store (&rec->hooked, 1);
  return 0;
}

int
orl_file_hooks (struct orl_thread *me, struct oriel_file *file,
                const oriel_hooks *hooks)
{
  uint64_t id = hooks ? hooks->id : 0;
  int r;

  /* What the ring reads is looked at with the hooks that there were. */
  orl_load_drain (me, file);
  orl_file_lock (me);
  r = change (&me->pool->shm, file, id);
  if (r == 0)
    {
      /* The id comes last: who makes room may be about to write the file. */
      file->hooks.arg = hooks ? hooks->arg : NULL;
      file->hooks.after_read = hooks ? hooks->after_read : NULL;
      file->hooks.before_write = hooks ? hooks->before_write : NULL;
      __atomic_store_n (&file->hooks.id, id, __ATOMIC_SEQ_CST);
    }
  orl_file_unlock (me);
  return r;
}
