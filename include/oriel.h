/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel.h - a buffer pool shared by processes, seen through bounded windows
 *
 * OVERVIEW
 *
 * A pool is one file, by default in /dev/shm, cut into frames that each hold
 * one page of some file.  Any number of processes of one user attach to it and
 * share what is cached.  Each process looks at the pool through a window: a
 * bounded range of its own virtual memory, cut into slots.  A slot shows an
 * extent, that is an aligned run of frames; when a page is wanted that no slot
 * shows, a slot is remapped.  A window as large as the pool is one mapping and
 * never swaps.
 *
 *     oriel_options opt;
 *     oriel_pool *pool;
 *     oriel_file *file;
 *     oriel_page page;
 *
 *     oriel_options_init (&opt);
 *     oriel_options_set (&opt, "pool_size", "64M");
 *     oriel_pool_open ("example", &opt, &pool);
 *     oriel_file_open (pool, "data.db", ORIEL_CREATE, &file);
 *     oriel_pin (file, 7, ORIEL_WRITE, &page);
 *     memcpy (page.data, "hello", 6);
 *     oriel_dirty (&page, 0);
 *     oriel_unpin (&page);
 *     oriel_sync (file);
 *
 * RETURN VALUES
 *
 * Every call that can fail returns 0 or a negative errno value.  Outputs are
 * written only on success.  After a failure oriel_error() gives one line for
 * the calling thread: what was tried, on what, and what to do about it.
 * Any call may fail with -EINVAL (a null or malformed argument) and, in a
 * process forked after the pool was opened, with -EOWNERDEAD: a child does not
 * inherit an attachment, it opens the pool anew.  So does one that clone(2) or
 * _Fork() made (Linux 4.14); but no fork handler ran there, so until the child
 * closes the pool, execs or ends, its parent looks alive to others.
 *
 * THREADS
 *
 * A pool, and the files in it, may be used by all threads at once; open, close
 * and destroy may run in any thread, but nothing may use an object while, or
 * after, it is closed.  An oriel_page belongs to whoever pinned it: two threads
 * must not use one oriel_page at once.  A thread that exits loses its pins,
 * except those taken with ORIEL_ANYTHREAD.  No call is a cancellation point
 * (pthreads(7)), whatever it waits for, and callbacks run with cancellation
 * disabled: a thread that is cancelled ends behind its call.  Asynchronous
 * cancellation must not be on in a call.
 *
 * SIGNALS
 *
 * While a pool is open, Oriel handles SIGSEGV and SIGBUS.  A fault in a window
 * is answered, if it can be, and the access goes on (see FAULTS); accesses that
 * nothing covers are named on stderr.  Every other signal is passed on to the
 * handler that was there before, as the kernel would have called it.  A handler
 * that is installed later must pass on what is not its own.  No function of this
 * header may be called in a signal handler; pinned pages may be used there.
 *
 * The kernel ends a process whose thread blocks the signal that its own access
 * raises, whatever handles it.  So a thread's first call that works with pages of a
 * pool (pins, reads, writes, flushes) unblocks both in that thread, and leaves them
 * so; calls that only ask, as for statistics, do not.  Who blocks them afterwards must
 * not touch pages while they are blocked, nor may a thread that blocks them and has
 * made no such call itself.
 *
 * With io_uring the end of a read is told to the thread that began it.  If that
 * one waits in the kernel then, calls that signal(7) lists as never restarted,
 * epoll_wait(2) for one, return EINTR as they do for a signal.
 *
 * FAULTS
 *
 * A slot that is not mapped, since the pool was opened with ORIEL_LAZY, or after
 * oriel_window_trim(), or since someone unmapped it, is mapped when it is
 * touched.  System calls can't do that: read(2) into such memory fails with
 * EFAULT, so touch it before.
 *
 * A pool's memory may be taken away: someone truncates its file or punches a
 * hole into it, or memory fails.  Then the touch of a page finds zeroes, and no
 * one crashes.  Whoever has such a page pinned is told: oriel_unpin() is -EIO,
 * and oriel_read_validate() is 0.  The next pin reads the page from its store.
 * If it was dirty, every oriel_flush(), oriel_sync() and oriel_file_close() of
 * the file is -EIO, until it is closed by all and opened again, or dropped if it
 * is ORIEL_FOREIGN; if it was just being written, the store may have half of it.
 * oriel_stats.frames_lost counts such pages.  Of this,
 *   - a truncation is noticed in every window, by whoever touches what was cut,
 *     or copies it.  Where it comes just before a write into the pool, or while the
 *     pool is resized, the file is long again, and what was cut counts as a hole;
 *   - a hole reads as zeroes without a fault, unless the kernel is asked for
 *     one (userfaultfd, Linux 5.11).  It is in a linear window, where that costs
 *     nothing, and with ORIEL_HOLES also in one that is swapped, at 0.4 us a
 *     swap.  It must be in every process, since a touch fills the hole.  Without
 *     it, and where there is no userfaultfd, copying reads notice holes that no
 *     one has touched;
 *   - what is cut off or zeroed inside a block (4096 bytes) is like any other
 *     write by a stranger: no one notices.
 * If the pool's tables are cut, or there is no room to put memory in the place
 * of what was cut, then every call is -EIO from then on; oriel_file_abandon()
 * and oriel_pool_close() work.
 *
 * A forked child that touches a page that its parent has pinned sees it, and may
 * read but not write it.  What the parent has not pinned at that moment is a
 * stray access.
 *
 * STRICT WINDOWS
 *
 * With ORIEL_PROTECT or ORIEL_RETIRE, or both, a wrong access to the window ends
 * in SIGSEGV or SIGBUS, and a line on stderr says who made it, which page it
 * was, and which thread pinned that page last, and from where in which module
 * (addr2line -e MODULE OFFSET tells the line).  What counts is the page of
 * memory: of pool pages smaller than 4096 bytes several share one.  Each pin
 * then costs some microseconds.  Guard pages (Linux 6.15) and userfaultfd's
 * write protection (5.19) do this without splitting VMAs; elsewhere mprotect()
 * does, and each page may become a VMA, for which the window must be small.
 * Not for pools on huge pages, nor with the backends linear and native.
 *
 * RESIDENCY
 *
 * Shared memory is swapped out like any other when memory is short.  With
 * ORIEL_RESIDENCY_LOCKED what this process's window shows is locked (mlock(2)),
 * and so are the pool's tables and, beside a window that is swapped, the places
 * of 512 copied pages: a page that is pinned is not waited for.  Each swap
 * brings in all that the slot shows; with ORIEL_RESIDENCY_ONFAULT what is
 * touched comes in, and is locked then.  Either way all of it counts against
 * RLIMIT_MEMLOCK (ulimit -l).  What the window shows no more is the kernel's
 * again.  The locks of a swap cost 5 to 10 us.  Guard pages cannot be put into
 * what is locked: with ORIEL_RETIRE each page may become a VMA.  What Oriel
 * allocates otherwise, some bytes for each slot, is not locked.
 *
 * CAVEATS
 *
 * - Closing any descriptor of a file drops every POSIX (fcntl) lock that the
 *   process holds on that file.  oriel_file_close() closes descriptors: see
 *   there before you use Oriel on a file that something else locks.
 * - A pool is memory: it is gone after a reboot.  Pages that were not written
 *   to their store by oriel_flush() or oriel_sync() are gone then, too.
 * - Processes of different users can't share a pool (its file has mode 0600).
 */
