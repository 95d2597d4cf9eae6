/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel/hooks.h - what an engine does to pages on their way from and to the
 * store: checksums, encryption
 *
 * Included by oriel.h.
 */
#ifndef ORIEL_HOOKS_H
#define ORIEL_HOOKS_H

#include "../oriel.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Both get a page's number and its data, page_size bytes.  length is how much
 * of it is before the end of the file, which is what the store has: less than
 * page_size in a last page that is not whole, and what is behind it is zeroes.
 * Who keeps something at the end of each page, or what depends on length, keeps
 * the file's size a multiple of page_size: where the size changes within a page
 * that one is not written anew for it.
 *
 * They are called by any thread that uses the file, by several at once, with
 * locks held: they may call no function of Oriel, and should be quick.
 */
typedef struct oriel_hooks {
  uint32_t struct_size;    /* sizeof (oriel_hooks) */
  uint32_t reserved;       /* 0 */
  uint64_t id;             /* not 0: what is done to pages.  Hooks of one id do
                              the same in every process; another key, or
                              another checksum, is another id */
  void *arg;               /* for both */
  /* The page was read, and no one else sees it before this returns 0.  Another
   * value: it is damaged; then the pin or the read is -EIO.  Pages never
   * written, in holes of the file, are zeroes here.  NULL: nothing. */
  int (*after_read) (void *arg, uint64_t number, void *data, size_t length);
  /* The page is to be written.  data is a copy that is this call's alone, to be
   * changed: the pool keeps the page as it is.  A negative errno: the page stays
   * dirty, and the flush returns that.  NULL: nothing. */
  int (*before_write) (void *arg, uint64_t number, void *data, size_t length);
} oriel_hooks;

/*
 * Say what is done to each page of the file after it was read and before it is
 * written.  Call it right after oriel_file_open(), before the file is used.
 *
 * The id stands in the pool with the file.  From then on a process that has not
 * given hooks of this id can neither load pages of the file nor write them:
 * that is -EACCES, and dirty pages of the file are not written to make room.
 * What is in the pool it can pin, and tools see the file's pages.  Clean pages
 * that were there before are read again.  Where no pool knows the file the id
 * is gone: it is kept nowhere else.
 *
 * A page that after_read says is damaged is not kept.
 * oriel_stats.pages_damaged counts each time that a call fails so, and
 * oriel_error() names file and page.
 *
 * With hooks NULL the pages are as the store has them, from then on.  To
 * change, or to end, what was set no other process may have the file open, and
 * it may have no dirty pages.  An open with ORIEL_DISCARD, by the only process,
 * ends it, too. Errors: -EBUSY another id holds, and cannot be changed now;
 * -EINVAL id is 0, struct_size is not that of this version, or the file was
 * opened with ORIEL_FOREIGN; -EUSERS as oriel_pin().
 */
ORIEL_API int oriel_file_hooks (oriel_file *file, const oriel_hooks *hooks);

#ifdef __cplusplus
}
#endif
#endif /* ORIEL_HOOKS_H */
