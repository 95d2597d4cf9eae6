/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv.c - opening and closing a store
 *
 * The first process to come, after a reboot or into a new pool, makes the pages
 * what the log says; others wait for it, and take over if it dies.  Whoever comes
 * later finds all in the pool, whether those who were there still live or not.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "kv-impl.h"

#define KV_HOOKS UINT64_C (0x6b762d78786833) /* "kv-xxh3" */

/* ------------------------------------------------------------------ */
/* What Oriel asks of us                                              */

static int
flush_log (void *store, uint64_t lsn)
{
  return kv_log_sync (store, lsn);
}

static uint64_t
page_sum (const struct kv_head *head, uint64_t number, size_t length)
{
  return XXH3_64bits_withSeed (&head->sum + 1, length - sizeof head->sum,
                               number + 1);
}

static int
before_write (void *arg, uint64_t number, void *data, size_t length)
{
  (void) arg;
  kv_head (data)->sum = page_sum (data, number, length);
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
  return kv_head (p)->sum == page_sum (data, number, length) ? 0 : -EBADMSG;
}

/* Pages that the power tore are Oriel's to restore: it has them twice. */
static int
open_file (kv *store, const char *path, bool copied)
{
  oriel_hooks hooks = { .struct_size = sizeof hooks, .id = KV_HOOKS,
                        .after_read = after_read,
                        .before_write = before_write };
  oriel_file_options opt;
  int r;

  oriel_file_options_init (&opt);
  opt.flags = ORIEL_CREATE;
  opt.torn = ORIEL_TORN_AUTO;
  opt.adopt = copied;
  r = oriel_file_open_with (store->pool, path, &opt, &store->file);
  if (r < 0)
    return r;
  store->shared = (struct kv_shared *) oriel_file_words (store->file);
  r = oriel_file_hooks (store->file, &hooks);
  return r < 0 ? r : oriel_file_on_flush_log (store->file, flush_log, store);
}

/* ------------------------------------------------------------------ */

static int
recover (kv *store, uint64_t log_size)
{
  _Atomic uint64_t *state = &store->shared->state;
  uint64_t who;
  int r;

  while ((who = atomic_load (state)) != KV_READY) {
    if (who == KV_BROKEN)
      return -EIO;
    if ((who == 0 || !oriel_alive (store->pool, who))
        && atomic_compare_exchange_strong (state, &who, store->self)) {
      r = kv_log_recover (store, log_size);
      who = store->self;        /* unless it is KV_BROKEN, for good */
      atomic_compare_exchange_strong (state, &who, r == 0 ? KV_READY : 0);
      return r;
    }
    usleep (1000);
  }
  r = kv_take_log (store);      /* those who were there may be dead */
  if (r == 0)
    kv_unlock (&store->shared->log);
  return r;
}

static void
dispose (kv *store)
{
  for (unsigned i = 0; store->txn.change && i < KV_PAGES; i++)
    free (store->txn.change[i].old);
  free (store->txn.change);
  if (store->log >= 0)
    close (store->log);
  free (store->hint);
  free (store->scratch);
  free (store->items);
  free (store->record);
  free (store);
}

int
kv_open (oriel_pool *pool, const char *path, const kv_options *opt,
         kv **store)
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
  s->hint = calloc (KV_HINTS, sizeof *s->hint);
  s->scratch = malloc (3 * s->size);
  s->items = malloc ((2 * s->size / sizeof (struct kv_slot) + 2)
                     * sizeof *s->items);
  s->record = malloc (kv_record_room (s)); /* of which little is touched */
  s->txn.most = KV_PAGES;
  s->txn.change = calloc (KV_PAGES, sizeof *s->txn.change);
  r = !s->hint || !s->scratch || !s->items || !s->record || !s->txn.change
          ? -ENOMEM
      : s->size < 1024 || s->size > KV_PAGE_MAX ? -EINVAL
                                                : kv_log_open (s, path);
  if (r == 0)
    r = open_file (s, path, opt && opt->copied);
  if (r == 0)
    r = recover (s, opt ? opt->log_size : 0);
  if (r == 0)
    *store = s;
  else {
    if (s->file)
      oriel_file_abandon (s->file);
    dispose (s);
  }
  return r;
}

/* What is dirty stays in the pool, for the next; it is in the log. */
int
kv_close (kv *store)
{
  int r, synced;

  if (!store)
    return -EINVAL;
  synced = kv_log_sync (store, atomic_load (&store->shared->log_end));
  r = oriel_file_abandon (store->file);
  if (r < 0)
    return r;
  dispose (store);
  return synced;
}