#ifndef ORIEL_H
#define ORIEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
# define ORIEL_API __attribute__ ((visibility ("default")))
#else
# define ORIEL_API
#endif

#define ORIEL_VERSION_MAJOR 0
#define ORIEL_VERSION_MINOR 1
#define ORIEL_VERSION_PATCH 0

typedef struct oriel_pool oriel_pool;   /* this process's attachment */
typedef struct oriel_file oriel_file;   /* a file that this process opened */
typedef struct oriel_page oriel_page;   /* a page that is pinned */
typedef struct oriel_options oriel_options; /* of a pool: oriel/options.h */

/* ------------------------------------------------------------------ */
/* Pools                                                              */

/*
 * Attach to the pool called name, creating it first if there is none.
 *
 * The file is DIRECTORY/oriel-NAME; a name with a slash is itself the path.
 * The pool is allocated whole at creation.  Where a pool exists, its size, page
 * size and maxima are kept; only a page_size that differs is refused.  A pool
 * of an earlier boot to which no one is attached is created anew.
 * opt may be NULL for all defaults.
 *
 * With ORIEL_WATCH nothing of the pool is changed or waited for, and no process
 * place is taken: one can look into a pool that is full, whose processes are
 * stopped or stuck, or that is of an earlier boot.  What works on such a pool
 * are oriel_pool_stats(), oriel_pool_files(), oriel_pool_processes(),
 * oriel_pool_check(), oriel_pool_page_size(), oriel_pool_frames(),
 * oriel_alive() and oriel_pool_close(); oriel_self() is 0, and all else is
 * -EACCES.  Options other than the directory do not matter.
 *
 * Errors: -ENOENT (with ORIEL_ATTACH or ORIEL_WATCH) and -EEXIST (with ORIEL_EXCL);
 * -ENOSPC the directory has too little free; -EPROTO the file is not a pool, is
 * damaged, or was made by a build with another layout; -EPERM it belongs to
 * another user or its mode is not 0600, or RLIMIT_MEMLOCK is too small for a
 * window that is to be locked (see ORIEL_TRY_LOCK); -ELOOP a symbolic link;
 * -EINVAL options that contradict each other or the pool; -EUSERS all process
 * places are taken; -ENOMEM no memory, address space or VMAs for the window;
 * -EOPNOTSUPP the kernel cannot do what was asked (a backend that was forced,
 * membarrier where the pool was made with it, locks, fallocate(2) on hugetlbfs,
 * which Linux has from 4.3 on); -EFBIG RLIMIT_FSIZE (ulimit -f) is less than the
 * file's size, so that a write could be SIGXFSZ; other errors of open(2),
 * mmap(2), fallocate(2).
 */
