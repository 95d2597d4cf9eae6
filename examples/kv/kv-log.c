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
 * A record says its position.  After a recovery the log goes on a whole ring
 * farther: so what an earlier life wrote behind the end is no record.
 *
 * A record is written to the page cache by who has the log's lock.  It is made
 * durable by whoever needs it first and finds no one at it: what others wrote
 * meanwhile goes along, and they wait for that one, or do it when that one has
 * died.  Of those who come too late for it one begins the next sync when it ends.
 * A page is written to its file only when the log is durable up to its last change;
 * Oriel sees to that, by the lsn of oriel_dirty().
 *
 * Checkpoint: all pages that are dirty are written; then the head says that
 * recovery is to begin where the log was when that began, and what is before it
 * may be overwritten.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "kv-impl.h"

#define BLOCK 4096u
#define RING BLOCK              /* where it begins */
#define CHUNK (16 * BLOCK)      /* its length is a multiple of this */
#define GRAIN 32                /* bytes of a page that are logged at least */
#define STRIDE 256              /* and that are looked at first */
#define IDLE 32u                /* yields in vain, until one waits otherwise */
#define MAGIC UINT64_C (0x342d676f6c2d766b) /* "kv-log-4" */

struct log_head {
  uint64_t sum, magic, start, log_size, page_size;
};

struct record {
  uint64_t sum;
  uint64_t lsn;                 /* where it begins */
  uint64_t length;              /* a multiple of 8 */
};

/* Of a page; the bytes follow. */
struct part {
  uint64_t page;
  uint32_t at, length;          /* multiples of GRAIN */
};

_Static_assert (sizeof (struct kv_head) == GRAIN, "the lsn comes along");

uint64_t
kv_sum (const void *data, size_t length, uint64_t seed)
{
  return XXH3_64bits_withSeed ((const uint64_t *) data + 1,
                               length - sizeof (uint64_t), seed);
}

/* ------------------------------------------------------------------ */
/* The ring                                                           */

static int
transfer (kv *store, bool writing, uint64_t lsn, void *data, size_t length)
{
  uint64_t size = store->shared->log_size, at = lsn % size;
  size_t n = length < size - at ? length : size - at;
  ssize_t done = writing ? pwrite (store->log, data, n, (off_t) (RING + at))
                         : pread (store->log, data, n, (off_t) (RING + at));

  if (done <= 0 && !(done < 0 && errno == EINTR))
    return done < 0 ? -errno : -EBADMSG;
  n = done < 0 ? 0 : (size_t) done;
  return n == length ? 0 : transfer (store, writing, lsn + n,
                                     (unsigned char *) data + n, length - n);
}

/* What differs of a page, at the end of the record: its head at least. */
static void
add_parts (kv *store, struct record *rec, const struct kv_change *c)
{
  const unsigned char *old = c->pin.data;
  struct part *part = NULL;

  kv_head (c->data)->lsn = rec->lsn + 1;
  for (uint32_t at = 0, n; at < store->size; at += n) {
    n = at % STRIDE || memcmp (old + at, c->data + at, STRIDE) ? GRAIN : STRIDE;
    if (n == STRIDE || memcmp (old + at, c->data + at, GRAIN) == 0) {
      part = NULL;
      continue;
    }
    if (!part) {
      part = (struct part *) (store->record + rec->length);
      *part = (struct part) { c->page, at, 0 };
      rec->length += sizeof *part;
    }
    memcpy (store->record + rec->length, c->data + at, GRAIN);
    rec->length += GRAIN;
    part->length += GRAIN;
  }
}

int
kv_log_append (kv *store, const struct kv_txn *t)
{
  struct kv_shared *s = store->shared;
  uint64_t lsn = s->log_end, size = s->log_size;
  struct record *rec = (struct record *) store->record;
  size_t all;

  *rec = (struct record) { .lsn = lsn, .length = sizeof *rec };
  for (unsigned i = 0; i < t->n; i++)
    add_parts (store, rec, &t->change[i]);
  rec->sum = kv_sum (rec, rec->length, 0);
  all = rec->length;
  /* A block that is begun is written whole, so that the kernel need not read
   * what it had. */
  if (lsn % BLOCK == 0 || lsn / BLOCK != (lsn + all - 1) / BLOCK) {
    all = (size_t) ((lsn + all + BLOCK - 1) / BLOCK * BLOCK - lsn);
    memset (store->record + rec->length, 0, all - rec->length);
  }
  if (all > size / 2)
    return -E2BIG;
  if (lsn + all > s->log_start + size)
    return -EXFULL;
  KV_POINT ("append.begun");
  KV_STEP ("append.written", KV_TRY (transfer (store, true, lsn, rec, all)));
  s->log_end = lsn + rec->length;
  return 0;
}

