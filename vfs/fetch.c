/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fetch.c - pointers into the window, for SQLite's xFetch
 *
 * A page that SQLite fetches is pinned, without a latch, until it gives it
 * back; fetched twice, it is pinned once.  Its content changes as that of a
 * mapped file would: not while SQLite's locks protect it.
 *
 * Each fetched page keeps a frame in the pool and a slot in the window, so
 * their number is bounded, by a quarter for a connection and half for the
 * process; and what cannot be had is answered by "use xRead", which always
 * works.
 *
 * SQLite may read some bytes behind a page whose content is corrupt, as its own
 * page buffers allow: BEYOND bytes behind what is fetched are in memory, too.
 *
 * No locks: a connection is used by one thread.
 */
#include <stdlib.h>

#include "vfs.h"

#define BEYOND 256              /* as in SQLite's os_unix.c */
#define BUCKETS 64              /* SQLite holds some tens of pages */

struct vfs_fetched {
  struct vfs_fetched *next;
  unsigned uses;
  oriel_page page;
};

static struct vfs_fetched **
bucket (struct vfs_connection *c, uint64_t number)
{
  return &c->fetched[number % BUCKETS];
}

static struct vfs_fetched **
find (struct vfs_connection *c, uint64_t number)
{
  struct vfs_fetched **at = bucket (c, number);

  while (*at && (*at)->page.number != number)
    at = &(*at)->next;
  return at;
}

static void
give_back (struct vfs_connection *c, struct vfs_fetched **at)
{
  struct vfs_fetched *e = *at;

  *at = e->next;
  oriel_unpin (&e->page);
  free (e);
  c->nfetched--;
  atomic_fetch_sub (&c->shared->pool->fetched, 1);
}

/* Can the bytes up to end of the page be had, and BEYOND more? */
static bool
has_room (const struct vfs_pool *p, const oriel_page *page, uint64_t end)
{
  uint64_t at = (uintptr_t) page->data;

  if (end + BEYOND <= p->page_size)
    return true;
  /* All pages of a linear window can be seen: only the last has none behind. */
  if (p->slot_size == 0)
    return (uint64_t) page->frame + 1 < p->frames;
  return (at & (p->slot_size - 1)) + end + BEYOND <= p->slot_size;
}

static struct vfs_fetched *
pin (struct vfs_connection *c, uint64_t number, uint64_t end)
{
  struct vfs_pool *p = c->shared->pool;
  struct vfs_fetched *e;
  int r;

  if (!c->fetched)
    c->fetched = calloc (BUCKETS, sizeof *c->fetched);
  if (!c->fetched || c->nfetched >= p->fetch_max
      || atomic_load (&p->fetched) >= 2 * p->fetch_max)
    return NULL;
  e = malloc (sizeof *e);
  if (!e)
    return NULL;
  r = oriel_pin (vfs_oriel (c), number, ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD,
                 &e->page);
  if (r < 0)
    {
      vfs_note_failure (c, r);
      free (e);
      return NULL;
    }
  e->uses = 0;
  e->next = *bucket (c, number);
  *bucket (c, number) = e;
  c->nfetched++;
  atomic_fetch_add (&p->fetched, 1);
  if (!has_room (p, &e->page, end))
    {
      give_back (c, bucket (c, number));
      return NULL;
    }
  return e;
}

int
vfs_fetch (struct vfs_connection *c, sqlite3_int64 offset, int amount,
           void **data)
{
  uint64_t size;
  uint64_t number;
  uint64_t in;
  struct vfs_fetched *e;

  *data = NULL;
  if (c->mmap_limit < offset + amount || !vfs_may_read (c) || c->crowded
      || (uint64_t) (offset + amount) > oriel_file_size (vfs_oriel (c)))
    return SQLITE_OK;
  size = c->shared->pool->page_size;
  number = (uint64_t) offset / size;
  in = (uint64_t) offset % size;
  if (in + (uint64_t) amount > size)
    return SQLITE_OK;
  e = c->fetched ? *find (c, number) : NULL;
  if (e && !has_room (c->shared->pool, &e->page, in + (uint64_t) amount))
    return SQLITE_OK;
  if (!e)
    e = pin (c, number, in + (uint64_t) amount);
  if (e)
    {
      e->uses++;
      *data = (char *) e->page.data + in;
    }
  return SQLITE_OK;
}

int
vfs_unfetch (struct vfs_connection *c, sqlite3_int64 offset, void *data)
{
  struct vfs_fetched **at;

  /* Without data: drop all mappings.  We have none that is not in use. */
  if (!data || !vfs_has_pool (c) || !c->fetched)
    return SQLITE_OK;
  at = find (c, (uint64_t) offset / c->shared->pool->page_size);
  if (*at && --(*at)->uses == 0)
    give_back (c, at);
  return SQLITE_OK;
}

void
vfs_fetch_close (struct vfs_connection *c)
{
  for (int i = 0; c->fetched && vfs_has_pool (c) && i < BUCKETS; i++)
    while (c->fetched[i])
      give_back (c, &c->fetched[i]);
  free (c->fetched);
  c->fetched = NULL;
}