ORIEL_API int oriel_pool_open (const char *name, const oriel_options *opt,
                               oriel_pool **pool);

/*
 * Detach.  The pool itself stays, warm, until oriel_pool_destroy() or a reboot.
 * Errors: -EBUSY a file is still open or a page still pinned: nothing was done.
 * In a forked child it frees the child's copy of the object and succeeds.
 */
ORIEL_API int oriel_pool_close (oriel_pool *pool);

/*
 * Give back what the process's window maps: its VMAs and page tables.  No pin is
 * disturbed: slots are mapped again when they are touched, in a window that is
 * swapped by the fault handler.  Errors: -EOPNOTSUPP such a window, and
 * ORIEL_NO_FAULT_HANDLER, or a strict one; those of mmap(2).
 */
ORIEL_API int oriel_window_trim (oriel_pool *pool);

/*
 * Copy n bytes from memory at which the caller has mapped some file: what would be
 * a SIGBUS, because the file was cut or cannot be read, is an error.  The pool lends
 * its fault handler, and no more.  Costs a few ns over memcpy(3).
 * Errors: -EFAULT a page is missing: a part may have been copied; -EOPNOTSUPP the
 * pool was opened with ORIEL_NO_FAULT_HANDLER, or the thread blocks SIGBUS, or
 * another handler was set over Oriel's, which is looked at every 256 calls of a
 * thread; -EOWNERDEAD in a forked child.
 */
ORIEL_API int oriel_copy (oriel_pool *pool, void *to, const void *from,
                          size_t n);

/*
 * Remove the pool's file.  Pages not yet written to their store are lost.
 * directory as in oriel_options.  With force, also while processes are
 * attached: they go on with the nameless pool until they detach.
 * Errors: -ENOENT; -EBUSY a process is attached; -EPROTO not a pool;
 * -EPERM another user's.
 */
ORIEL_API int oriel_pool_destroy (const char *name, const char *directory,
                                  int force);

/*
 * Give up the frames of all pages that are clean and that no one has pinned, of
 * the file, or of all files if it is NULL.  They are read again when they are
 * wanted: nothing is lost, whoever uses the pool meanwhile.  Dirty pages stay.
 * Errors: -EINVAL the file is of another pool; -EUSERS all max_threads places
 * are taken.
 */
ORIEL_API int oriel_pool_evict (oriel_pool *pool, oriel_file *file);

