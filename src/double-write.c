/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * double-write.c - an area where pages are written before they are written in
 * place
 *
 *     head | head again | batch | batch | ... | (older batches)
 *
 * A page whose write is cut short by a loss of power is half old and half new.
 * So it goes to the area first, in a batch, and that is made durable; then it
 * is written in place.  If either is torn the other is whole.
 *
 * Batches follow each other from the area's beginning on.  When the next has no
 * room, what was written in place is made durable, and a new lap begins at the
 * beginning: the head says so, and then its batches overwrite those of the lap
 * before, which no one needs then.  A batch is a block with the lap, its number
 * in it, each page's number and checksum, and a checksum of all that; then the
 * pages. What counts after a crash is the chain of whole batches of the head's
 * lap from the beginning on: one that is torn was not yet durable, so none of
 * its pages was written in place.  Of a page the last copy in the chain is the
 * newest there is, since every write of a page goes through the area.
 *
 * The heads, written in turn so that one is whole, also say for which file the
 * area is.  A lap begins, too, when the file is closed by all, or is cut: then
 * nothing counts.
 *
 * Locks: none; torn.c has the area to itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "double-write.h"
#include "error.h"
#include "sys.h"

#define BLOCK 4096u

/* What a lap may hold: each costs a sync of the file. */
#define AREA_BYTES ((uint64_t) 8 << 20)

#ifdef HAVE_XXHASH
# define XXH_INLINE_ALL
# include <xxhash.h>

static uint64_t
hash (const void *data, size_t n)
{
  return XXH3_64bits (data, n);
}

bool
orl_dw_works (void)
{
  return true;
}
#else
static uint64_t
hash (const void *data, size_t n)
{
  (void) data, (void) n;
  return 0;
}

bool
orl_dw_works (void)
{
  return false;
}
#endif

/* A sector of 512 bytes. */
struct head {
  char magic[8];
  uint64_t sum;                 /* of what follows */
  uint64_t seq;
  uint64_t lap;                 /* whose batches count */
  uint64_t bytes;
  uint64_t ino;
  uint64_t birth;
  uint32_t page_size;
  uint32_t zero;
  uint64_t mark;                /* torn-area.c; 0: none */
  uint32_t zeroes[110];
};

struct entry {
  uint64_t page;
  uint64_t hash;
  uint32_t length;
  uint32_t zero;
};

struct batch {
  char magic[8];
  uint64_t sum;                 /* of what follows, in the block */
  uint64_t lap;
  uint32_t number;              /* its place in bytes, by blocks */
  uint32_t n;
  struct entry entry[ORL_DW_MAX];
};

_Static_assert (sizeof (struct head) == 512, "a sector");
_Static_assert (sizeof (struct batch) <= BLOCK, "a block");

static const char head_magic[8] = "ORIELDW";
static const char batch_magic[8] = "ORLDWBAT";

static uint64_t
round_up (uint64_t n)
{
  return (n + BLOCK - 1) & ~(uint64_t) (BLOCK - 1);
}

static int
read_at (struct orl_store *s, void *to, size_t n, uint64_t at)
{
  struct iovec iov = { to, n };
  int64_t got = s->ops->read (s, &iov, 1, at);

  if (got >= 0 && (size_t) got < n)
    memset ((char *) to + got, 0, n - (size_t) got);
  return got < 0 ? (int) got : 0;
}

static int
write_at (struct orl_store *s, void *from, size_t n, uint64_t at)
{
  struct iovec iov = { from, n };

  return s->ops->write (s, &iov, 1, at);
}

/* ------------------------------------------------------------------ */
/* Heads                                                              */

static uint64_t
head_sum (const struct head *h)
{
  return hash (&h->seq, sizeof *h - offsetof (struct head, seq));
}

