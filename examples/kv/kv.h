/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kv.h - an ordered key-value store on Oriel's public calls
 *
 * A B+tree in the pages of one file, a write-ahead log beside it (PATH-log), and
 * Oriel's double-write area (PATH.dw) where no disk writes pages whole: three
 * files that are moved, copied and removed together.  Any number of processes,
 * and of threads in each, read and write it at once.  It is an example, and what
 * Oriel is compared with others by; what it does is done in full, but there is
 * little of it.
 *
 *     kv *store;
 *
 *     kv_open (pool, "a.kv", NULL, &store);
 *     kv_put (store, "key", 3, "value", 5, 0);
 *     kv_get (store, "key", 3, buffer, sizeof buffer, &length);
 *     kv_close (store);
 *
 * Calls return 0 or a negative errno value.  Any may fail with what the calls of
 * oriel.h fail with, and with
 *   -EBADMSG  the tree, or the log, makes no sense;
 *   -ENOSPC   the disk has no room for the log; nothing was done;
 *   -EFBIG    the store has 2^32 pages;
 *   -EIO      a page is not what was written to the file, by its checksum
 *             (oriel_error() has its number); or the log could not be made
 *             durable, or the pool's memory was taken away: then what was
 *             acknowledged and what is in memory may differ, and so the store is
 *             closed to all until its pool has been destroyed and the store is
 *             recovered.
 *
 * WHAT IS PROMISED
 *
 * - A call that changes the store is atomic, a batch too (kv_apply()): all of it
 *   happens or nothing, whoever is killed and whenever the power goes.
 * - When it has returned 0 the change is durable, unless KV_NOSYNC was given.
 *   What others see may not be durable yet; it will be in any case before what
 *   they write themselves.
 * - kv_get() and kv_get_many() see no batch half.  A cursor sees each leaf of
 *   the tree (some ten keys) as it was at one moment, the next leaf at another;
 *   a value in a page of its own, as it is when the cursor comes to it.
 * - A killed process blocks the others for some milliseconds.  Its last change,
 *   if not acknowledged, is done or not.
 * - Keys are ordered as memcmp() does, a shorter one first.
 */
#ifndef KV_H
#define KV_H

#include <oriel.h>
#include <stdbool.h>

typedef struct kv kv;               /* for all threads of a process */
typedef struct kv_cursor kv_cursor; /* for one thread */

typedef struct kv_options {
  uint64_t log_size;    /* bytes, at creation; 0: 64 MiB.  At half of it a
                           checkpoint is made */
  bool copied;          /* the store's files are copies that were made together
                           after a crash; see oriel_file_options.adopt */
} kv_options;

#define KV_NOSYNC 1u    /* do not wait until it is durable */
#define KV_MUST 2u      /* a key that is to be deleted must be there */

/*
 * Open the store at path, making or recovering it first if need be.  The file is
 * the pool's pages' own size, 1024 to 16384 bytes; opt may be NULL.  Close it
 * before the pool, with no call on it under way.
 * Errors: -EINVAL the store has pages of another size than the pool, or the file
 * is something else; -EBADMSG it is damaged, or of another version; -EBUSY the
 * pool still has it from another version's processes.
 */
int kv_open (oriel_pool *pool, const char *path, const kv_options *opt,
             kv **store);
int kv_close (kv *store);

/*
 * Bytes that a key can have, an eighth of a page, and a value: a page less 24.
 *
 * A value that with its key is more than a third of a page has a page of its own.
 * So a store whose values are a little less than a page keeps the popular ones in
 * memory, and not what lies beside them.  The price: values in the order of keys
 * are read one by one, and one of half a page takes a whole one.
 */
size_t kv_key_max (const kv *store);
size_t kv_value_max (const kv *store);

/*
 * Copy the key's value, at most size bytes of it; *length, if not NULL, is what
 * it has.  Errors: -ENOENT; -EINVAL the key is empty or too long.
 */
int kv_get (kv *store, const void *key, size_t key_length, void *value,
            size_t size, size_t *length);

/* Put a value in place of what the key has.  Errors: -EMSGSIZE it is too long;
 * -EINVAL as above. */
int kv_put (kv *store, const void *key, size_t key_length, const void *value,
            size_t length, unsigned flags);

/* Errors: -ENOENT; -EINVAL as above. */
int kv_delete (kv *store, const void *key, size_t key_length, unsigned flags);

/* What kv_apply() and kv_get_many() take. */
typedef struct kv_op {
  const void *key;
  void *value;          /* kv_apply(): NULL deletes the key */
  size_t key_length;
  size_t length;        /* of value; kv_get_many(): its room */
} kv_op;

/*
 * Do all of it, in order, as one change.  Errors: as kv_put(); -ENOENT with KV_MUST;
 * -E2BIG it touches more than KV_PAGES pages, of which a value that has its own is
 * one, or its record is more than half of the log; -ENOBUFS more than the pool can
 * have pinned for writing.  Nothing was done then.
 */
#define KV_PAGES 256
int kv_apply (kv *store, const kv_op *ops, size_t n, unsigned flags);

/* Get n values, with no batch done between the first and the last of them.
 * lengths[i] is as *length of kv_get(), or KV_NONE for a key that is not there.
 * Errors: as kv_get(), but for -ENOENT. */
#define KV_NONE SIZE_MAX
int kv_get_many (kv *store, const kv_op *ops, size_t n, size_t *lengths);

/* Make durable what was done with KV_NOSYNC, by whomever. */
int kv_sync (kv *store);

/* Write the pages to their file, and begin the log anew.  Others go on. */
int kv_checkpoint (kv *store);

/*
 * A cursor stands between two keys: kv_next() gives the one behind it and passes
 * it, kv_prev() the one before.  It begins before the first.  What they give is
 * good until the next call with the cursor.  Errors: -ENOENT there is none.  After
 * any other it may have passed some keys: seek again.
 */
typedef struct kv_pair {
  const void *key, *value;
  size_t key_length, length;
} kv_pair;

int kv_cursor_open (kv *store, kv_cursor **cursor);
void kv_cursor_close (kv_cursor *cursor);
/* Before the first key that is not less than key; key_length 0: before all;
 * key NULL: behind all. */
int kv_seek (kv_cursor *cursor, const void *key, size_t key_length);
int kv_step (kv_cursor *cursor, bool back, kv_pair *pair);
#define kv_next(cursor, pair) kv_step (cursor, false, pair)
#define kv_prev(cursor, pair) kv_step (cursor, true, pair)

#endif /* KV_H */