/*
 * Write which pages this process uses, and when, to the file at path, which is
 * created or appended to; path NULL: end it.  Several processes may write to one
 * file.  Every oriel_pin(), each page of oriel_pin_many(), oriel_view(),
 * oriel_read() and oriel_write(), resident or not, is a record of 16 bytes; each
 * thread keeps up to 4096 in memory.  What of that is not written when the process
 * is killed is not in the trace.  oriel_pool_trace(3) has the format.  A pin costs
 * some 100 ns more meanwhile, and nothing when there is no trace.  With
 * $ORIEL_TRACE set to a path, oriel_pool_open() begins one.
 * Errors: -EBUSY it has begun already; those of open(2); at the end -ENOMEM,
 * -ENOSPC and others of pwrite(2): part of the trace is missing.
 */
ORIEL_API int oriel_pool_trace (oriel_pool *pool, const char *path);

ORIEL_API uint32_t oriel_pool_page_size (const oriel_pool *pool); /* bytes */
ORIEL_API uint64_t oriel_pool_frames (const oriel_pool *pool); /* pages held */

/* ------------------------------------------------------------------ */
/* Files                                                              */

/* Flags of oriel_file_open(); ORIEL_EXCL counts here too. */
#define ORIEL_CREATE   0x0100u /* create the file (mode 0666 less umask) */
#define ORIEL_RDONLY   0x0200u /* pages can't be pinned for writing */
#define ORIEL_BUFFERED 0x0400u /* through the page cache even where the file
                                  system has O_DIRECT */
#define ORIEL_DISCARD  0x0800u /* start with no page of the file in the pool:
                                  dirty ones are lost.  If others may be writing
                                  the file, call oriel_file_drop() then, which
                                  waits for that: an open does not */
#define ORIEL_FOREIGN  0x1000u /* others change the file without Oriel: its size
                                  and times are not judged at open; the caller
                                  calls oriel_file_drop() when it learns that
                                  the file has changed.  One process at a time
                                  may have dirty pages, and no other writes
                                  them, also not to make room */
#define ORIEL_NO_IMAGES 0x2000u /* keep no copy of a page while it is pinned for
                                  writing: if its writer dies the page is read
                                  from the store again, and what the store has
                                  not is lost; or oriel_file_on_indoubt() puts
                                  it right.  Saves a copy of a page per pin */

/*
 * Open a file through the pool.  A file is known by device, inode and birth
 * time, so all paths to it share their pages, and a file deleted and recreated
 * never meets old ones.  Opened twice by a process, it is the same object and
 * wants as many closes; the flags of the first open hold, except that
 * asking for writing where the first was ORIEL_RDONLY is -EACCES.
 *
 * The first process to open a file compares its size and times with those that
 * the pool last saw, and drops the cached pages if they differ.
 *
 * Errors: those of open(2); -ENFILE all max_files places are taken by open
 * files or by dirty pages; -ESTALE the file was changed by others while the
 * pool holds dirty pages of it: nothing was done, decide with ORIEL_DISCARD;
 * -EISDIR, -EINVAL not a regular file.
 */
ORIEL_API int oriel_file_open (oriel_pool *pool, const char *path,
                               unsigned flags, oriel_file **file);

/*
 * Write the file's dirty pages to its store, then close it.
 * This closes two descriptors of the file, oriel_file_fd()'s last: every POSIX
 * lock of the process on the file is gone after it.
 * Errors: -EBUSY the last handle has pages pinned: nothing was done.  Errors of
 * writing leave the file open and its pages dirty; see oriel_file_abandon().
 */
ORIEL_API int oriel_file_close (oriel_file *file);

/*
 * Close without writing.  Dirty pages stay in the pool for the next who opens
 * the file (with ORIEL_FOREIGN they are dropped).  Errors: -EBUSY.
 */
ORIEL_API int oriel_file_abandon (oriel_file *file);

/* The size in bytes, with what was written to the pool and is not yet in the
 * store.  Never fails on an open file. */
ORIEL_API uint64_t oriel_file_size (const oriel_file *file);