/* 1 if there is one, 0 if there is nothing, -EPROTO something else. */
static int
read_head (struct orl_store *area, struct head *best)
{
  struct head *h = aligned_alloc (BLOCK, BLOCK);
  static const struct head none;
  int found = 0, r = 0;
  bool any = false;

  if (!h)
    return -ENOMEM;
  for (uint64_t at = 0; r == 0 && at < ORL_DW_FIRST; at += BLOCK)
    {
      r = read_at (area, h, BLOCK, at);
      any = any || memcmp (h, &none, sizeof none) != 0;
      if (r == 0 && memcmp (h->magic, head_magic, sizeof head_magic) == 0)
        {
          any = false;
          if (h->sum == head_sum (h) && (!found || h->seq > best->seq))
            {
              *best = *h;
              found = 1;
            }
        }
    }
  free (h);
  if (r < 0)
    return r;
  return found ? 1 : any ? -EPROTO : 0;
}

static int
write_head (struct orl_dw *dw, const struct head *like, uint64_t lap)
{
  struct head *h = aligned_alloc (BLOCK, BLOCK);
  int r;

  if (!h)
    return -ENOMEM;
  memset (h, 0, BLOCK);
  *h = *like;
  memcpy (h->magic, head_magic, sizeof head_magic);
  h->seq = dw->seq + 1;
  h->lap = lap;
  h->sum = head_sum (h);
  r = write_at (dw->area, h, BLOCK, h->seq % 2 * BLOCK);
  if (r == 0)
    r = dw->area->ops->sync (dw->area);
  if (r == 0)
    {
      dw->seq = h->seq;
      dw->lap = lap;
    }
  free (h);
  return r;
}

int
orl_dw_turn (struct orl_dw *dw, uint64_t lap)
{
  struct head h;
  int r = read_head (dw->area, &h);

  if (r <= 0)
    return r < 0 ? r : -EPROTO;
  dw->seq = h.seq;
  h.ino = dw->of.ino; /* if it was adopted, it is that file's from now on */
  h.birth = dw->of.birth;
  h.mark = dw->mark;
  return write_head (dw, &h, lap);
}

/* ------------------------------------------------------------------ */
/* Batches                                                            */

uint64_t
orl_dw_need (const struct orl_dw *dw, uint32_t n)
{
  return BLOCK + round_up ((uint64_t) n * dw->page_size);
}

static uint64_t
batch_sum (const struct batch *b)
{
  return hash (&b->lap, BLOCK - offsetof (struct batch, lap));
}

int
orl_dw_put (struct orl_dw *dw, uint64_t lap, uint64_t at,
            const struct orl_dw_page *pages, uint32_t n)
{
  struct batch *b = aligned_alloc (BLOCK, BLOCK);
  struct iovec iov[ORL_DW_MAX + 1];
  int r;

  if (!b)
    return -ENOMEM;
  memset (b, 0, BLOCK);
  memcpy (b->magic, batch_magic, sizeof batch_magic);
  b->lap = lap;
  b->number = (uint32_t) (at / BLOCK);
  b->n = n;
  iov[0] = (struct iovec){ b, BLOCK };
  for (uint32_t i = 0; i < n; i++)
    {
      b->entry[i].page = pages[i].page;
      b->entry[i].length = (uint32_t) pages[i].length;
      b->entry[i].hash = hash (pages[i].data, dw->page_size);
      iov[i + 1] = (struct iovec){ pages[i].data, dw->page_size };
    }
  b->sum = batch_sum (b);
  r = dw->area->ops->write (dw->area, iov, (int) n + 1, at);
  if (r == 0)
    r = dw->area->ops->sync (dw->area);
  free (b);
  return r;
}

/* The block of the batch at this place: 1 if it is whole, and of the lap. */
static int
read_table (struct orl_dw *dw, uint64_t lap, uint64_t at, struct batch *b)
{
  int r;

  if (at + BLOCK > dw->bytes)
    return 0;
  r = read_at (dw->area, b, BLOCK, at);
  if (r < 0)
    return r;
  return memcmp (b->magic, batch_magic, sizeof batch_magic) == 0
         && b->sum == batch_sum (b) && b->number == at / BLOCK && b->n > 0
         && b->n <= ORL_DW_MAX && b->lap == lap
         && at + orl_dw_need (dw, b->n) <= dw->bytes;
}

