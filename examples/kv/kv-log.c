/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-log.c - the write-ahead log: group commit, checkpoints, recovery
 *
 * PATH-log begins with a head, which is less than a disk's sector and so is written
 * whole or not, and then is a ring of records.  A record has a change's pages, and for
 * each the bytes that differ; or all of it, when it is the page's first change
 * since the last checkpoint began, so that it does not matter what a write that
 * the power cut left of the page.  Its sum is seeded with the log's salt, which
 * is new after each recovery: what an earlier life wrote behind the end is no
 * record.
 *
 * A record is written to the page cache by who has the writer's lock.  It is made
 * durable by whoever needs it first and finds no one at it: what others wrote
 * meanwhile goes along, and they wait for that one, or do it when that one has
 * died.
 *
 * A page is written to its file only when the log is durable up to its last
 * change; Oriel sees to that, by the lsn of oriel_dirty().
 *
 * Checkpoint: from some moment on, redo, pages are logged whole again; all that
 * are dirty are written; then the head says that recovery is to begin at redo,
 * and what is before it may be overwritten.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "kv-impl.h"

#define BLOCK 4096u
#define RING BLOCK              /* where it begins */
#define GAP 16                  /* equal bytes that are logged nevertheless,
                                   since a range costs 4 */
#define WHOLE 0x80000000u       /* of kv_part.ranges: zeroes but for them */

struct log_head {
  uint64_t magic;
  uint64_t redo;
  uint64_t salt;
  uint64_t log_size;
  uint64_t page_size;
  uint64_t sum;                 /* of what is before it */
};

struct record {
  uint64_t lsn;                 /* where it begins */
  uint64_t sum;                 /* of all of it, with the salt in this place */
  uint32_t length;              /* a multiple of 8 */
  uint32_t parts;
};

struct part {
  uint64_t page;
  uint32_t ranges;
  uint32_t length;              /* of them; a multiple of 8 */
};

struct range {
  uint16_t offset;
  uint16_t length;
};

/* ------------------------------------------------------------------ */
/* The ring                                                           */

static int
transfer (kv *store, bool writing, uint64_t lsn, void *data, size_t length)
{
  unsigned char *p = data;

  while (length > 0) {
    uint64_t at = lsn % store->log_size;
    size_t n = length < store->log_size - at ? length : store->log_size - at;
    ssize_t done = writing ? pwrite (store->log, p, n, (off_t) (RING + at))
                           : pread (store->log, p, n, (off_t) (RING + at));

    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return done < 0 ? -errno : -EBADMSG;
    p += done;
    lsn += (uint64_t) done;
    length -= (size_t) done;
  }
  return 0;
}

static uint64_t
sum_of (void *record, uint64_t salt)
{
  struct record *rec = record;
  uint64_t kept = rec->sum, sum;

  rec->sum = salt;
  sum = XXH3_64bits (record, rec->length);
  rec->sum = kept;
  return sum;
}

/* Where the two differ from at on, up to a gap; false: nowhere. */
static bool
next_range (const unsigned char *old, const unsigned char *new, size_t size,
            size_t at, struct range *range)
{
  size_t end, last;

  while (at < size && memcmp (old + at, new + at, 8) == 0)
    at += 8;
  if (at >= size)
    return false;
  while (old[at] == new[at])
    at++;
  for (end = last = at; end < size && end - last < GAP; end++)
    if (old[end] != new[end])
      last = end;
  range->offset = (uint16_t) at;
  range->length = (uint16_t) (last + 1 - at);
  return true;
}

/* One page's part, at the end of the record. */
static void
add_part (kv *store, struct kv_change *c, uint64_t lsn, bool whole)
{
  const unsigned char *old = whole ? store->scratch : c->pin.data;
  struct record *rec = (struct record *) store->record;
  struct kv_head *head = kv_head (c->copy);
  struct part part = { .page = c->pin.number, .ranges = whole ? WHOLE : 0 };
  size_t begin = rec->length, at = begin + sizeof part;
  struct range range = { 0, 0 };

  if (whole && head->level != KV_FREE && part.page != KV_META) {
    /* What is free may hold anything; and what is equal to it is not logged. */
    size_t used = sizeof *head + head->n * sizeof (struct kv_slot);

    memset (c->copy + used, 0, head->heap - used);
  }
  if (whole)
    memset (store->scratch, 0, store->size);
  head->lsn = lsn + 1;
  while (next_range (old, c->copy, store->size,
                     (range.offset + range.length + 7u) & ~7u, &range)) {
    memcpy (store->record + at, &range, sizeof range);
    memcpy (store->record + at + sizeof range, c->copy + range.offset,
            range.length);
    at += sizeof range + range.length;
    part.ranges++;
  }
  while (at % 8 != 0)
    store->record[at++] = 0;
  part.length = (uint32_t) (at - begin - sizeof part);
  memcpy (store->record + begin, &part, sizeof part);
  rec->length = (uint32_t) at;
  rec->parts++;
}