/*
 * Make the file exactly bytes long, in pool and store at once.  Pages behind
 * the end are forgotten, dirty or not; those pinned stay readable until unpin.
 * While a process does so, who truncates the file, too, waits for it, and who wants
 * a page behind the new end for writing (with ORIEL_NOWAIT: -EAGAIN) or flushes
 * one: as for a latch, without bound if that process is stopped.  So do
 * oriel_file_refresh(), who wants the page that the new end lies in, and with a
 * double-write area who flushes any page of the file.  Nothing else does.
 * Errors: -EACCES read-only; those of ftruncate(2), and then nothing was done; with
 * ORIEL_FOREIGN the dirty pages behind the new end are lost even so.
 */
ORIEL_API int oriel_file_truncate (oriel_file *file, uint64_t bytes);

/*
 * Take the size of the store's file as it is now (after others changed it).
 * Errors: those of fstat(2).
 */
ORIEL_API int oriel_file_refresh (oriel_file *file);

/*
 * Of a file opened with ORIEL_FOREIGN nothing is read in the background but
 * between these.  on: the caller has a lock that keeps others from changing what
 * it reads, so pages may be read ahead behind its calls.  0: it is about to give
 * the lock up; waits for what is being read, unless another caller in this
 * process has such a lock still.  Calls are counted: each begin wants its end.
 * Errors: -EINVAL the file is not ORIEL_FOREIGN, or there was no begin.
 */
ORIEL_API int oriel_file_stable (oriel_file *file, int on);

/*
 * Forget all pages of the file, in every process, dirty or not, in a time that
 * does not grow with them.  Pages pinned stay readable, as they were, until unpin;
 * a page that is being loaded is not found again after this returns.  Without
 * ORIEL_FOREIGN it waits for what is just being written to the store, however long
 * that takes: what was forgotten is not written after this returns.
 */
ORIEL_API int oriel_file_drop (oriel_file *file);

/*
 * Forget the pages that are dirty, likewise, and keep the others: of a file with
 * ORIEL_FOREIGN, whose writer has died and whose clean pages the caller knows to
 * be right.  Whoever opens such a file, when no living process has it open, finds
 * it so.  Errors: -EINVAL the file was opened without ORIEL_FOREIGN.
 */
ORIEL_API int oriel_file_drop_dirty (oriel_file *file);

/* Forget count pages from first on, likewise, one by one.
 * Errors: -EINVAL first + count overflows. */
ORIEL_API int oriel_file_drop_pages (oriel_file *file, uint64_t first,
                                     uint64_t count);

/*
 * Say who puts right a page whose writer died in the middle of a change, where
 * there is no copy of what it was before: with ORIEL_NO_IMAGES, or after
 * ORIEL_FRESH.  Without such a callback the page is read from the store again,
 * and what the store has not is lost.
 *
 * From this call on such pages of the file are in doubt, whoever finds the
 * writer dead, and also when all processes are gone and others attach: the pool
 * keeps them, and they are neither written to the store nor evicted.  The next
 * oriel_pin(), oriel_read(), oriel_write(), oriel_flush() or oriel_sync() that
 * meets one, in a process that gave a callback, calls it in its own thread.
 * page is pinned there with ORIEL_WRITE: data is what the dead one left, half
 * of its change, or what a callback left whose process died; lsn is the highest
 * that oriel_dirty() was given for the page since it was loaded, 0 if none.
 * The callback makes data right, may call oriel_dirty() to set an lsn or to
 * make the file longer, may pin other pages, and returns 0: the page is dirty
 * and goes on as any other.  Or it returns another value: the page is read from
 * the store again.  It may not unpin page, nor pin it once more (-EDEADLK).
 *
 * In a process that gave none, a page in doubt is -ENOTRECOVERABLE to pins,
 * reads and writes; with ORIEL_NOWAIT it is -EAGAIN to all.  Flush and sync
 * write all others and then say -ENOTRECOVERABLE; oriel_file_close() leaves it
 * in the pool.  What needs no old content (ORIEL_FRESH), drops, truncates or
 * discards the page ends its doubt.
 *
 * Call it right after oriel_file_open(), before other threads use the file.
 * With indoubt NULL the file's pages are never in doubt again, whoever has it
 * open, and those that are, are read from the store.
 * Errors: -EACCES read-only; -EINVAL opened with ORIEL_FOREIGN.
 */