static bool
is_whole (const struct orl_dw *dw, const struct entry *e, const void *page)
{
  return e->length <= dw->page_size && e->length > 0
         && hash (page, dw->page_size) == e->hash;
}

/* With its pages, into room for the largest. */
static int
read_batch (struct orl_dw *dw, uint64_t lap, uint64_t at, struct batch *b)
{
  unsigned char *pages = (unsigned char *) b + BLOCK;
  int r = read_table (dw, lap, at, b);

  if (r <= 0)
    return r;
  r = read_at (dw->area, pages, (size_t) round_up ((uint64_t) b->n
                                                   * dw->page_size),
               at + BLOCK);
  for (uint32_t i = 0; r == 0 && i < b->n; i++)
    if (!is_whole (dw, &b->entry[i], pages + (size_t) i * dw->page_size))
      return 0;
  return r < 0 ? r : 1;
}

static struct batch *
batch_room (const struct orl_dw *dw)
{
  return aligned_alloc (BLOCK, (size_t) orl_dw_need (dw, ORL_DW_MAX));
}

int
orl_dw_redo (struct orl_dw *dw, struct orl_store *store, uint64_t lap,
             uint64_t at, uint64_t upto, uint64_t *end)
{
  struct batch *b = batch_room (dw);
  int r = b ? read_batch (dw, lap, at, b) : -ENOMEM;

  *end = at;
  if (r == 1)
    {
      *end = at + orl_dw_need (dw, b->n);
      r = 0;
      for (uint32_t i = 0; r == 0 && i < b->n; i++)
        {
          uint64_t to = b->entry[i].page * dw->page_size;
          size_t n = b->entry[i].length;

          if (to < upto)
            r = write_at (store,
                          (char *) b + BLOCK + (size_t) i * dw->page_size,
                          n < upto - to ? n : (size_t) (upto - to), to);
        }
    }
  free (b);
  return r;
}

/* Make zeroes of what is between *got and end. */
static void
reach (const struct orl_dw *dw, void *const *to, int64_t *got, uint64_t end)
{
  for (uint64_t at = (uint64_t) *got; at < end;)
    {
      size_t skip = (size_t) (at % dw->page_size);
      size_t n = dw->page_size - skip;

      n = n < end - at ? n : (size_t) (end - at);
      memset ((char *) to[at / dw->page_size] + skip, 0, n);
      at += n;
      *got = (int64_t) at;
    }
}

/* Every miss asks while there is a batch: so no page is read that is not wanted. */
int
orl_dw_copy (struct orl_dw *dw, uint64_t lap, uint64_t at, uint64_t first,
             uint32_t n, void *const *to, int64_t *got)
{
  struct batch *b = aligned_alloc (BLOCK, BLOCK + round_up (dw->page_size));
  int r = b ? read_table (dw, lap, at, b) : -ENOMEM;

  for (uint32_t i = 0; r == 1 && i < b->n; i++)
    {
      const struct entry *e = &b->entry[i];
      void *page = (char *) b + BLOCK;
      uint64_t k = e->page - first;

      if (e->page < first || k >= n)
        continue;
      r = read_at (dw->area, page, dw->page_size,
                   at + BLOCK + (uint64_t) i * dw->page_size);
      if (r < 0 || !is_whole (dw, e, page))
        break;
      r = 1;
      reach (dw, to, got, k * dw->page_size + e->length);
      memcpy (to[k], page, e->length);
    }
  free (b);
  return r < 0 ? r : 0;
}

/* ------------------------------------------------------------------ */
/* After a crash                                                      */

struct copy {
  uint64_t page;
  uint64_t at;                  /* in the area: later ones are newer */
  uint32_t length;
};

static int
by_page (const void *a, const void *b)
{
  const struct copy *x = a, *y = b;

  if (x->page != y->page)
    return x->page < y->page ? -1 : 1;
  return x->at < y->at ? -1 : x->at > y->at;
}