/* The record at lsn into store->record; -ENOENT if there is none. */
static int
read_record (kv *store, uint64_t lsn)
{
  struct record *rec = (struct record *) store->record;

  KV_TRY (transfer (store, false, lsn, rec, sizeof *rec));
  if (rec->lsn != lsn || rec->length < sizeof *rec
      || rec->length > sizeof store->record)
    return -ENOENT;
  KV_TRY (transfer (store, false, lsn + sizeof *rec, rec + 1,
                    rec->length - sizeof *rec));
  return rec->sum == kv_sum (rec, rec->length, 0) ? 0 : -ENOENT;
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
    int lost;

    at += sizeof *part + part->length;
    if (at > rec->length || part->at + (size_t) part->length > store->size)
      return -EBADMSG;
    KV_TRY (oriel_pin (store->file, part->page, ORIEL_WRITE, &page));
    kv_page_show ((unsigned char *) page.data + part->at, part + 1,
                  part->length);
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
  const struct record *rec = (const struct record *) store->record;
  uint64_t at;
  int r;

  KV_POINT ("redo.begun");
  atomic_fetch_or (&s->changes, 1);
  while ((r = read_record (store, at = s->applied)) == 0) {
    at += rec->length;
    /* Pages may be written to make room; also those of one who died recovering,
     * who had come farther: for them it must not go back. */
    if (s->log_end < at)
      s->log_end = at;
    KV_STEP ("redo.done", KV_TRY (redo_record (store)));
    s->applied = at;
  }
  if (r != -ENOENT || at < s->log_end)
    return r == -ENOENT ? -EBADMSG : r;
  atomic_fetch_add (&s->changes, 1);
  return 0;
}

/* ------------------------------------------------------------------ */
/* Making durable                                                     */

/* Who waits for a sync sleeps by when it will have the record: TURN_LATE if the one
 * under way has it, else by whether the one after has an even or an odd number.
 * turn, the same in all three, is odd while a sync is under way.  It becomes even
 * when the lock is free: who saw it before, and found no lock, sleeps in time to be
 * woken, or not at all.  When one dies who was to wake others, or between two of the
 * three, they find out as those do who wait for a lock: some milliseconds later, or
 * at once. */
#define TURN_LATE 2
#define TURN_NEXT(turn) (((turn) + 3) / 2 % 2)

/* Who comes while a sync is under way yields a few times before it sleeps: where a
 * disk is quick, to sleep and be woken takes longer than what is left of the sync.
 *
 * Whoever gets the lock makes all durable that was written until then, so the
 * others need not.  Those whom the last sync woke are about to write more: they are
 * waited for, as long as one comes now and then.
 *
 * Of those for whom it began too early one is woken, to begin the next; all of them
 * if none may begin, or one has died who was to wake some.  Before the others come
 * those who were late: they ran on a processor that had other work, and can go on
 * there while the rest is woken here. */
int
kv_log_sync (void *arg, uint64_t end)
{
  kv *store = arg;
  struct kv_shared *s = store->shared;
  uint32_t turn, waits, yields = 0;

  s->waits++;
  while (turn = s->turn[0], oriel_file_durable_lsn (store->file) < end
                                && s->state != KV_BROKEN) {
    int which = turn % 2 && end <= s->syncing ? TURN_LATE : TURN_NEXT (turn);
    int died;

    if (s->sync.owner && yields++ < IDLE && kv_yield (store))
      continue;
    died = kv_lock_soon (store, &s->sync, 1, &s->turn[which], turn);
    if (died < 0)
      continue;
    for (unsigned i = 0;
         i < IDLE && (int32_t) (s->wanted - (waits = s->waits)) > 0
             && kv_yield (store);
         i = s->waits == waits ? i + 1 : 0)
      ;
    waits = s->waits - s->synced; /* they have written before */
    s->synced += waits;
    turn = (s->turn[0] + 1) | 1;
    s->syncing = s->log_end;    /* before turn says so */
    KV_STEP ("sync.begun", s->turn[0] = s->turn[1] = s->turn[2] = turn);
    /* What was lost the kernel does not know any more, once it has said so. */
    if (s->state == KV_BROKEN || fdatasync (store->log) < 0
        || oriel_file_durable (store->file, s->syncing) < 0)
      s->state = KV_BROKEN;
    KV_POINT ("sync.done");
    s->wanted = s->waits + waits;
    s->sync.owner = 0;
    for (int i = 0; i < 3; i++)
      atomic_compare_exchange_strong (&s->turn[i], &(uint32_t) { turn },
                                      turn + 1);
    kv_wake (&s->turn[TURN_LATE], INT_MAX);
    kv_wake (&s->turn[TURN_NEXT (turn)],
             died || s->state == KV_BROKEN ? INT_MAX : 1);
    kv_wake (&s->turn[!TURN_NEXT (turn)], INT_MAX);
  }
  return s->state == KV_BROKEN ? -EIO : 0;
}