ORIEL_API int oriel_file_on_indoubt (oriel_file *file,
                                     int (*indoubt) (void *arg,
                                                     oriel_page *page,
                                                     uint64_t lsn),
                                     void *arg);

/*
 * A buffered descriptor of the file, for locks and fstat(2).  It is the last
 * that oriel_file_close() closes.  Never fails; do not close it.
 */
ORIEL_API int oriel_file_fd (const oriel_file *file);

/*
 * Words of shared memory for the application's own coherence rules: zero when
 * the file enters the pool, then whatever the processes that have it open make
 * of them; access them with atomic operations.  They stay while the pool does
 * unless the file's place is needed for another.
 */
#define ORIEL_FILE_WORDS 16
ORIEL_API uint64_t *oriel_file_words (oriel_file *file);

/* ------------------------------------------------------------------ */
/* Owners                                                             */

/*
 * A token that names this attachment among all processes that ever attached;
 * never 0.  Put it into a shared word to say who is at work.
 */
ORIEL_API uint64_t oriel_self (const oriel_pool *pool);

/*
 * 1 if the attachment that the token names still lives, else 0.  Asks the
 * kernel and no pid: right even when pids are reused.  About 1 us.
 */
ORIEL_API int oriel_alive (oriel_pool *pool, uint64_t token);

/* ------------------------------------------------------------------ */
/* Pages                                                              */

/* Flags of oriel_pin(). */
#define ORIEL_READ       0x00u /* with a shared latch: the content is stable */
#define ORIEL_WRITE      0x01u /* with the exclusive latch */
#define ORIEL_FRESH      0x02u /* with ORIEL_WRITE: the page is wanted as zeroes,
                                  dirty, without reading it from the store */
#define ORIEL_OPTIMISTIC 0x04u /* no latch: content may change; see
                                  oriel_read_begin() */
#define ORIEL_NOWAIT     0x08u /* -EAGAIN instead of I/O or waiting */
#define ORIEL_ANYTHREAD  0x10u /* with ORIEL_OPTIMISTIC: the pin is the
                                  process's, outlives its thread */
#define ORIEL_SHOWN      0x20u /* not with ORIEL_WRITE: -EAGAIN unless the page
                                  is in the pool and a slot shows it, so that
                                  this costs no more than a lookup; then copy it
                                  by oriel_read(), which also counts what is
                                  wanted often, and gives that a slot */

/* Pages that one thread can have pinned at once (ORIEL_ANYTHREAD pins of a
 * process: as many for each 'thread' place that is free). */
#define ORIEL_THREAD_PINS 448

/* A pinned page.  Fill by oriel_pin(); read data and number, and frame for
 * oriel_pin_hint(); leave the rest. */
struct oriel_page {
  void *data;             /* page_size bytes, stable until oriel_unpin() */
  uint64_t number;
  oriel_file *file;
  uint32_t *ledger_entry;
  uint32_t frame;
  uint32_t flags;
};

/*
 * Make page number of file resident and visible, at an address that is stable
 * until oriel_unpin(), whatever other threads and processes do.  Pages behind
 * the end of the file are zeroes; dirtying one makes the file longer, from its
 * unpin on.
 *
 * With ORIEL_READ and no slot that shows the page, data may be a copy in private
 * memory: a swap costs more, and the page does not change while it is latched.
 *
 * A page whose writer was killed becomes again, for all who pin it or have it
 * pinned, what it was when the dead one pinned it.
 *
 * Waits for I/O, also others' that keeps room from it, and for latches of living
 * owners, never for someone to unpin; but no longer than half a minute for room:
 * -ENOBUFS  every frame is pinned, or every slot of the window shows a pinned
 *           page, or the thread has ORIEL_THREAD_PINS pins, or all processes
 *           together have a 32nd of the pool's pages pinned for writing (at
 *           least 16, at most two for each thread and process place): unpin
 *           something.
 * -EUSERS   all max_threads places are taken.
 * -EAGAIN   (ORIEL_NOWAIT) it would have to wait or to read; (ORIEL_SHOWN) or
 *           the page is not at hand.
 * -EACCES   ORIEL_WRITE on a file opened with ORIEL_RDONLY.
 * -EDEADLK  this thread holds a latch of the page that excludes the new one.
 * -EIO and others of pread(2): the page could not be read.
 * -EFBIG    the page's offset exceeds what a file can have.
 * -ENOTRECOVERABLE  the page is in doubt; see oriel_file_on_indoubt().
 */
