/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fetch.c - pointers into the window, for SQLite's xFetch
 *
 * A page that SQLite fetches is pinned, without a latch, until it gives it
 * back; fetched twice, it is pinned once.  Its content changes as that of a
 * mapped file would: not while SQLite's locks protect it.
 *
 * Only what is at hand is fetched: in the pool, and shown by a slot.  All else is
 * answered by "use xRead", which always works: it copies the page, which SQLite
 * then keeps in its own cache, and counts what is wanted often, so that the page
 * is loaded, or its extent gets a slot, and the next fetch finds it.
 *
 * HINTS.  The frame that had a page is remembered beyond the unfetch, in a table
 * by page number: the pool itself says whether it still has it.  So a page that
 * is fetched over and over costs no look into the page table, and yet holds no
 * frame and no slot between: nothing to give back when the process is idle, when
 * locks go, when pages are dropped.
 *
 * BOUNDS.  Each fetched page keeps a frame in the pool and a slot in the window,
 * so a connection may have a quarter of the slots and the process half.  What
 * the process has is counted in a line that its threads share: a connection takes
 * GRANT of them at a time, and gives all back when it has none fetched; but GRANT
 * where there are many.
 *
 * SQLite may read some bytes behind a page whose content is corrupt, as its own
 * page buffers allow: BEYOND bytes behind what is fetched are in memory, too.  So
 * the last page of each slot, and pages as large as a slot, are for xRead.
 *
 * SQLite asks only where PRAGMA mmap_size, or its default, is above 0.  A VFS is
 * told of that too late to say more, so it is set when a connection is opened.
 *
 * No locks: a connection is used by one thread.
 */
#include <stdlib.h>

#include "vfs.h"

#define BEYOND 256              /* as in SQLite's os_unix.c */
#define BUCKETS 64              /* SQLite holds some tens of pages */
#define GRANT 16
#define GRANT_KEPT_FROM 1024    /* of the process's bound */

/* Pages whose frame is remembered: as many as the pool has, so that all that is in
 * memory is found.  In 64 MiB with 4096 a point read took 4% longer. */
#define HINTS_MIN 64
#define HINTS_MAX 65536

/* What is at hand, or -EAGAIN. */
#define FLAGS (ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD | ORIEL_SHOWN)

struct hint {
  uint32_t number;
  uint32_t frame;
};

struct vfs_fetched {
  struct vfs_fetched *next;     /* of the bucket, or of those that are free */
  unsigned uses;
  oriel_page page;
};

/* What a connection has for this, made at its first fetch. */
struct vfs_fetches {
  struct vfs_fetched *bucket[BUCKETS];
  struct vfs_fetched *free;
  uint32_t granted;             /* of the process's bound */
  uint32_t mask;                /* hints less one */
  struct hint hint[];           /* by page number */
};

static struct vfs_fetches *
make (const struct vfs_pool *p)
{
  struct vfs_fetches *f;
  uint32_t n = HINTS_MIN;

  while (n < HINTS_MAX && n < p->frames)
    n *= 2;
  f = calloc (1, sizeof *f + n * sizeof *f->hint);
  if (f)
    f->mask = n - 1;
  return f;
}

static struct vfs_fetched **
find (struct vfs_fetches *f, uint64_t number)
{
  struct vfs_fetched **at = &f->bucket[number % BUCKETS];

  while (*at && (*at)->page.number != number)
    at = &(*at)->next;
  return at;
}

/* May one more be fetched? */
static bool
get_grant (struct vfs_connection *c)
{
  struct vfs_pool *p = c->shared->pool;
  uint32_t n = p->fetch_max < GRANT ? p->fetch_max : GRANT;

  if (c->nfetched < c->fetches->granted)
    return true;
  if (c->fetches->granted + n > p->fetch_max || n == 0)
    return false;
  if (atomic_fetch_add (&p->fetched, n) + n > 2 * p->fetch_max)
    {
      atomic_fetch_sub (&p->fetched, n);
      return false;
    }
  c->fetches->granted += n;
  return true;
}

static void
return_grants (struct vfs_connection *c)
{
  atomic_fetch_sub (&c->shared->pool->fetched, c->fetches->granted);
  c->fetches->granted = 0;
}

