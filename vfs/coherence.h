/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coherence.h - what coherence.c and coherence-log.c share: the words
 */
#ifndef ORL_VFS_COHERENCE_H
#define ORL_VFS_COHERENCE_H

#include "vfs.h"

enum { OWNER = VFS_WORDS_STATE, WRITING, STATE, WAL,
       LOG = VFS_WORDS_LOG, COPIED, SUM };
_Static_assert ((int) WAL < VFS_WORDS_LEASE && (int) SUM < VFS_WORDS_COPIES,
                "no word is another's");

static inline uint64_t
load (const struct vfs_file *f, int word)
{
  return __atomic_load_n (&f->words[word], __ATOMIC_ACQUIRE);
}

static inline void
store (const struct vfs_file *f, int word, uint64_t value)
{
  __atomic_store_n (&f->words[word], value, __ATOMIC_RELEASE);
}

/* coherence-log.c.  The caller is OWNER. */

/* What the pool now agrees with. */
void vfs_note_log (const struct vfs_file *f, const struct vfs_log *log);

/* Is it the log that was noted, perhaps with more frames, and more of them
 * copied?  Who is not OWNER may be told that it is not. */
bool vfs_is_same_log (struct vfs_connection *c, const struct vfs_log *log);

/* It is, and the pool has been made to agree with it.  suspect: all that is dirty
 * was dropped, too. */
bool vfs_follow_log (struct vfs_connection *c, const struct vfs_log *log,
                     bool suspect);

/* Has the log that was noted started anew, and can the pool be made to agree with
 * what is there now?  NOT_YET: go without the pool for once. */
enum restart { FOLLOWED, UNKNOWN, NOT_YET };

enum restart vfs_follow_restart (struct vfs_connection *c,
                                 const struct vfs_log *log);

#endif /* ORL_VFS_COHERENCE_H */
