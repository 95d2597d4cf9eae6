/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lease.h - what lease.c, lease-thread.c and lease-recall.c share: the words,
 * and the state of a connection's lease
 */
#ifndef ORL_VFS_LEASE_H
#define ORL_VFS_LEASE_H

#include "vfs.h"

enum { NONE, IDLE, USED, GOING };

enum { LEASES = VFS_WORDS_LEASE, SIGNALS, ATTEMPT, COMMIT };
_Static_assert ((int) COMMIT < VFS_WORDS_QUEUE, "no word is another's");

#define MARKS 5                 /* of the wal-index */
#define COUNT_BITS 12
#define COUNT_MAX ((1u << COUNT_BITS) - 1)

static inline uint32_t
word_of (int state, int lock)
{
  return (uint32_t) state | (uint32_t) lock << 8;
}

static inline int
state_of (uint32_t word)
{
  return (int) (word & 0xff);
}

static inline int
lock_of (uint32_t word)
{
  return (int) (word >> 8);
}

static inline uint32_t *
recall_word (const struct vfs_file *f)
{
  return (uint32_t *) &f->words[SIGNALS];
}

static inline uint32_t *
given_word (const struct vfs_file *f)
{
  return recall_word (f) + 1;
}

static inline bool
is_recalled (const struct vfs_file *f)
{
  return __atomic_load_n (recall_word (f), __ATOMIC_SEQ_CST) & 1;
}

static inline unsigned
shift_of (int lock)
{
  return (unsigned) (lock - VFS_SHM_READ) * COUNT_BITS;
}

/* Of n marks from lock on. */
static inline uint64_t
mask_of (int lock, int n)
{
  uint64_t mask = 0;

  for (int i = lock < VFS_SHM_READ ? VFS_SHM_READ : lock; i < lock + n; i++)
    mask |= (uint64_t) COUNT_MAX << shift_of (i);
  return mask;
}

static inline uint64_t
leases_on (const struct vfs_file *f, uint64_t mask)
{
  return __atomic_load_n (&f->words[LEASES], __ATOMIC_SEQ_CST) & mask;
}

static inline bool
change (struct vfs_connection *c, uint32_t *from, uint32_t to)
{
  return atomic_compare_exchange_strong (&c->lease.word, from, to);
}

/* lease.c */

/* May the lock of a mark be kept, in the wal-index whose first region this is? */
bool vfs_lease_ok (const struct vfs_file *f, const volatile void *index,
                   int lock);

/* A lease was given back: tell who recalls. */
void vfs_lease_say_given (const struct vfs_file *f);

/* The lease is GOING, and the caller has made it so. */
void vfs_lease_give_back (struct vfs_connection *c, int lock);

/* SQLite has it, and will unlock it itself.  false: the word has changed. */
bool vfs_lease_make_plain (struct vfs_connection *c, uint32_t word);

/* lease-thread.c */

/* Have the connection listed, and the thread run. */
bool vfs_lease_enlist (struct vfs_connection *c);

/* The connection has a lease: the thread is not to sleep. */
void vfs_lease_rouse (void);

/* Wait until the thread has given back what it is giving back. */
void vfs_lease_settle (void);

/* Serve a recall of leases on the file that this process has, at once. */
void vfs_lease_serve (const struct vfs_file *f);

#endif /* ORL_VFS_LEASE_H */
