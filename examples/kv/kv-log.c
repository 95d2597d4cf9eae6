/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv-log.c - the write-ahead log: group commit, checkpoints, recovery
 *
 * PATH-log begins with a head, which is less than a disk's sector and so is written
 * whole or not, and then is a ring of records.  A record has what differs of a
 * change's pages: bytes, to be put at places.  So to do records again from some
 * point on is right for pages that have some of them already.  What a page needs
 * is to be in the file as it was at some moment: the power may tear a page that is
 * written, but Oriel's double-write area (oriel/torn.h) has it then.
 *
 * A record's sum is seeded with the log's salt, which is new after each recovery:
 * what an earlier life wrote behind the end is no record.
 *
 * A record is written to the page cache by who has the log's lock.  It is made
 * durable by whoever needs it first and finds no one at it: what others wrote
 * meanwhile goes along, and they wait for that one, or do it when that one has
 * died.  A page is written to its file only when the log is durable up to its last
 * change; Oriel sees to that, by the lsn of oriel_dirty().
 *
 * Checkpoint: all pages that are dirty are written; then the head says that
 * recovery is to begin where the log was when that began, and what is before it
 * may be overwritten.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "kv-impl.h"

#define BLOCK 4096u
#define RING BLOCK              /* where it begins */
#define GRAIN 32                /* bytes of a page that are compared at once */
#define MAGIC UINT64_C (0x322d676f6c2d766b) /* "kv-log-2" */

struct log_head {
  uint64_t magic;
  uint64_t start;
  uint64_t salt;
  uint64_t log_size;
  uint64_t page_size;
  uint64_t sum;                 /* of what is before it */
};

struct record {
  uint64_t lsn;                 /* where it begins */
  uint64_t sum;                 /* of all of it, with the salt in this place */
  uint64_t length;              /* a multiple of 8 */
};

/* Of a page; the bytes follow. */
struct part {
  uint64_t page;
  uint32_t at, length;          /* multiples of GRAIN */
};

_Static_assert (sizeof (struct kv_head) == GRAIN, "the lsn comes along");

/* ------------------------------------------------------------------ */
/* The ring                                                           */

