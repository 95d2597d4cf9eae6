/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walindex.c - what coherence needs to know of SQLite's wal-index
 *
 * The default VFS maps the wal-index; we only remember where, and read.  Its
 * format is that of https://sqlite.org/walformat.html, unchanged since version
 * 3007000 of it; of any other we say that we know nothing, and then the rules
 * of coherence.c fall back to looking at the database file.
 *
 *     0   header, 48 bytes: version, ..., isInit, ..., mxFrame, nPage, ...,
 *         salts, checksum
 *     48  the same header again; a writer writes this copy first
 *     96  nBackfill: frames that have been copied into the database, all of
 *         them; then read marks, lock bytes
 *     128 nBackfillAttempted: set before a checkpoint copies its first page
 *     136 the page numbers of frames 1 to 4062, then their hash table
 * Each later region of 32 KiB has the page numbers of 4096 frames.
 *
 * No locks: who calls holds a lock of SQLite's that makes the answer mean
 * something, and a torn answer is recognised.
 */
#include <stdlib.h>

#include "vfs.h"

#define VERSION 3007000u
#define HEADER_WORDS 12         /* 32-bit, of one copy */
#define FRAMES_FIRST 4062       /* in region 0 */
#define FRAMES 4096             /* in each other */
#define LOOKS 20                /* of some 20 ns, as a writer of a header needs */
#define REGION_MAX 4096         /* 16 million frames: more than SQLite's */
#define REGION_BYTES 32768

enum { CHANGES = 2, PAGE_SIZE = 3, MX_FRAME = 4, N_PAGE = 5, FRAME_SUM = 6,
       SALT_1 = 8, SALT_2 = 9, N_BACKFILL = 24, READ_MARKS = 25,
       ATTEMPTED = 32, PAGES = 34 };

enum seen { WHOLE, TORN, NOTHING };

int
vfs_shm_map (struct vfs_connection *c, int region, int size, int extend,
             void volatile **p)
{
  int rc = c->lower->pMethods->xShmMap (c->lower, region, size, extend, p);

  if (rc != SQLITE_OK)
    c->shm_read_only = rc == SQLITE_READONLY;
  if ((rc == SQLITE_OK || rc == SQLITE_READONLY) && *p && vfs_has_pool (c)
      && region < REGION_MAX)
    {
      if (region >= c->nregions)
        {
          volatile void **more = realloc (
              c->region, (size_t) (region + 1) * sizeof *more);

          if (!more) /* not known, then */
            return rc;
          c->region = more;
          while (c->nregions <= region)
            c->region[c->nregions++] = NULL;
        }
      c->region[region] = *p;
    }
  return rc;
}

void
vfs_shm_forget (struct vfs_connection *c)
{
  free (c->region);
  c->region = NULL;
  c->nregions = 0;
}

static uint32_t
get (const volatile void *region, int word)
{
  return __atomic_load_n ((const volatile uint32_t *) region + word,
                          __ATOMIC_ACQUIRE);
}

static uint64_t
mix (uint64_t hash, uint64_t value)
{
  hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 32);
}

/*
 * The first copy of the header is read before and the second after nBackfill:
 * as writers write the second first, equal copies say that both belong to one
 * moment.  A restart of the log writes the header, with mxFrame 0, and only
 * then makes nBackfill 0: until then nBackfill is beyond mxFrame, and what we
 * say of such a moment must not be taken for that of a later one.
 */
static enum seen
look (const volatile void *r, struct vfs_log *log)
{
  uint32_t header[HEADER_WORDS];
  uint32_t copied;

  for (int i = 0; i < HEADER_WORDS; i++)
    header[i] = get (r, i);
  copied = get (r, N_BACKFILL);
  for (int i = 0; i < HEADER_WORDS; i++)
    if (header[i] != get (r, HEADER_WORDS + i))
      return TORN;
  if (header[0] != VERSION || (header[SALT_1] == 0 && header[SALT_2] == 0))
    return NOTHING;
  if (copied > header[MX_FRAME])
    return TORN;
  log->salts = (uint64_t) header[SALT_1] << 32 | header[SALT_2];
  log->copied = copied;
  log->end = header[MX_FRAME];
  log->sum = (uint64_t) header[FRAME_SUM] << 32 | header[FRAME_SUM + 1];
  log->digest = mix (mix (header[SALT_1], header[SALT_2]), copied) | 1;
  return WHOLE;
}

bool
vfs_wal_look (const struct vfs_connection *c, struct vfs_log *log)
{
  enum seen seen = TORN;

  *log = (struct vfs_log){ 0 };
  if (c->nregions == 0 || !c->region[0])
    return false;
  for (int i = 0; i < LOOKS && seen == TORN; i++)
    seen = look (c->region[0], log);
  return seen == WHOLE;
}

uint64_t
vfs_wal_attempt (const volatile void *region)
{
  return mix (mix (get (region, SALT_1), get (region, SALT_2)),
              get (region, ATTEMPTED))
         | 1;
}

