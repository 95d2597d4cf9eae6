/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fetch.c - pointers into the window, for SQLite's xFetch
 *
 * A page that SQLite fetches is pinned, without a latch, until it gives it
 * back; fetched twice, it is pinned once.  Its content changes as that of a
 * mapped file would: not while SQLite's locks protect it.
 *
 * In a window that is swapped only what is at hand is fetched: in the pool, and
 * shown by a slot.  All else is answered by "use xRead", which always works: it
 * copies the page, which SQLite then keeps in its own cache, and counts what is
 * wanted often, so that the page is loaded, or its extent gets a slot, and the next
 * fetch finds it.  A linear window shows all that the pool has, so there a fetch
 * loads what is missing: copies of what was missed would fill the cache of each
 * connection, which SQLite asks only for what cannot be fetched.  But where an
 * application asked for a larger cache it is to be used: SQLite looks into it when
 * a fetch finds nothing.
 *
 * PLACES.  A connection has up to VFS_KEPT_MAX places, and a page can be in one of
 * them only, by its number.  There it stays pinned when SQLite gives it up, until
 * another page wants the place, whose pin is put in its stead (oriel_pin_move());
 * or it is fetched again: then the pool is asked whether the pin still holds, by
 * the same call.  That says what a new pin would, so a page is kept for no time
 * longer than it is right, whoever drops it or writes it, and costs others nothing
 * but its frame and slot.  And a fetch costs neither an entry in a ledger that
 * threads share nor the look that a pin's end takes.
 *
 * What is kept is given back when SQLite's lock goes, or the lease that stands for
 * it (lease.c), by whoever gives that back: so those who are idle keep none, but
 * for who has a transaction open.  And what is not fetched within some thousand
 * transactions is given back.
 *
 * A page whose place another has that SQLite holds, or of a connection that has no
 * places, is pinned beside them, until SQLite gives it up.
 *
 * HINTS.  The frame that had a page is remembered beyond its pin, in a table by
 * page number: the pool itself says whether it still has it.  So a page that is
 * fetched now and then costs no look into the page table, and holds no frame and
 * no slot between.
 *
 * THE LIMIT.  Whether there may be fetched at all changes only where a method of
 * the file is called that may change it.  So what was found is noted in
 * c->fetch_limit, up to which byte the file may be fetched without a look at locks
 * and sizes, and each such method makes that 0.
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
 * No locks: a connection is used by one thread.  While its lease is IDLE, pages are
 * not in use, and kept ones are theirs who make the lease GOING.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fetch-cells.h"
#include "vfs.h"

#define BEYOND 256              /* as in SQLite's os_unix.c */
#define BUCKETS 64              /* SQLite holds some tens of pages */
#define GRANT 16
#define GRANT_KEPT_FROM 1024    /* of the process's bound */

/* Pages whose frame is remembered: as many as the pool has, so that all that is in
 * memory is found.  In 64 MiB with 4096 a point read took 4% longer. */
#define HINTS_MIN 64
#define HINTS_MAX 65536

/* Transactions after which one place is looked at, in turn: of a page that was not
 * fetched since the last look the pin is given back, as a pool that shrinks waits
 * for it.  A pin costs as much as the looks of some turns. */
#define TURNS_A_LOOK 16

/* Where not all connections may keep pages, each that does lets others have its
 * share after so many. */
#define TURNS_A_QUOTA 1024

/* Bytes: up to here it is SQLite's default, or less.  More was asked for. */
#define OWN_CACHE_MAX 2048000

struct hint {
  uint32_t number;
  uint32_t frame;
};

#define NO_PAGE UINT64_MAX

/* A line of the processor's cache. */
struct vfs_place {
  _Alignas (64) oriel_page page; /* number NO_PAGE: it has no pin */
  uint32_t uses;
  uint32_t room;                /* bytes of it that may be fetched */
  uint32_t room_frame;          /* if it is in this frame */
  bool fetched;                 /* since a turn looked */
};