/* All copies in the chain. */
static int
list (struct orl_dw *dw, struct batch *b, struct copy **copies, uint32_t *n)
{
  uint64_t most = dw->bytes / dw->page_size;
  uint64_t at = ORL_DW_FIRST;
  int r;

  *n = 0;
  *copies = calloc (most, sizeof **copies);
  if (!*copies)
    return -ENOMEM;
  while ((r = read_batch (dw, dw->lap, at, b)) == 1)
    {
      for (uint32_t i = 0; i < b->n && *n < most; i++)
        (*copies)[(*n)++] = (struct copy){
          .page = b->entry[i].page,
          .at = at + BLOCK + (uint64_t) i * dw->page_size,
          .length = b->entry[i].length
        };
      at += orl_dw_need (dw, b->n);
    }
  return r;
}

/* One page: is it in place as the copy has it?  1: it was not.  It is written
 * even if it was: that may be what the page cache has of it, and a sync that
 * failed before said so once. */
static int
restore (struct orl_dw *dw, struct orl_store *store, bool look,
         const struct copy *c, unsigned char *room)
{
  unsigned char *now = room + dw->page_size;
  struct iovec iov = { now, c->length };
  uint64_t at = c->page * dw->page_size;
  int64_t got = store->ops->read (store, &iov, 1, at);
  int r = got < 0 ? (int) got
                  : read_at (dw->area, room, dw->page_size, c->at);
  bool torn;

  if (r < 0)
    return r;
  torn = (size_t) got != c->length || memcmp (room, now, c->length) != 0;
  if (!look)
    r = write_at (store, room, c->length, at);
  return r < 0 ? r : torn;
}

int
orl_dw_restore (struct orl_dw *dw, struct orl_store *store, bool look,
                uint32_t *pages)
{
  struct batch *b = batch_room (dw);
  struct copy *copies = NULL;
  uint32_t n = 0;
  struct head h;
  int r = b ? read_head (dw->area, &h) : -ENOMEM;

  if (r == 1)
    {
      dw->lap = h.lap; /* others may have been here since */
      r = list (dw, b, &copies, &n);
    }

  *pages = 0;
  if (n > 0)
    qsort (copies, n, sizeof *copies, by_page);
  for (uint32_t i = 0; r >= 0 && i < n; i++)
    if (i + 1 == n || copies[i + 1].page != copies[i].page)
      {
        r = restore (dw, store, look, &copies[i], (unsigned char *) b);
        *pages += r == 1;
      }
  if (r >= 0 && n > 0 && !look)
    r = store->ops->sync (store);
  free (copies);
  free (b);
  return r < 0 ? r : 0;
}

/* ------------------------------------------------------------------ */
/* Open                                                               */

/* A new area: its blocks, and its name, before anyone relies on them. */
static int
make (struct orl_dw *dw, const struct orl_dw_options *opt)
{
  const struct head like = { .bytes = dw->bytes,
                             .ino = opt->id.ino,
                             .birth = opt->id.birth,
                             .page_size = opt->page_size };
  char *name = strdup (dw->path);
  int fd, r;

  if (!name)
    return -ENOMEM;
  r = orl_sys.fallocate (dw->area->fd, 0, 0, (off_t) dw->bytes);
  /* Sandboxes that do not know the call say EPERM. */
  if (r == -EOPNOTSUPP || r == -ENOSYS || r == -EPERM)
    r = dw->area->ops->truncate (dw->area, dw->bytes);
  if (r == 0)
    r = write_head (dw, &like, dw->lap + 1);
  if (r == 0 && (r = fd = orl_sys.open (dirname (name), O_RDONLY, 0)) >= 0)
    {
      r = orl_sys.fsync (fd);
      orl_sys.close (fd);
    }
  free (name);
  return r;
}