static int
transfer (kv *store, bool writing, uint64_t lsn, void *data, size_t length)
{
  uint64_t size = atomic_load (&store->shared->log_size);
  unsigned char *p = data;

  while (length > 0) {
    uint64_t at = lsn % size;
    size_t n = length < size - at ? length : size - at;
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

/* What differs of a page, at the end of the record: its head at least. */
static void
add_parts (kv *store, const struct kv_change *c)
{
  struct record *rec = (struct record *) store->record;
  const unsigned char *new = c->pin.data;
  struct part *part = NULL;

  kv_head (new)->lsn = rec->lsn + 1;
  for (uint32_t at = 0; at < store->size; at += GRAIN) {
    if (memcmp (c->old + at, new + at, GRAIN) == 0) {
      part = NULL;
      continue;
    }
    if (!part) {
      part = (struct part *) (store->record + rec->length);
      *part = (struct part) { c->pin.number, at, 0 };
      rec->length += sizeof *part;
    }
    memcpy (store->record + rec->length, new + at, GRAIN);
    rec->length += GRAIN;
    part->length += GRAIN;
  }
}

int
kv_log_append (kv *store, const struct kv_txn *t)
{
  struct kv_shared *s = store->shared;
  uint64_t lsn = atomic_load (&s->log_end), size = atomic_load (&s->log_size);
  struct record *rec = (struct record *) store->record;
  size_t length, all;
  int r;

  *rec = (struct record) { .lsn = lsn, .length = sizeof *rec };
  for (unsigned i = 0; i < t->n; i++)
    add_parts (store, &t->change[i]);
  rec->sum = sum_of (rec, atomic_load (&s->salt));
  length = all = rec->length;
  /* A block that is begun is written whole, so that the kernel need not read
   * what it had. */
  if (lsn % BLOCK == 0 || lsn / BLOCK != (lsn + length - 1) / BLOCK) {
    all = (size_t) ((lsn + length + BLOCK - 1) / BLOCK * BLOCK - lsn);
    memset (store->record + length, 0, all - length);
  }
  if (all > size / 2)
    return -E2BIG;
  if (lsn + all > atomic_load (&s->log_start) + size)
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
  struct kv_shared *s = store->shared;
  struct record *rec = (struct record *) store->record;
  uint64_t length;
  int r = transfer (store, false, lsn, rec, sizeof *rec);

  if (r < 0)
    return r;
  length = rec->length;
  if (rec->lsn != lsn || length < sizeof *rec || length % 8 != 0
      || length > atomic_load (&s->log_size) / 2
      || length > kv_record_room (store))
    return -ENOENT;
  r = transfer (store, false, lsn, rec, length);
  if (r < 0)
    return r;
  return rec->length == length
                 && rec->sum == sum_of (rec, atomic_load (&s->salt))
             ? 0
             : -ENOENT;
}

/* ------------------------------------------------------------------ */
/* Doing again                                                        */

/* What store->record says. */
static int
redo_record (kv *store)
{
  const struct record *rec = (const struct record *) store->record;

  for (size_t at = sizeof *rec; at < rec->length;) {
    const struct part *part = (const struct part *) (store->record + at);
    oriel_page page;
    int r, lost;

    at += sizeof *part + part->length;
    if (at > rec->length || part->at + (size_t) part->length > store->size)
      return -EBADMSG;
    r = oriel_pin (store->file, part->page, ORIEL_WRITE, &page);
    if (r < 0)
      return r;
    memcpy ((unsigned char *) page.data + part->at, part + 1, part->length);
    KV_POINT ("redo.part");
    lost = oriel_dirty (&page, rec->lsn + rec->length);
    lost |= oriel_unpin (&page);
    if (lost < 0)
      return -EIO;
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

    if (kv_lock_soon (store, &s->sync, 1) < 0)
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

static int
write_head (kv *store, uint64_t start, uint64_t salt)
{
  struct log_head head = { MAGIC, start, salt,
                           atomic_load (&store->shared->log_size),
                           store->size, 0 };

  head.sum = head_sum (&head);
  return pwrite (store->log, &head, sizeof head, 0) != (ssize_t) sizeof head
                 || fdatasync (store->log) < 0
             ? -EIO
             : 0;
}

/* Pages that were changed before start are in the file, then the head says so. */
static int
settle (kv *store, uint64_t start, uint64_t salt)
{
  struct kv_shared *s = store->shared;
  int r = kv_log_sync (store, start);

  if (r == 0)
    r = oriel_checkpoint (store->pool, store->file, NULL);
  KV_POINT ("checkpoint.pages");
  if (r == 0)
    r = write_head (store, start, salt);
  KV_POINT ("checkpoint.head");
  if (r == 0) {
    atomic_store (&s->salt, salt);
    atomic_store (&s->log_start, start);
  }
  return r;
}

bool
kv_log_wants_checkpoint (const kv *store)
{
  struct kv_shared *s = store->shared;

  return atomic_load (&s->log_end) - atomic_load (&s->log_start)
         > atomic_load (&s->log_size) / 2;
}

int
kv_log_checkpoint (kv *store, bool need)
{
  struct kv_shared *s = store->shared;
  uint64_t before = atomic_load (&s->log_start), start;
  int r;

  if (!need && atomic_load (&s->checkpoint.owner) != 0)
    return 0;
  kv_lock (store, &s->checkpoint);
  KV_POINT ("checkpoint.begun");
  r = kv_take_log (store);
  if (r == 0) {
    start = atomic_load (&s->log_end);
    kv_unlock (&s->log);
    if (atomic_load (&s->log_start) == before) /* else another made one now */
      r = settle (store, start, atomic_load (&s->salt));
  }
  kv_unlock (&s->checkpoint);
  return r;
}

/* ------------------------------------------------------------------ */
/* Opening                                                            */

int
kv_log_open (kv *store, const char *path)
{
  char name[PATH_MAX];

  if (snprintf (name, sizeof name, "%s-log", path) >= (int) sizeof name)
    return -ENAMETOOLONG;
  store->log = open (name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  return store->log < 0 ? -errno : 0;
}

/* A new log is written whole, so that making it durable later is a matter of its
 * data alone. */
static int
create (kv *store, struct log_head *head, uint64_t size)
{
  static const unsigned char zeroes[16 * BLOCK];
  ssize_t n = 0;

  *head = (struct log_head) { .page_size = store->size };
  head->log_size = (size ? size : UINT64_C (64) << 20) / BLOCK * BLOCK;
  if (head->log_size < 64 * store->size)
    head->log_size = 64 * store->size;
  size = RING + head->log_size;
  for (uint64_t at = 0; n >= 0 && at < size; at += (uint64_t) n)
    n = pwrite (store->log, zeroes,
                size - at < sizeof zeroes ? (size_t) (size - at)
                                          : sizeof zeroes,
                (off_t) at);
  /* With its name, and that of the pages' file. */
  return n < 0 || syncfs (store->log) < 0 ? -errno : 0;
}

static int
read_head (kv *store, struct log_head *head, uint64_t size)
{
  ssize_t n = pread (store->log, head, sizeof *head, 0);

  if (n < 0)
    return -errno;
  if (n == (ssize_t) sizeof *head && head->magic != 0)
    return head->magic != MAGIC || head->sum != head_sum (head) ? -EBADMSG
           : head->page_size == store->size                     ? 0
                                                                : -EINVAL;
  /* None was ever whole: then no page can have been written. */
  return oriel_file_size (store->file) > 0 ? -EBADMSG
                                           : create (store, head, size);
}

/* An empty tree, where there is none. */
static int
format (kv *store)
{
  struct kv_txn *t = &store->txn;
  unsigned char *meta, *root;
  uint64_t end;
  int r = kv_edit (store, t, KV_META, &meta);

  if (r == 0 && ((struct kv_meta *) meta)->pages == 0) {
    ((struct kv_meta *) meta)->pages = KV_ROOT + 1;
    r = kv_edit (store, t, KV_ROOT, &root);
    if (r == 0) {
      kv_page_init (root, store->size, 0);
      r = kv_commit (store, t, &end);
    }
    return r == 0 ? kv_log_sync (store, end) : r;
  }
  kv_undo (store, t);
  return r;
}

int
kv_log_recover (kv *store, uint64_t size)
{
  struct kv_shared *s = store->shared;
  struct log_head head;
  uint64_t end, salt;
  int r = read_head (store, &head, size);

  if (r < 0)
    return r;
  end = head.start;
  atomic_store (&s->salt, head.salt);
  atomic_store (&s->log_size, head.log_size);
  while ((r = read_record (store, end)) == 0) {
    end += ((const struct record *) store->record)->length;
    /* Pages may be written to make room; also those of one who died recovering,
     * who had come farther: for them it must not go back. */
    if (atomic_load (&s->log_end) < end)
      atomic_store (&s->log_end, end);
    r = redo_record (store);
    if (r < 0)
      return r;
  }
  if (r != -ENOENT)
    return r;
  KV_POINT ("recover.pages");
  atomic_store (&s->log_end, end);
  atomic_store (&s->applied, end);
  if (getrandom (&salt, sizeof salt, 0) != sizeof salt)
    return -EIO;
  r = settle (store, end, salt);
  KV_POINT ("recover.head");
  return r < 0 ? r : format (store);
}