_Static_assert (sizeof (struct vfs_place) == 64, "a place is a line");
_Static_assert (VFS_KEPT_MAX <= 64, "places are bits of a word");

/* A page beside the places. */
struct vfs_fetched {
  struct vfs_fetched *next;     /* of the bucket, or of those that are free */
  uint32_t uses;
  oriel_page page;
};

/* What a connection has for this, made at its first fetch. */
struct vfs_fetches {
  struct vfs_place place[VFS_KEPT_MAX];
  /* constant */
  unsigned shift;               /* of the pool's page size, */
  uint64_t in;                  /* and that less one */
  uint32_t mask;                /* hints less one */
  uint32_t last_place;          /* a power of two less one; 0 also if there is
                                   none */
  /* places */
  uint64_t pinned;              /* a bit each */
  uint32_t quota;               /* of the process's bound; 0: none was asked for */
  uint32_t turns;               /* transactions that ended in a lease */
  bool renew;                   /* pins have other flags than flags_of() */
  /* beside them */
  uint32_t held;                /* pages */
  uint32_t granted;             /* of the process's bound */
  struct vfs_fetched *free;
  struct vfs_fetched *bucket[BUCKETS];
  struct hint hint[];           /* by page number */
};

static struct vfs_fetches *
make (const struct vfs_pool *p)
{
  struct vfs_fetches *f;
  uint32_t n = HINTS_MIN;
  void *at;

  while (n < HINTS_MAX && n < p->frames)
    n *= 2;
  if (posix_memalign (&at, _Alignof (struct vfs_fetches),
                      sizeof *f + n * sizeof *f->hint))
    return NULL;
  f = memset (at, 0, sizeof *f + n * sizeof *f->hint);
  f->mask = n - 1;
  f->shift = (unsigned) __builtin_ctzll (p->page_size);
  f->in = p->page_size - 1;
  while (2 * f->last_place + 2 <= p->keep_max)
    f->last_place = 2 * f->last_place + 1;
  for (int i = 0; i < VFS_KEPT_MAX; i++)
    f->place[i].page.number = NO_PAGE;
  return f;
}

static struct vfs_place *
place_of (struct vfs_fetches *f, uint64_t number)
{
  return &f->place[number & f->last_place];
}

static struct vfs_fetched **
find (struct vfs_fetches *f, uint64_t number)
{
  struct vfs_fetched **at = &f->bucket[number % BUCKETS];

  while (*at && (*at)->page.number != number)
    at = &(*at)->next;
  return at;
}

