/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel/log.h - the log first, write-back, checkpoints
 *
 * Included by oriel.h, which says what holds for all calls.
 *
 * THE LOG
 *
 * An engine that keeps a write-ahead log gives each change a position in it, an
 * lsn, and says it with oriel_dirty().  The page keeps the greatest lsn that it
 * was given, and no page is written to its store before the file's log is durable
 * up to that: by whomever, and for whatever reason.  0 is no position.  What must
 * hold for an engine:
 *   - it writes the log record of a change while it has the page pinned with
 *     ORIEL_WRITE, and says oriel_dirty() before it gives the page back;
 *   - the lsns of a file only grow, as long as the pool has the file: an engine
 *     that begins a new log at lower lsns opens the file with ORIEL_DISCARD first;
 *   - it says how far the log is durable, by oriel_file_durable(), or how it can be
 *     made so, by oriel_file_on_flush_log(), or both.
 *
 * A process without that callback does not write pages whose log is not durable:
 * it makes room with others, and flush, sync, checkpoint, close and truncate are
 * -ENOTCONN where they would have to write such pages, or cut them off; the pages
 * stay dirty, and all others are written.  oriel_file_abandon() closes the file
 * even so.
 *
 * When a writer dies, its page becomes again what it was when it was pinned, with
 * the lsn that it had then.  When all processes have died, or have abandoned the
 * file, the pool still has the dirty pages, their lsns and the durable lsn.  So
 * what kill -9 leaves is a log that was written, but perhaps not synced, as far as
 * write(2) had it: that is not lost.  Who comes next syncs the log, says
 * oriel_file_durable() and goes on; it redoes nothing.  But of what an engine kept
 * in a buffer of its own memory the log knows nothing, and pages may have lsns
 * behind the log's end (oriel_file_pages() has them): then open the file with
 * ORIEL_DISCARD, and recover from the log as after a power loss.  That takes the
 * pool with it: pages that were not written are gone, the log's tail that was not
 * synced as well, and no page in the store is ahead of what is left of the log.
 *
 * WRITE-BACK
 *
 * With ORIEL_WRITEBACK a thread of the library's writes dirty pages before anyone
 * has to wait for it.  Above oriel_options.dirty_low it writes as fast as
 * writeback_rate allows; below, 32 pages in each tenth of a second in which no
 * page was read and none became dirty.  Above dirty_high, with the thread or
 * without, whoever pins pages for writing writes some itself now and then, or
 * waits up to some 10 ms while another does.  One thread of all processes writes
 * back at a time, pages of files that its process has open.  An engine may call
 * oriel_writeback() in a thread of its own in place of the library's.
 *
 * A write that failed leaves its pages dirty: each flush, sync, checkpoint and
 * close tries again, and says so, until it succeeds; oriel_file_info.error tells.
 */
#ifndef ORIEL_LOG_H
#define ORIEL_LOG_H

#include "../oriel.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The file's log is durable up to lsn, and so it is for all processes.  The
 * greatest that was said counts.
 * Errors: -EACCES read-only.
 */
ORIEL_API int oriel_file_durable (oriel_file *file, uint64_t lsn);

/* How far it is, as all processes have said; 0: nothing was said since the file
 * entered the pool. */
ORIEL_API uint64_t oriel_file_durable_lsn (const oriel_file *file);

/*
 * Say how this process has the file's log flushed.  Where pages are to be written
 * whose log is not durable, flush is called first, in whatever thread it is, also
 * that of ORIEL_WRITEBACK, by several threads at once, and once for all pages of a
 * call or a batch: with the greatest lsn of them.  It makes the log durable up to
 * there or further, and returns 0, which counts as oriel_file_durable (file, lsn);
 * or a negative errno, which the call that wanted to write says in turn.
 *
 * No latch is held then but those that the calling thread has itself; but pins
 * make room for what they load, and write for that: so flush may be called where
 * pages are pinned, and must not wait for a latch.  It may use the pool; what
 * Oriel writes for it are pages whose log is durable.  To close the file in it, or
 * to open it while another thread closes it, is -EDEADLK.
 *
 * A position that a dead process has said, and that the log never came to, may be
 * asked for: the log goes on behind it.
 *
 * Call it right after oriel_file_open(), before other threads use the file.  With
 * flush NULL the process cannot any more.
 * Errors: -EACCES read-only.
 */
ORIEL_API int oriel_file_on_flush_log (oriel_file *file,
                                       int (*flush) (void *arg, uint64_t lsn),
                                       void *arg);

/*
 * Write what is due now, as the thread of ORIEL_WRITEBACK would do: call it some
 * ten times a second.  *pages, if not NULL, is how many were written; 0 also if
 * another thread, of any process, is at it.
 * Errors: the first of the store, or of a flush of the log; what could not be
 * written stays dirty, and is tried again.
 */
ORIEL_API int oriel_writeback (oriel_pool *pool, uint64_t *pages);

/*
 * Write what is dirty now, of the file, or of all files that this process has open
 * if it is NULL, and sync.  Others go on meanwhile: pages are copied, each latched
 * for as long as that takes, and those that change all the time are written once.
 * Waits for those who have pages of the file pinned for writing when it begins.
 *
 * *lsn, if not NULL, says which changes are in the store: all whose lsn is no
 * greater.  A recovery may begin behind it, and the log up to it is wanted no
 * more.  It is at most oriel_file_durable_lsn(); of several files the least of
 * those that have a log.
 * Errors: -EINVAL the file is of another pool; -EACCES read-only; as oriel_sync();
 * -ENOTCONN, or what the callback said, all is written but pages whose log is not
 * durable.
 */
ORIEL_API int oriel_checkpoint (oriel_pool *pool, oriel_file *file,
                                uint64_t *lsn);

#ifdef __cplusplus
}
#endif
#endif /* ORIEL_LOG_H */