/* There is a head: is it ours? */
static int
judge (struct orl_dw *dw, const struct orl_dw_options *opt,
       const struct head *h)
{
  bool same = h->ino == opt->id.ino && h->birth == opt->id.birth;
  struct batch *b;
  int r;

  dw->seq = h->seq;
  dw->lap = h->lap;
  dw->bytes = h->bytes;
  dw->page_size = h->page_size;
  dw->mark = h->mark;
  if (dw->page_size < 512 || dw->page_size > 65536
      || (dw->page_size & (dw->page_size - 1))
      || dw->bytes < ORL_DW_FIRST + orl_dw_need (dw, 1))
    return -EPROTO;
  if (opt->mark != 0 && (h->mark != opt->mark || !same))
    return 1;
  if (same && h->page_size == opt->page_size)
    return 0;
  b = batch_room (dw);
  r = b ? read_batch (dw, dw->lap, ORL_DW_FIRST, b) : -ENOMEM;
  free (b);
  if (r == 1 && opt->adopt && h->page_size == opt->page_size)
    {
      dw->adopted = !same;
      return 0;
    }
  dw->mark = 0;
  return r == 1 ? -ESTALE : r < 0 ? r : 1;
}

/* 1: it has to be made. */
static int
look (struct orl_dw *dw, const struct orl_dw_options *opt)
{
  struct head h;
  int r = read_head (dw->area, &h);

  if (r == 1)
    r = judge (dw, opt, &h);
  else if (r == 0)
    r = 1;
  if (r == -EPROTO)
    return orl_fail (r, "%s: is no double-write area; remove it, or choose "
                        "another place for the area",
                     dw->path);
  if (r == -ESTALE)
    return orl_fail (r,
                     "%s: has pages of another file, or of another page size; "
                     "remove it, or if it was copied together with its file "
                     "open that with adopt=1",
                     dw->path);
  return r < 0 ? orl_fail (r, "%s: the double-write area cannot be read",
                           dw->path)
               : r;
}

/* Open the store, and have it claimed. */
static int
open_store (struct orl_dw *dw, const struct orl_dw_options *opt)
{
  const struct orl_store_options how = { .create = opt->create,
                                         .read_only = opt->read_only };
  int look = orl_sys.open (dw->path, O_PATH, 0);
  int r;

  if (look >= 0)
    orl_sys.close (look);
  r = opt->mapped ? orl_store_pmem_open (dw->path, &how, &dw->area)
                  : orl_store_posix_open (dw->path, &how, &dw->area);
  if (r < 0)
    return r;
  dw->made = look == -ENOENT;
  return opt->claim ? opt->claim (opt->arg, dw->area, dw->path) : 0;
}

int
orl_dw_open (const char *path, const struct orl_dw_options *opt,
             struct orl_dw **dw)
{
  struct orl_dw *d = calloc (1, sizeof *d);
  uint64_t least;
  int r;

  if (!d || !(d->path = strdup (path)))
    {
      free (d);
      return orl_fail (-ENOMEM, "%s: no memory", path);
    }
  d->page_size = opt->page_size;
  d->of = opt->id;
  least = ORL_DW_FIRST + 2 * orl_dw_need (d, ORL_DW_MAX);
  d->bytes = AREA_BYTES > least ? AREA_BYTES : least;
  r = open_store (d, opt);
  if (r == 0)
    r = look (d, opt);
  if (r == 1 && (!opt->create || opt->read_only))
    r = -ENOENT;
  else if (r == 1)
    {
      d->page_size = opt->page_size;
      d->bytes = AREA_BYTES > least ? AREA_BYTES : least;
      r = make (d, opt);
      if (r < 0)
        orl_fail (r, "%s: the double-write area cannot be made (%llu bytes)",
                  path, (unsigned long long) d->bytes);
    }
  if (r < 0)
    {
      /* Of another file's, that was made just now as well, nothing is taken. */
      if (d->made && r != -EBUSY)
        orl_sys.unlink (d->path);
      orl_dw_close (d);
    }
  else
    *dw = d;
  return r;
}

void
orl_dw_close (struct orl_dw *dw)
{
  if (!dw)
    return;
  if (dw->area)
    dw->area->ops->close (dw->area);
  free (dw->path);
  free (dw);
}
