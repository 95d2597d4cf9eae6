/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-log.c - the write-ahead log: group commit, checkpoints, recovery
 *
 * PATH-log begins with a head, which is less than a disk's sector and so is written
 * whole or not, and then is a ring of records.  A record has a change's pages, and for
 * each what differs; or all of it, when it is the page's first change
 * since the last checkpoint began, so that it does not matter what a write that
 * the power cut left of the page.  Its sum is seeded with the log's salt, which
 * is new after each recovery: what an earlier life wrote behind the end is no
 * record.
 *
 * A record is written to the page cache by who has the log's lock.  It is made
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
#include <sched.h>
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
#define GRAIN 32                /* what of a page is logged is found so exactly */
#define WHOLE (UINT64_C (1) << 63) /* of part.page: zeroes but for its ranges */

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

/* Of a page two ranges are logged, one of head and slots, one of cells; their
 * bytes follow, up to a multiple of 8.  Not what is before the head's link: redo
 * sets the lsn. */
struct part {
  uint64_t page;
  uint16_t at[2];
  uint16_t length[2];
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

/* Make the range smaller by what is equal at its ends. */
static void
shrink (const unsigned char *old, const unsigned char *new, size_t *from,
        size_t *to)
{
  while (*to - *from >= GRAIN
         && memcmp (old + *from, new + *from, GRAIN) == 0)
    *from += GRAIN;
  while (*to - *from >= GRAIN
         && memcmp (old + *to - GRAIN, new + *to - GRAIN, GRAIN) == 0)
    *to -= GRAIN;
}

/* One page's part, at the end of the record. */
static void
add_part (kv *store, const struct kv_change *c, uint64_t redo)
{
  struct record *rec = (struct record *) store->record;
  struct part *part = (struct part *) (store->record + rec->length);
  struct kv_head *head = kv_head (c->pin.data);
  bool whole = kv_head (c->old)->lsn <= redo;
  size_t from[2] = { offsetof (struct kv_head, link), head->heap };
  size_t to[2] = { head->heap - (whole ? kv_page_room (head) : 0),
                   store->size };
  unsigned char *end = (unsigned char *) (part + 1);

  if (whole) /* as it will be when it is redone: later ranges are what differs */
    memset ((unsigned char *) head + to[0], 0, head->heap - to[0]);
  head->lsn = rec->lsn + 1;
  part->page = c->pin.number | (whole ? WHOLE : 0);
  for (int i = 0; i < 2; i++) {
    size_t length;

    if (!whole)
      shrink (c->old, c->pin.data, &from[i], &to[i]);
    length = to[i] - from[i];
    part->at[i] = (uint16_t) from[i];
    part->length[i] = (uint16_t) length;
    memcpy (end, (unsigned char *) head + from[i], length);
    end += length;
  }
  while ((uintptr_t) end % 8 != 0)
    *end++ = 0;
  rec->length = (uint32_t) (end - store->record);
  rec->parts++;
}

int
kv_log_append (kv *store, const struct kv_txn *t)
{
  struct kv_shared *s = store->shared;
  uint64_t lsn = atomic_load (&s->log_end), redo = atomic_load (&s->redo);
  struct record *rec = (struct record *) store->record;
  size_t length, all;
  int r;

  *rec = (struct record) { .lsn = lsn, .length = sizeof *rec };
  for (unsigned i = 0; i < t->n; i++)
    add_part (store, &t->change[i], redo);
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
redo_part (kv *store, const struct part *part, const struct record *rec)
{
  const unsigned char *bytes = (const unsigned char *) (part + 1);
  oriel_page page;
  int r, lost;

  for (int i = 0; i < 2; i++)
    if ((size_t) part->at[i] + part->length[i] > store->size)
      return -EBADMSG;
  r = oriel_pin (store->file, part->page & ~WHOLE,
                 ORIEL_WRITE | (part->page & WHOLE ? ORIEL_FRESH : 0), &page);
  if (r < 0)
    return r;
  for (int i = 0; i < 2; bytes += part->length[i++])
    memcpy ((unsigned char *) page.data + part->at[i], bytes,
            part->length[i]);
  kv_head (page.data)->lsn = rec->lsn + 1;
  KV_POINT ("redo.part");
  lost = oriel_dirty (&page, rec->lsn + rec->length);
  lost |= oriel_unpin (&page);
  return lost < 0 ? -EIO : 0;
}

/* What store->record says. */
static int
redo_record (kv *store)
{
  const struct record *rec = (const struct record *) store->record;
  size_t at = sizeof *rec;
  int r = 0;

  for (uint32_t i = 0; r == 0 && i < rec->parts; i++) {
    const struct part *part = (const struct part *) (store->record + at);

    if (at + sizeof *part > rec->length)
      return -EBADMSG;
    at += (sizeof *part + part->length[0] + part->length[1] + 7u) & ~7u;
    r = at <= rec->length ? redo_part (store, part, rec) : -EBADMSG;
  }
  return r;
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

/* Whoever gets the lock makes all durable that was written until then, so the
 * others need not.  Those whom the last one released are about to write more: a
 * processor is left to them first, as long as some do. */
int
kv_log_sync (kv *store, uint64_t end)
{
  struct kv_shared *s = store->shared;

  while (oriel_file_durable_lsn (store->file) < end && !is_closed (store)) {
    uint64_t all;
    int round = 0;

    if (kv_lock_soon (store, &s->sync) < 0)
      continue;
    do {
      all = atomic_load (&s->log_end);
      sched_yield ();
    } while (atomic_load (&s->log_end) != all && ++round < 8);
    KV_POINT ("sync.begun");
    if (oriel_file_durable_lsn (store->file) < end
        && (fdatasync (store->log) < 0
            || oriel_file_durable (store->file, all) < 0))
      /* What was lost the kernel does not know any more. */
      atomic_store (&s->state, KV_BROKEN);
    KV_POINT ("sync.done");
    kv_unlock (&s->sync);
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

  if (!need && atomic_load (&s->checkpoint.owner) != 0)
    return 0;
  kv_lock (store, &s->checkpoint);
  KV_POINT ("checkpoint.begun");
  r = kv_take_log (store);
  if (r == 0) {
    redo = atomic_load (&s->log_end);
    atomic_store (&s->redo, redo);
    kv_unlock (&s->log);
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
  static const unsigned char zeroes[16 * BLOCK];
  uint64_t size = RING + store->log_size;
  ssize_t n = 0;

  for (uint64_t at = 0; n >= 0 && at < size; at += (uint64_t) n)
    n = pwrite (store->log, zeroes,
                size - at < sizeof zeroes ? (size_t) (size - at)
                                          : sizeof zeroes,
                (off_t) at);
  /* With its name, and that of the pages' file. */
  return n < 0 || syncfs (store->log) < 0 ? -errno : 0;
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

/* Make an empty tree, where there is none. */
static int
format (kv *store)
{
  struct kv_txn *t = &store->txn;
  unsigned char *page;
  struct kv_meta *meta;
  uint64_t end;
  int r = kv_edit (store, t, KV_META, &page);

  if (r < 0)
    return r;
  meta = (struct kv_meta *) page;
  if (meta->magic != 0) {
    r = meta->magic == KV_MAGIC && meta->page_size == store->size ? 0
                                                                  : -EINVAL;
    kv_undo (store, t);
    return r;
  }
  meta->head.heap = sizeof meta->head; /* all is logged */
  meta->magic = KV_MAGIC;
  meta->pages = KV_ROOT + 1;
  meta->page_size = store->size;
  r = kv_edit (store, t, KV_ROOT, &page);
  if (r < 0) {
    kv_undo (store, t);
    return r;
  }
  kv_page_init (page, store->size, 0);
  r = kv_commit (store, t, &end);
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