/* ------------------------------------------------------------------ */
/* Checkpoints                                                        */

/* Pages that were changed before end are in the file, then the head says that the
 * log begins at start. */
static int
settle (kv *store, uint64_t end, uint64_t start)
{
  struct kv_shared *s = store->shared;
  struct log_head head = { 0, MAGIC, start, s->log_size, store->size };

  head.sum = kv_sum (&head, sizeof head, 0);
  KV_TRY (kv_log_sync (store, end));
  KV_STEP ("checkpoint.pages",
           KV_TRY (oriel_checkpoint (store->pool, store->file, NULL)));
  if (pwrite (store->log, &head, sizeof head, 0) != (ssize_t) sizeof head
      || fdatasync (store->log) < 0)
    return -EIO;
  KV_POINT ("checkpoint.head");
  s->log_start = start;
  return 0;
}

int
kv_log_checkpoint (kv *store, bool need)
{
  struct kv_shared *s = store->shared;
  uint64_t before = s->log_start, end;
  int r;

  if (!need
      && (s->checkpoint.owner != 0 || s->log_end - before <= s->log_size / 2))
    return 0;
  KV_POINT ("checkpoint.needed");
  KV_STEP ("checkpoint.begun", kv_lock (store, &s->checkpoint));
  r = kv_take_log (store);
  if (r == 0) {
    end = s->log_end;
    kv_unlock (&s->log);
    if (s->log_start == before) /* else another made one now */
      r = settle (store, end, end);
  }
  kv_unlock (&s->checkpoint);
  return r;
}

/* ------------------------------------------------------------------ */
/* Recovery                                                           */

/* What the log's head says goes to the shared words.  A new log is written whole,
 * so that making it durable later is a matter of its data alone. */
static int
read_head (kv *store, struct log_head *head, uint64_t size)
{
  ssize_t n = pread (store->log, head, sizeof *head, 0);

  if (n < 0)
    return -errno;
  if (n == (ssize_t) sizeof *head && head->magic == MAGIC
      && head->sum == kv_sum (head, sizeof *head, 0)) {
    store->shared->log_size = head->log_size;
    return head->page_size == store->size ? 0 : -EINVAL;
  }
  /* If none was ever whole, no page can have been written. */
  if ((n == (ssize_t) sizeof *head && head->magic != 0)
      || oriel_file_size (store->file) > 0)
    return -EBADMSG;
  head->start = 0;
  size = size ? size : UINT64_C (64) << 20;
  size = (size < 64 * store->size ? 64 * store->size : size) / CHUNK * CHUNK;
  store->shared->log_size = size;
  memset (store->record, 0, CHUNK);
  for (uint64_t at = 0; at < size; at += CHUNK)
    KV_TRY (transfer (store, true, at, store->record, CHUNK));
  /* With its name, and that of the pages' file. */
  return syncfs (store->log) < 0 ? -errno : 0;
}

int
kv_log_recover (kv *store, uint64_t size)
{
  struct kv_shared *s = store->shared;
  uint64_t state = KV_NEW;      /* and not KV_BROKEN meanwhile */
  struct log_head head;

  KV_TRY (read_head (store, &head, size));
  s->applied = head.start;
  KV_STEP ("recover.pages", KV_TRY (kv_log_redo (store)));
  s->log_end = s->applied;
  KV_STEP ("recover.head",
           KV_TRY (settle (store, s->applied, s->applied + s->log_size)));
  s->applied = s->log_end = s->log_start;
  atomic_compare_exchange_strong (&s->state, &state, KV_READY);
  return 0;
}