/* May one more be fetched beside the places? */
static bool
get_grant (struct vfs_connection *c)
{
  struct vfs_pool *p = c->shared->pool;
  uint32_t n = p->fetch_max < GRANT ? p->fetch_max : GRANT;

  if (c->fetches->held < c->fetches->granted)
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
give_back (struct vfs_connection *c, struct vfs_fetched *e)
{
  struct vfs_fetches *f = c->fetches;

  *find (f, e->page.number) = e->next;
  oriel_unpin (&e->page);
  e->next = f->free;
  f->free = e;
  if (--f->held == 0
      && (f->granted > GRANT
          || c->shared->pool->fetch_max < GRANT_KEPT_FROM))
    return_grants (c);
}

/* ------------------------------------------------------------------ */
/* Places                                                             */

/* Has the process no share left for one more connection? */
static bool
is_short (struct vfs_pool *p)
{
  return atomic_load_explicit (&p->kept, memory_order_relaxed) + p->keep_max
         > p->keep_all;
}

/* What the connection may keep.  Asked for once until all is given back. */
static bool
get_quota (struct vfs_connection *c)
{
  struct vfs_pool *p = c->shared->pool;
  struct vfs_fetches *f = c->fetches;

  if (f->quota > 0)
    return true;
  /* Without a lock, of an immutable file, they would be kept for ever. */
  if (p->keep_max == 0 || c->lock == SQLITE_LOCK_NONE || is_short (p))
    return false;
  if (atomic_fetch_add (&p->kept, p->keep_max) + p->keep_max > p->keep_all)
    {
      atomic_fetch_sub (&p->kept, p->keep_max);
      return false;
    }
  f->quota = p->keep_max;
  return true;
}

/* The page has no pin any more. */
static void
forget (struct vfs_fetches *f, struct vfs_place *s)
{
  s->page.number = NO_PAGE;
  f->pinned &= ~((uint64_t) 1 << (s - f->place));
}

static void
unpin (struct vfs_fetches *f, struct vfs_place *s)
{
  oriel_unpin (&s->page);
  forget (f, s);
}

void
vfs_fetch_turn (struct vfs_connection *c)
{
  struct vfs_fetches *f = c->fetches;
  struct vfs_place *s;

  if (!f || ++f->turns % TURNS_A_LOOK != 0)
    return;
  if (f->turns % TURNS_A_QUOTA == 0 && is_short (c->shared->pool))
    {
      vfs_fetch_return (c);
      return;
    }
  s = place_of (f, f->turns / TURNS_A_LOOK);
  if (s->page.number == NO_PAGE || s->uses > 0)
    return;
  if (!s->fetched)
    unpin (f, s);
  else if (!oriel_pin_holds (&s->page))
    vfs_fetch_return (c);
  s->fetched = false;
}

void
vfs_fetch_return (struct vfs_connection *c)
{
  struct vfs_fetches *f = c->fetches;

  if (!f || f->quota == 0 || !vfs_has_pool (c))
    return;
  for (uint64_t left = f->pinned; left != 0; left &= left - 1)
    {
      struct vfs_place *s = &f->place[__builtin_ctzll (left)];

      if (s->uses == 0)
        unpin (f, s);
    }
  if (f->pinned != 0)
    return;
  atomic_fetch_sub (&c->shared->pool->kept, f->quota);
  f->quota = 0;
}

/* ------------------------------------------------------------------ */
/* Fetching                                                           */

/* How many bytes of the page may be fetched, with BEYOND behind them. */
static uint32_t
room_of (const struct vfs_pool *p, const oriel_page *page)
{
  uint64_t at = (uintptr_t) page->data;
  bool last;

  /* All pages of a linear window can be seen: only the last has none behind. */
  if (p->slot_size == 0)
    last = (uint64_t) page->frame + 1 >= p->frames;
  else
    last = (at & (p->slot_size - 1)) + p->page_size >= p->slot_size;
  return (uint32_t) (p->page_size - (last ? BEYOND : 0));
}

static inline void
note_room (const struct vfs_connection *c, struct vfs_place *s)
{
  s->room = room_of (c->shared->pool, &s->page);
  s->room_frame = s->page.frame;
}

/* Of a pin. */
static inline unsigned
flags_of (const struct vfs_connection *c)
{
  bool loads = c->shared->pool->slot_size == 0 && !c->own_cache;

  return ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD | (loads ? 0 : ORIEL_SHOWN);
}

/* Pin the page, where it is thought to be: in place of what page has, or
 * anew.  false: it is not at hand, or cannot be read, which xRead tells. */
static bool
pin (struct vfs_connection *c, uint64_t number, oriel_page *page)
{
  struct hint *hint = &c->fetches->hint[number & c->fetches->mask];
  uint32_t frame = hint->number == number ? hint->frame : UINT32_MAX;
  int r = page->ledger_entry
              ? oriel_pin_move (page, number, frame)
              : oriel_pin_hint (vfs_oriel (c), number, frame, flags_of (c),
                                page);

  if (r < 0)
    return false;
  *hint = (struct hint){ (uint32_t) number, page->frame };
  return true;
}

/* Pin the page in its place, which SQLite does not use. */
static bool
put (struct vfs_connection *c, uint64_t number, struct vfs_place *s)
{
  struct vfs_fetches *f = c->fetches;

  if (s->page.number == NO_PAGE)
    s->page.ledger_entry = NULL;
  if (!pin (c, number, &s->page))
    {
      forget (f, s);
      return false;
    }
  f->pinned |= (uint64_t) 1 << (s - f->place);
  note_room (c, s);
  return true;
}

/* Pin the page beside the places. */
static struct vfs_fetched *
add (struct vfs_connection *c, uint64_t number)
{
  struct vfs_fetches *f = c->fetches;
  struct vfs_fetched *e = f->free;

  if (!get_grant (c))
    return NULL;
  if (e)
    f->free = e->next;
  else if (!(e = malloc (sizeof *e)))
    return NULL;
  e->page.ledger_entry = NULL;
  if (!pin (c, number, &e->page))
    {
      e->next = f->free;
      f->free = e;
      return NULL;
    }
  e->uses = 0;
  e->next = f->bucket[number % BUCKETS];
  f->bucket[number % BUCKETS] = e;
  f->held++;
  return e;
}

/* The page's bytes from in up to end, used once more; NULL: they are not at
 * hand. */
static void *
use_place (struct vfs_connection *c, struct vfs_place *s, uint64_t in,
           uint64_t end)
{
  if (end > s->room)
    return NULL;
  s->fetched = true;
  c->nfetched += s->uses++ == 0;
  return (char *) s->page.data + in;
}

static void *
use_beside (struct vfs_connection *c, uint64_t number, uint64_t in,
            uint64_t end)
{
  struct vfs_fetched *e = *find (c->fetches, number);

  if (!e && !(e = add (c, number)))
    return NULL;
  if (end > room_of (c->shared->pool, &e->page))
    {
      if (e->uses == 0)
        give_back (c, e);
      return NULL;
    }
  c->nfetched += e->uses++ == 0;
  return (char *) e->page.data + in;
}

/* As far as the file may be fetched now; 0: not at all. */
static uint64_t
limit (struct vfs_connection *c)
{
  uint64_t size;

  if (!(vfs_reads_log (c) || vfs_may_read (c)) || c->crowded)
    return 0;
  /* A checkpoint, say, while the lease is kept. */
  if (c->read_marks == 0 && vfs_lease_is_idle (c))
    vfs_lease_end (c);
  size = oriel_file_size (vfs_oriel (c));
  return (uint64_t) c->mmap_limit < size ? (uint64_t) c->mmap_limit : size;
}

static void * __attribute__ ((noinline))
fetch_slowly (struct vfs_connection *c, uint64_t offset, uint64_t amount)
{
  struct vfs_fetches *f = c->fetches;
  uint64_t number, in, end = limit (c);
  struct vfs_place *s;

  /* Not before there is something to fetch by. */
  c->fetch_limit = f ? end : 0;
  /* Of a page that is in several frames nothing is to be loaded. */
  if (offset + amount > end
      || (offset & (c->shared->pool->page_size - 1)) + amount
             > c->shared->pool->page_size
      || (!f && !(f = c->fetches = make (c->shared->pool))))
    return NULL;
  c->fetch_limit = end;
  /* The lease, if there is one, is in use. */
  if (f->renew)
    {
      vfs_fetch_return (c);
      f->renew = false;
    }
  number = offset >> f->shift;
  in = offset & f->in;
  if (!get_quota (c))
    {
      c->fetch_limit = 0;
      return use_beside (c, number, in, in + amount);
    }
  s = place_of (f, number);
  if (f->held > 0 && *find (f, number))
    return use_beside (c, number, in, in + amount);
  if (s->uses > 0 && s->page.number == number)
    return use_place (c, s, in, in + amount);
  if (s->uses > 0)
    return use_beside (c, number, in, in + amount);
  return put (c, number, s) ? use_place (c, s, in, in + amount) : NULL;
}

/* The most frequent case: the page has its place, or is in a frame that is
 * remembered and gets its place from another.  Where the pin of one that has it
 * does not hold any more, as a file was dropped, or a pool shrinks, all are given
 * back.  *failed: it is of no use to try again. */
static inline void *
fetch (struct vfs_connection *c, uint64_t offset, uint64_t amount,
       bool *failed)
{
  struct vfs_fetches *f = c->fetches;
  uint64_t number = offset >> f->shift;
  uint64_t in = offset & f->in;
  struct vfs_place *s = place_of (f, number);
  bool has_it = s->page.number == number;
  uint32_t frame = s->page.frame;

  if (!has_it)
    {
      const struct hint *hint = &f->hint[number & f->mask];

      if (s->page.number == NO_PAGE || s->uses > 0 || hint->number != number)
        return NULL;
      frame = hint->frame;
    }
  if (s->uses == 0)
    {
      int r = oriel_pin_move (&s->page, number, frame);

      *failed = r < 0 && r != -EAGAIN;
      if (r < 0)
        forget (f, s);
      if (r < 0 || s->page.frame != frame)
        {
          if (has_it)
            vfs_fetch_return (c);
          return NULL;
        }
    }
  if (s->page.frame != s->room_frame)
    note_room (c, s);
  if (!has_it && in + amount <= s->room)
    prefetch_cells ((const unsigned char *) s->page.data + in, amount);
  return use_place (c, s, in, in + amount);
}

int
vfs_fetch (struct vfs_connection *c, sqlite3_int64 offset, int amount,
           void **data)
{
  bool failed = false;
  void *at = NULL;

  if ((uint64_t) offset + (uint64_t) amount <= c->fetch_limit)
    at = fetch (c, (uint64_t) offset, (uint64_t) amount, &failed);
  *data = at || failed
              ? at
              : fetch_slowly (c, (uint64_t) offset, (uint64_t) amount);
  return SQLITE_OK;
}

static void __attribute__ ((noinline))
unfetch_beside (struct vfs_connection *c, uint64_t number)
{
  struct vfs_fetched *e = *find (c->fetches, number);

  if (!e || e->uses == 0 || --e->uses > 0)
    return;
  c->nfetched--;
  if (vfs_has_pool (c))
    give_back (c, e);
}

int
vfs_unfetch (struct vfs_connection *c, sqlite3_int64 offset, void *data)
{
  struct vfs_fetches *f = c->fetches;
  struct vfs_place *s;
  uint64_t number, in;

  /* Without data: drop all mappings.  SQLite has none in use then, and those that
   * we keep are looked at before it gets them again. */
  if (!data || !f)
    return SQLITE_OK;
  number = (uint64_t) offset >> f->shift;
  in = (uint64_t) offset & f->in;
  s = place_of (f, number);
  if (s->uses > 0 && s->page.number == number
      && data == (char *) s->page.data + in)
    c->nfetched -= --s->uses == 0;
  else
    unfetch_beside (c, number);
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
vfs_fetch_own_cache (struct vfs_connection *c, long size)
{
  bool large = size < 0 ? size < -OWN_CACHE_MAX / 1024
                        : (uint64_t) size
                              > OWN_CACHE_MAX / c->shared->pool->page_size;

  /* Those that are pinned go by the old flags.  They may be the lease's: the next
   * fetch sees to them. */
  if (c->fetches && large != c->own_cache)
    {
      c->fetches->renew = true;
      c->kept_limit = 0;
      vfs_fetch_stop (c);
    }
  c->own_cache = large;
}

void
vfs_fetch_close (struct vfs_connection *c)
{
  struct vfs_fetches *f = c->fetches;

  if (!f)
    return;
  /* A forked child leaves the parent's pins alone. */
  if (vfs_has_pool (c))
    for (uint64_t left = f->pinned; left != 0; left &= left - 1)
      unpin (f, &f->place[__builtin_ctzll (left)]);
  for (int i = 0; i < BUCKETS; i++)
    while (f->bucket[i])
      {
        struct vfs_fetched *e = f->bucket[i];

        if (vfs_has_pool (c))
          oriel_unpin (&e->page);
        f->bucket[i] = e->next;
        free (e);
      }
  while (f->free)
    {
      struct vfs_fetched *e = f->free;

      f->free = e->next;
      free (e);
    }
  if (vfs_has_pool (c))
    {
      atomic_fetch_sub (&c->shared->pool->kept, f->quota);
      return_grants (c);
    }
  free (f);
  c->fetches = NULL;
}