/* Each commit counts it up; who makes the wal-index anew begins at 0. */
uint32_t
vfs_wal_commits (const volatile void *region)
{
  return get (region, CHANGES);
}

uint32_t
vfs_wal_frames (const struct vfs_connection *c)
{
  if (c->nregions == 0 || !c->region[0] || get (c->region[0], 0) != VERSION)
    return 0;
  return get (c->region[0], MX_FRAME);
}

/* Frames that no checkpoint has tried to copy. */
uint32_t
vfs_wal_untried (const struct vfs_connection *c)
{
  uint32_t end = vfs_wal_frames (c);
  uint32_t tried = end > 0 ? get (c->region[0], ATTEMPTED) : 0;

  return end > tried ? end - tried : 0;
}

/*
 * A reader uses mark 0 when the whole log has been copied, and never else; then
 * nothing can change.  Else it uses a mark at the last frame, if there is one.
 * Kept for long, that would keep a checkpoint from copying what came after it:
 * so it is not kept once someone has tried, unless it was a user of the pool,
 * who would have recalled it.
 */
bool
vfs_wal_lease_ok (const volatile void *region, int mark, uint64_t attempt)
{
  uint32_t end, copied;

  if (!region || get (region, 0) != VERSION)
    return false;
  end = get (region, MX_FRAME);
  copied = get (region, N_BACKFILL);
  if (mark == 0 || copied == end)
    return mark == 0 && copied == end;
  return get (region, READ_MARKS + mark) == end
         && (get (region, ATTEMPTED) == 0
             || vfs_wal_attempt (region) == attempt);
}

/* Where a frame (from 1 on) has its page number. */
static int
place_of (uint32_t frame, int *region)
{
  uint32_t index = frame - 1;

  *region = 0;
  if (index < FRAMES_FIRST)
    return (int) index + PAGES;
  index -= FRAMES_FIRST;
  *region = 1 + (int) (index / FRAMES);
  return (int) (index % FRAMES);
}

/* The page of frame, 0 if we do not know. */
static uint32_t
page_of (const struct vfs_connection *c, uint32_t frame)
{
  int region, index = place_of (frame, &region);

  if (region >= c->nregions || !c->region[region])
    return 0;
  return get (c->region[region], index);
}

/* SQLite has 1 there for 65536. */
uint32_t
vfs_wal_page_size (const struct vfs_connection *c)
{
  volatile uint16_t *half;
  uint32_t size;

  if (c->nregions == 0 || !c->region[0] || get (c->region[0], 0) != VERSION)
    return 0;
  half = (volatile uint16_t *) c->region[0] + 2 * PAGE_SIZE + 1;
  size = __atomic_load_n (half, __ATOMIC_ACQUIRE);
  return size == 1 ? 65536 : size >= 512 && (size & (size - 1)) == 0 ? size : 0;
}

int64_t
vfs_wal_page (struct vfs_connection *c, uint32_t frame)
{
  void volatile *p = NULL;
  int region;

  place_of (frame, &region);
  if (region < c->nregions && c->region[region])
    return page_of (c, frame);
  if (region >= REGION_MAX
      || vfs_shm_map (c, region, REGION_BYTES, 0, &p) != SQLITE_OK)
    return -1;
  return p ? page_of (c, frame) : 0;
}

/*
 * A checkpoint copies, in the order of page numbers, each page that has a
 * frame in (nBackfill, attempted] and none after that.  It then advances
 * nBackfill, whatever we say then: so the last page that it writes must be in
 * the file before that write returns, or an error could not be told any more.
 *
 * Frames may be appended while the checkpoint runs, and SQLite's own copy of
 * the header may be older than the one we see: then it takes fewer frames for
 * later ones, and may go on to larger page numbers.  From the number found here
 * on, all writes count as the last.
 */
uint64_t
vfs_wal_safe_page (const struct vfs_connection *c)
{
  uint32_t first, last, end, limit;
  uint32_t below = UINT32_MAX;

  if (c->nregions == 0 || !c->region[0] || get (c->region[0], 0) != VERSION)
    return 1;
  first = get (c->region[0], N_BACKFILL) + 1;
  last = get (c->region[0], ATTEMPTED);
  end = get (c->region[0], MX_FRAME);
  limit = get (c->region[0], N_PAGE);
  if (last > end || first > last)
    return 1;
  /* The largest page that is not written again later.  Each round costs a look
   * at every frame; a few rounds will do, and if not we flush more often. */
  for (int round = 0; round < 8; round++)
    {
      uint32_t largest = 0;
      bool later = false;

      for (uint32_t frame = first; frame <= last; frame++)
        {
          uint32_t page = page_of (c, frame);

          if (page == 0)
            return 1;
          if (page > largest && page < below && page <= limit)
            largest = page;
        }
      for (uint32_t frame = last + 1; frame <= end && !later; frame++)
        later = page_of (c, frame) == largest;
      if (!later)
        return largest ? largest : 1;
      below = largest;
    }
  return 1;
}