static void
give_back (struct vfs_connection *c, struct vfs_fetched **at)
{
  struct vfs_fetches *f = c->fetches;
  struct vfs_fetched *e = *at;

  *at = e->next;
  oriel_unpin (&e->page);
  e->next = f->free;
  f->free = e;
  if (--c->nfetched == 0
      && (f->granted > GRANT
          || c->shared->pool->fetch_max < GRANT_KEPT_FROM))
    return_grants (c);
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
  struct vfs_fetches *f = c->fetches;
  struct vfs_fetched **at = &f->bucket[number % BUCKETS];
  struct hint *hint = &f->hint[number & f->mask];
  struct vfs_fetched *e = f->free;
  int r;

  if (!get_grant (c))
    return NULL;
  if (e)
    f->free = e->next;
  else if (!(e = malloc (sizeof *e)))
    return NULL;
  r = hint->number == number
          ? oriel_pin_hint (vfs_oriel (c), number, hint->frame, FLAGS, &e->page)
          : oriel_pin (vfs_oriel (c), number, FLAGS, &e->page);
  if (r < 0)
    {
      e->next = f->free;
      f->free = e;
      return NULL;
    }
  *hint = (struct hint){ (uint32_t) number, e->page.frame };
  e->uses = 0;
  e->next = *at;
  *at = e;
  c->nfetched++;
  if (has_room (c->shared->pool, &e->page, end))
    return e;
  give_back (c, at);
  return NULL;
}

int
vfs_fetch (struct vfs_connection *c, sqlite3_int64 offset, int amount,
           void **data)
{
  uint64_t end = (uint64_t) offset + (uint64_t) amount;
  struct vfs_fetched *e;
  uint64_t size, number, in;

  *data = NULL;
  if ((uint64_t) c->mmap_limit < end || !vfs_may_read (c) || c->crowded
      || end > oriel_file_size (vfs_oriel (c)))
    return SQLITE_OK;
  size = c->shared->pool->page_size;
  number = (uint64_t) offset >> __builtin_ctzll (size);
  in = (uint64_t) offset & (size - 1);
  if (in + (uint64_t) amount > size)
    return SQLITE_OK;
  if (!c->fetches && !(c->fetches = make (c->shared->pool)))
    return SQLITE_OK;
  e = *find (c->fetches, number);
  if (!e)
    e = pin (c, number, in + (uint64_t) amount);
  else if (!has_room (c->shared->pool, &e->page, in + (uint64_t) amount))
    return SQLITE_OK;
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
  if (!data || !vfs_has_pool (c) || !c->fetches)
    return SQLITE_OK;
  at = find (c->fetches,
             (uint64_t) offset >> __builtin_ctzll (c->shared->pool->page_size));
  if (*at && --(*at)->uses == 0)
    give_back (c, at);
  return SQLITE_OK;
}

void
vfs_fetch_raise (sqlite3 *db)
{
  sqlite3_file *file = NULL;
  const struct vfs_connection *c;

  if (sqlite3_file_control (db, "main", SQLITE_FCNTL_FILE_POINTER, &file)
          != SQLITE_OK
      || !vfs_file_is_ours (file))
    return;
  c = vfs_connection (file);
  /* As far as SQLite lets it; databases attached later have it, too.  It may
   * fail: then pages are copied. */
  if (c->shared && c->raise && c->mmap_limit == 0)
    sqlite3_exec (db, "PRAGMA mmap_size = 2147418112", NULL, NULL, NULL);
}

void
vfs_fetch_close (struct vfs_connection *c)
{
  struct vfs_fetches *f = c->fetches;

  if (!f)
    return;
  /* A forked child leaves the parent's pins alone. */
  for (int i = 0; i < BUCKETS; i++)
    while (f->bucket[i])
      {
        struct vfs_fetched *e = f->bucket[i];

        if (vfs_has_pool (c))
          give_back (c, &f->bucket[i]);
        else
          {
            f->bucket[i] = e->next;
            free (e);
          }
      }
  while (f->free)
    {
      struct vfs_fetched *e = f->free;

      f->free = e->next;
      free (e);
    }
  /* Of a page that could not be had in the end. */
  if (vfs_has_pool (c))
    return_grants (c);
  free (f);
  c->fetches = NULL;
}
