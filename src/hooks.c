/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hooks.c - call an engine's hooks
 *
 * What is read passes here before its frame is VALID, on each of the ways that
 * a page comes in (load.c, load-async.c); what is written, as a private copy,
 * when its frame is WRITING (flush-chunk.c).  The file's record names the hooks
 * that its pages want; who has others is refused.
 *
 * Locks: none.
 */
#include <errno.h>

#include "error.h"
#include "hooks.h"
#include "sys.h"

int
orl_hooks_check (const struct oriel_file *file)
{
  uint64_t wanted = atomic_load (&file->rec->hooks);

  if (wanted == file->hooks.id)
    return 0;
  if (wanted == 0)
    return orl_fail (-EACCES,
                     "%s: its hooks have been ended by another process; close "
                     "it and open it again",
                     file->path);
  return orl_fail (-EACCES,
                   "%s: its pages go through hooks (id 0x%llx), which this "
                   "process has not given; see oriel_file_hooks()",
                   file->path, (unsigned long long) wanted);
}

int
orl_hooks_after_read (const struct oriel_file *file, uint64_t page, void *data,
                      uint64_t length)
{
  const oriel_hooks *h = &file->hooks;
  uint32_t size = file->pool->shm.geo.page_size;
  int r = orl_hooks_check (file);
  int was;

  if (r < 0 || !h->after_read || length == 0)
    return r;
  was = orl_cancel_off ();
  r = h->after_read (h->arg, page, data,
                     length < size ? (size_t) length : size);
  orl_cancel_back (was);
  if (r == 0)
    return 0;
  return orl_fail (-EIO,
                   "%s: page %llu is damaged, says its check after reading; "
                   "restore it from a copy, or write it anew",
                   file->path, (unsigned long long) page);
}

int
orl_hooks_before_write (const struct oriel_file *file, uint64_t page,
                        void *data, size_t length)
{
  const oriel_hooks *h = &file->hooks;
  int r = orl_hooks_check (file);
  int was;

  if (r < 0 || !h->before_write)
    return r;
  was = orl_cancel_off ();
  r = h->before_write (h->arg, page, data, length);
  orl_cancel_back (was);
  if (r == 0)
    return 0;
  /* Those two mean other things to flush-chunk.c. */
  return orl_fail (r < 0 && r != -EAGAIN && r != -EFAULT ? r : -EIO,
                   "%s: page %llu is not written: its hook refused; it stays "
                   "dirty",
                   file->path, (unsigned long long) page);
}