ORIEL_API int oriel_pin (oriel_file *file, uint64_t number, unsigned flags,
                         oriel_page *page);

/*
 * The same for who remembers where the page was: hint is the frame that an
 * earlier pin of it had in its oriel_page, by any process.  If the page is still
 * there, the page table is not asked; if not, or if hint is any other number, it
 * is.  So an engine that keeps frames beside its child pointers pins for half of
 * what the lookup costs.
 */
ORIEL_API int oriel_pin_hint (oriel_file *file, uint64_t number, uint32_t hint,
                              unsigned flags, oriel_page *page);

/*
 * Pin count pages at once, pages[i] being numbers[i], in any order.  It does
 * what as many oriel_pin() do, with fewer calls: neighbours in the file are read
 * together, neighbours in the pool are shown together.  Latches are taken in the
 * order of page numbers, so two calls of this cannot block each other.  All or
 * nothing: after an error none is pinned, and what pages held is lost (with
 * ORIEL_FRESH pages may have become zeroes).
 * Errors: as oriel_pin(); -EINVAL also for ORIEL_SHOWN;
 * -EDEADLK also if a page comes twice with ORIEL_WRITE;
 * -ENOBUFS count is more than ORIEL_THREAD_PINS.
 */
ORIEL_API int oriel_pin_many (oriel_file *file, const uint64_t *numbers,
                              size_t count, unsigned flags, oriel_page *pages);

/*
 * Begin to read count pages from first on into the pool, in long reads and few
 * calls.  Pages that are there, and those behind the end of the file, are passed
 * over.  It takes frames that are free, or whose pages are not in use, and writes
 * nothing to have more: what finds no frame is left out.  With io_uring it
 * returns when the reads have begun, or, of more than 256 pages, all but the last
 * 256 are there; who pins a page waits for it, and an error of the store is
 * that pin's.  Else, and for files opened with ORIEL_FOREIGN, it waits for the
 * reads.
 * Files that are read in order, or in equal steps, forwards or backwards, need no
 * prefetch: pins and copying reads find out, and read ahead in the same way;
 * without io_uring only forwards in order.
 * Errors: -EINVAL first + count overflows; -ENOBUFS the thread has
 * ORIEL_THREAD_PINS pins; without io_uring, what oriel_pin() says of a page that
 * cannot be read or is damaged: what comes behind it is left out.
 */
ORIEL_API int oriel_prefetch (oriel_file *file, uint64_t first,
                              uint64_t count);

/* The same for count pages in any order; neighbours that follow each other in
 * the list are read together. */
ORIEL_API int oriel_prefetch_many (oriel_file *file, const uint64_t *numbers,
                                   size_t count);

/*
 * Give a page back: first its latch, then its address.  A page that was pinned
 * with ORIEL_WRITE and changed must have been given to oriel_dirty() before.
 * May be called by another thread than the one that pinned.
 * Errors: -EINVAL the page is not pinned; -EIO it was unpinned, but its memory
 * had been taken away (see FAULTS): what was read may be zeroes, and what was
 * written is lost.
 */
ORIEL_API int oriel_unpin (oriel_page *page);

/*
 * 1 if a pin still shows what a new pin of the page would: then it counts as a
 * use, and saves an unpin and a pin to who keeps the same pages pinned, with
 * ORIEL_OPTIMISTIC, between uses.  0 if the page was dropped, its memory taken
 * away, its frame is to go, or it is not known at once (while the pool is traced,
 * or its window is strict, each pin is wanted): unpin it, and pin it anew.  A
 * page that is kept pinned keeps a frame and a slot from others: keep few, and
 * none while idle.  Never an error, and leaves oriel_error() alone.
 */
ORIEL_API int oriel_pin_holds (const oriel_page *page);

