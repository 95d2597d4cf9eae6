/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv.c - opening and closing a store
 *
 * The first process to come, after a reboot or into a new pool, makes the pages
 * what the log says; others wait for it, and take over if it dies.  Whoever comes
 * later finds all in the pool, whether those who were there still live or not.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "kv-impl.h"

/* Of what pages are like, too: it keeps those of other versions out of a pool. */
#define KV_HOOKS UINT64_C (0x6b762d78786834) /* "kv-xxh4" */

/* ------------------------------------------------------------------ */
/* What Oriel asks of us                                              */

static int
before_write (void *arg, uint64_t number, void *data, size_t length)
{
  (void) arg;
  kv_head (data)->sum = kv_sum (data, length, number + 1);
  return 0;
}

/* A page that was never written is zeroes. */
static int
after_read (void *arg, uint64_t number, void *data, size_t length)
{
  const unsigned char *p = data;

  (void) arg;
  if (length < sizeof (struct kv_head))
    return length == 0 ? 0 : -EBADMSG;
  if (p[0] == 0 && memcmp (p, p + 1, length - 1) == 0)
    return 0;
  return kv_head (p)->sum == kv_sum (data, length, number + 1) ? 0 : -EBADMSG;
}

/* Pages that the power tore are Oriel's to restore: it has them twice. */
static int
open_files (kv *store, const char *path, bool copied)
{
  oriel_hooks hooks = { .struct_size = sizeof hooks, .id = KV_HOOKS,
                        .after_read = after_read,
                        .before_write = before_write };
  oriel_file_options opt;
  char log[PATH_MAX];

  if (snprintf (log, sizeof log, "%s-log", path) >= (int) sizeof log)
    return -ENAMETOOLONG;
  store->log = open (log, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (store->log < 0)
    return -errno;
  oriel_file_options_init (&opt);
  opt.flags = ORIEL_CREATE;
  opt.torn = ORIEL_TORN_AUTO;
  opt.adopt = copied;
  KV_TRY (oriel_file_open_with (store->pool, path, &opt, &store->file));
  store->shared = (struct kv_shared *) oriel_file_words (store->file);
  KV_TRY (oriel_file_hooks (store->file, &hooks));
  return oriel_file_on_flush_log (store->file, kv_log_sync, store);
}

/* ------------------------------------------------------------------ */

/* Whoever has this lock is alone with the store, if it is new; if that one dies
 * another takes over. */
static int
recover (kv *store, uint64_t log_size)
{
  struct kv_shared *s = store->shared;
  int r = 0;

  if (s->state == KV_NEW) {
    kv_lock (store, &s->checkpoint);
    if (s->state == KV_NEW)
      r = kv_log_recover (store, log_size);
    kv_unlock (&s->checkpoint);
  }
  KV_TRY (r);
  KV_TRY (kv_take_log (store)); /* its owner may be dead */
  kv_unlock (&s->log);
  return 0;
}

int
kv_open (oriel_pool *pool, const char *path, const kv_options *opt, kv **store)
{
  kv *s;
  int r;

  if (!pool || !path || !store)
    return -EINVAL;
  s = calloc (1, sizeof *s);
  if (!s)
    return -ENOMEM;
  s->pool = pool;
  s->log = -1;
  s->size = oriel_pool_page_size (pool);
  s->self = oriel_self (pool);
  r = s->size < 1024 || s->size > KV_PAGE_MAX
          ? -EINVAL : open_files (s, path, opt && opt->copied);
  if (r == 0)
    r = recover (s, opt ? opt->log_size : 0);
  if (r == 0) {
    *store = s;
    return 0;
  }
  if (s->file)
    oriel_file_abandon (s->file);
  close (s->log);
  free (s);
  return r;
}

/* What is dirty stays in the pool, for the next; it is in the log. */
int
kv_close (kv *store)
{
  int synced = kv_sync (store);

  if (!store)
    return synced;
  KV_TRY (oriel_file_abandon (store->file));
  close (store->log);
  free (store);
  return synced;
}