int
kv_log_append (kv *store)
{
  struct kv_shared *s = store->shared;
  uint64_t lsn = atomic_load (&s->log_end), redo = atomic_load (&s->redo);
  struct record *rec = (struct record *) store->record;
  size_t length, all;
  int r;

  *rec = (struct record) { .lsn = lsn, .length = sizeof *rec };
  for (unsigned i = 0; i < store->txn.n; i++) {
    struct kv_change *c = &store->txn.change[i];

    add_part (store, c, lsn, kv_head (c->pin.data)->lsn <= redo);
  }
  rec->sum = sum_of (rec, atomic_load (&s->salt));
  length = all = rec->length;
  /* A block that is begun is written whole, so that the kernel need not read
   * what it had. */
  if (lsn % BLOCK == 0 || lsn / BLOCK != (lsn + length - 1) / BLOCK) {
    all = (size_t) ((lsn + length + BLOCK - 1) / BLOCK * BLOCK - lsn);
    memset (store->record + length, 0, all - length);
  }
  if (all > store->log_size / 2)
    return -E2BIG;
  if (lsn + all > atomic_load (&s->log_start) + store->log_size)
    return -ENOSPC;
  KV_POINT ("append.full");
  r = transfer (store, true, lsn, store->record, all);
  KV_POINT ("append.written");
  if (r == 0)
    atomic_store (&s->log_end, lsn + length);
  return r;
}

/* The record at lsn into store->record; -ENOENT if there is none. */
static int
read_record (kv *store, uint64_t lsn)
{
  struct record head;
  int r = transfer (store, false, lsn, &head, sizeof head);

  if (r < 0)
    return r;
  if (head.lsn != lsn || head.length < sizeof head || head.length % 8 != 0
      || head.length > store->log_size / 2
      || head.length > kv_record_room (store))
    return -ENOENT;
  r = transfer (store, false, lsn, store->record, head.length);
  if (r == 0 && memcmp (store->record, &head, sizeof head) != 0)
    r = -ENOENT;
  if (r == 0
      && head.sum != sum_of (store->record,
                             atomic_load (&store->shared->salt)))
    r = -ENOENT;
  return r;
}

/* ------------------------------------------------------------------ */
/* Doing again                                                        */

/* Put a part's bytes into its page.  What was WHOLE is not read before. */
static int
redo_part (kv *store, const struct part *part, const unsigned char *ranges,
           uint64_t end)
{
  bool whole = (part->ranges & WHOLE) != 0;
  oriel_page page;
  int r = oriel_pin (store->file, part->page,
                     ORIEL_WRITE | (whole ? ORIEL_FRESH : 0), &page);
  int lost;

  if (r < 0)
    return r;
  for (uint32_t i = 0, at = 0; i < (part->ranges & ~WHOLE); i++) {
    struct range range;

    memcpy (&range, ranges + at, sizeof range);
    at += sizeof range;
    if (at + range.length > part->length
        || (size_t) range.offset + range.length > store->size) {
      r = -EBADMSG;
      break;
    }
    memcpy ((unsigned char *) page.data + range.offset, ranges + at,
            range.length);
    at += range.length;
  }
  KV_POINT ("redo.part");
  lost = oriel_dirty (&page, end);
  lost |= oriel_unpin (&page);
  return r < 0 ? r : lost < 0 ? -EIO : 0;
}

/* What store->record says. */
static int
redo_record (kv *store)
{
  const struct record *rec = (const struct record *) store->record;
  uint64_t end = rec->lsn + rec->length;
  size_t at = sizeof *rec;

  for (uint32_t i = 0; i < rec->parts; i++) {
    struct part part;
    int r = -EBADMSG;

    memcpy (&part, store->record + at, sizeof part);
    at += sizeof part;
    if (at + part.length <= rec->length)
      r = redo_part (store, &part, store->record + at, end);
    if (r < 0)
      return r;
    at += part.length;
  }
  return 0;
}