/*
 * Have a pin, not one for writing, be of page number of the same file: as
 * oriel_unpin(page) and oriel_pin_hint() with the same flags, in half the time.
 * Also of the page that it has, to see whether it holds.  Of memory that was taken
 * away under the old page nothing is said: oriel_read_validate() before does.
 * Errors: as oriel_pin_hint(), and then nothing is pinned any more; -EINVAL the
 * page is not pinned, or is for writing, and nothing was done; -EOWNERDEAD in a
 * forked child, likewise.
 */
ORIEL_API int oriel_pin_move (oriel_page *page, uint64_t number,
                              uint32_t hint);

/*
 * Say that a page pinned with ORIEL_WRITE has new content.  lsn is the position
 * of the log record that describes it, and the page's lsn only grows; 0 if
 * there is no log.  No page is written before its log (oriel/log.h).
 * Errors: -EINVAL not pinned with ORIEL_WRITE.
 */
ORIEL_API int oriel_dirty (oriel_page *page, uint64_t lsn);

/*
 * Optimistic reading of a page pinned with ORIEL_OPTIMISTIC: take a version,
 * read, validate; what was read counts only if oriel_read_validate() says 1.
 * oriel_read_begin() waits while a writer has the page.  It returns an odd
 * version, which no validation accepts, if the page under the pin is gone: it
 * was dropped, or its writer died and left no before-image; then unpin it and
 * pin it anew.  Meanwhile data may
 * be half-changed: copy it and follow no pointer in it before validating.
 */
ORIEL_API uint64_t oriel_read_begin (const oriel_page *page);
ORIEL_API int oriel_read_validate (const oriel_page *page, uint64_t version);

/*
 * Copying read of length bytes at offset.  Each page's part is one consistent
 * state of that page.  *got, if not NULL, is what lay before the end of the
 * file; the rest of buffer is zeroes.  A page that is resident but shown by no
 * slot is copied from the pool file and takes no slot.  Errors as oriel_pin().
 */
ORIEL_API int oriel_read (oriel_file *file, uint64_t offset, void *buffer,
                          size_t length, size_t *got);

/*
 * Copying write, dirty in the pool until flushed; pages covered whole are not
 * read first.  Errors as oriel_pin(); then a prefix may have been written, page
 * by page.
 */
ORIEL_API int oriel_write (oriel_file *file, uint64_t offset,
                           const void *buffer, size_t length);

/*
 * Write all dirty pages of the file, whoever dirtied them, to its store, sorted
 * and in vectored runs.  Waits for writers that have pages latched.
 * Errors: those of pwrite(2); the pages concerned stay dirty.  -EDEADLK this
 * thread has a dirty page of the file pinned with ORIEL_WRITE.  -ENOTCONN all is
 * written but pages whose log is not durable, and this process cannot flush it;
 * see oriel_file_on_flush_log().
 * -ENOTRECOVERABLE all is written but pages in doubt; see
 * oriel_file_on_indoubt().
 */
ORIEL_API int oriel_flush (oriel_file *file);

/*
 * oriel_flush(), then make the store durable (fdatasync).  A sync that failed
 * has lost data that the kernel no longer has: from then on every sync of the
 * file fails with -EIO until it is closed by all and opened again.
 */
ORIEL_API int oriel_sync (oriel_file *file);

/* ------------------------------------------------------------------ */
/* Errors, names                                                      */

/* The text for the last error in this thread; "" if none.  Valid until the next
 * call of this thread that fails. */
ORIEL_API const char *oriel_error (void);

/* The library's version, "0.1.0". */
ORIEL_API const char *oriel_version (void);

/* A backend's name, "emulated"; "unknown" if there is none. */
ORIEL_API const char *oriel_backend_name (uint32_t backend);

/* How this process reads and writes the file: ORIEL_STORE_POSIX, URING, PMEM, or
 * MSYNC if that was to be PMEM and the file is not on persistent memory. */
ORIEL_API uint32_t oriel_file_store (const oriel_file *file);

/* A store's name, "uring"; "unknown" if there is none. */
ORIEL_API const char *oriel_store_name (uint32_t store);

#ifdef __cplusplus
}
#endif

#include "oriel/options.h"
#include "oriel/stats.h"
#include "oriel/hooks.h"
#include "oriel/torn.h"
#include "oriel/log.h"
#include "oriel/resize.h"
#include "oriel/view.h"

#endif /* ORIEL_H */