int
kv_log_redo (kv *store)
{
  struct kv_shared *s = store->shared;
  uint64_t at;

  while ((at = atomic_load (&s->applied)) != atomic_load (&s->log_end)) {
    int r = read_record (store, at);

    kv_begin_together (store);
    if (r == 0)
      r = redo_record (store);
    if (r < 0)
      return r == -ENOENT ? -EBADMSG : r;
    KV_POINT ("redo.done");
    atomic_store (&s->applied,
                  at + ((const struct record *) store->record)->length);
  }
  kv_end_together (store);
  return 0;
}

/* ------------------------------------------------------------------ */
/* Making durable                                                     */

static bool
is_closed (kv *store)
{
  return atomic_load (&store->shared->state) == KV_BROKEN;
}

int
kv_log_sync (kv *store, uint64_t end)
{
  struct kv_shared *s = store->shared;

  while (oriel_file_durable_lsn (store->file) < end && !is_closed (store)) {
    uint32_t turn = atomic_load (&s->sync.turn);
    uint64_t owner;

    if (kv_trylock (store, &s->sync)) {
      uint64_t all = atomic_load (&s->log_end);

      KV_POINT ("sync.begun");
      if (oriel_file_durable_lsn (store->file) < end
          && (fdatasync (store->log) < 0
              || oriel_file_durable (store->file, all) < 0))
        /* What was lost the kernel does not know any more. */
        atomic_store (&s->state, KV_BROKEN);
      KV_POINT ("sync.done");
      atomic_store (&s->sync.owner, 0);
      kv_wake (&s->sync.turn, INT_MAX);
      continue;
    }
    if (oriel_file_durable_lsn (store->file) < end)
      kv_sleep (&s->sync.turn, turn);
    owner = atomic_load (&s->sync.owner);
    if (owner != 0 && atomic_load (&s->sync.turn) == turn
        && !oriel_alive (store->pool, owner))
      atomic_compare_exchange_strong (&s->sync.owner, &owner, 0);
  }
  return is_closed (store) ? -EIO : 0;
}

/* ------------------------------------------------------------------ */
/* Checkpoints                                                        */

static uint64_t
head_sum (const struct log_head *head)
{
  return XXH3_64bits (head, offsetof (struct log_head, sum));
}

/* -ENOENT: the log has not been made yet. */
static int
read_head (kv *store, struct log_head *head)
{
  ssize_t n = pread (store->log, head, sizeof *head, 0);

  if (n < 0)
    return -errno;
  if (n < (ssize_t) sizeof *head || head->magic == 0)
    return -ENOENT;
  if (head->magic != KV_MAGIC || head->sum != head_sum (head))
    return -EBADMSG;
  store->log_size = head->log_size;
  return head->page_size == store->size ? 0 : -EINVAL;
}

static int
write_head (kv *store, uint64_t redo, uint64_t salt)
{
  struct log_head head = { .magic = KV_MAGIC, .redo = redo, .salt = salt,
                           .log_size = store->log_size,
                           .page_size = store->size };

  head.sum = head_sum (&head);
  return pwrite (store->log, &head, sizeof head, 0) != (ssize_t) sizeof head
                 || fdatasync (store->log) < 0
             ? -EIO
             : 0;
}

/* Pages that were changed before redo are in the file, then the head says so. */
static int
settle (kv *store, uint64_t redo)
{
  int r = kv_log_sync (store, redo);

  if (r == 0)
    r = oriel_checkpoint (store->pool, store->file, NULL);
  KV_POINT ("checkpoint.pages");
  if (r == 0)
    r = write_head (store, redo, atomic_load (&store->shared->salt));
  KV_POINT ("checkpoint.head");
  if (r == 0)
    atomic_store (&store->shared->log_start, redo);
  return r;
}

bool
kv_log_wants_checkpoint (const kv *store)
{
  return atomic_load (&store->shared->log_end)
             - atomic_load (&store->shared->log_start)
         > store->log_size / 2;
}

int
kv_log_checkpoint (kv *store, bool need)
{
  struct kv_shared *s = store->shared;
  uint64_t start = atomic_load (&s->log_start), redo;
  int r;

  if (need)
    kv_lock (store, &s->checkpoint);
  else if (!kv_trylock (store, &s->checkpoint))
    return 0;
  KV_POINT ("checkpoint.begun");
  r = kv_begin (store);
  if (r == 0) {
    redo = atomic_load (&s->log_end);
    atomic_store (&s->redo, redo);
    kv_end (store);
    if (atomic_load (&s->log_start) == start) /* else another made one now */
      r = settle (store, redo);
  }
  kv_unlock (&s->checkpoint);
  return r;
}

/* ------------------------------------------------------------------ */
/* Opening                                                            */

/* A new one is written whole, so that making it durable later is a matter of its
 * data alone. */
static int
fill (kv *store)
{
  unsigned char *zeroes = calloc (16, BLOCK);
  uint64_t size = RING + store->log_size;
  int r = zeroes ? 0 : -ENOMEM;

  for (uint64_t at = 0; r == 0 && at < size; at += 16 * BLOCK) {
    size_t n = size - at < 16 * BLOCK ? (size_t) (size - at) : 16 * BLOCK;

    if (pwrite (store->log, zeroes, n, (off_t) at) != (ssize_t) n)
      r = errno ? -errno : -EIO;
  }
  free (zeroes);
  return r;
}

int
kv_log_open (kv *store, const char *path, uint64_t size)
{
  char name[PATH_MAX];

  if (snprintf (name, sizeof name, "%s-log", path) >= (int) sizeof name)
    return -ENAMETOOLONG;
  store->log_size = (size ? size : UINT64_C (64) << 20) / BLOCK * BLOCK;
  if (store->log_size < 64 * store->size)
    store->log_size = 64 * store->size;
  store->log = open (name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  return store->log < 0 ? -errno : 0;
}

/* Say what the pages' file is to be, where there was none. */
static int
format (kv *store)
{
  unsigned char *meta, *root;
  uint64_t end;
  int r = kv_begin (store);

  if (r < 0)
    return r;
  r = kv_edit (store, KV_META, &meta);
  if (r == 0 && ((struct kv_meta *) meta)->magic == 0) {
    ((struct kv_meta *) meta)->magic = KV_MAGIC;
    ((struct kv_meta *) meta)->pages = KV_ROOT + 1;
    ((struct kv_meta *) meta)->page_size = store->size;
    r = kv_edit (store, KV_ROOT, &root);
    if (r == 0)
      kv_page_init (root, store->size, 0);
  } else if (r == 0 && (((struct kv_meta *) meta)->magic != KV_MAGIC
                        || ((struct kv_meta *) meta)->page_size
                               != store->size))
    r = -EINVAL;
  else
    r = r < 0 ? r : 1;
  if (r != 0) {
    kv_end (store);
    return r < 0 ? r : 0;
  }
  r = kv_commit (store, &end);
  return r == 0 ? kv_log_sync (store, end) : r;
}

int
kv_log_join (kv *store)
{
  struct log_head head;

  return read_head (store, &head);
}

int
kv_log_recover (kv *store)
{
  struct kv_shared *s = store->shared;
  struct log_head head;
  uint64_t end;
  int r = read_head (store, &head);

  if (r == -ENOENT) {
    /* None was ever whole: then no page can have been written. */
    if (oriel_file_size (store->file) > 0)
      return -EBADMSG;
    memset (&head, 0, sizeof head);
    r = fill (store);
    if (r == 0 && syncfs (store->log) < 0) /* names, too */
      r = -errno;
  }
  if (r < 0)
    return r;
  end = head.redo;
  atomic_store (&s->salt, head.salt);
  atomic_store (&s->log_end, end);
  while ((r = read_record (store, end)) == 0) {
    end += ((const struct record *) store->record)->length;
    atomic_store (&s->log_end, end);
    r = redo_record (store);
    if (r < 0)
      return r;
  }
  if (r != -ENOENT)
    return r;
  KV_POINT ("recover.pages");
  atomic_store (&s->applied, end);
  atomic_store (&s->redo, end);
  if (getrandom (&head.salt, sizeof head.salt, 0) != sizeof head.salt)
    return -EIO;
  r = kv_log_sync (store, end);
  if (r == 0)
    r = oriel_checkpoint (store->pool, store->file, NULL);
  atomic_store (&s->salt, head.salt);
  if (r == 0)
    r = write_head (store, end, head.salt);
  atomic_store (&s->log_start, end);
  KV_POINT ("recover.head");
  return r < 0 ? r : format (store);
}
