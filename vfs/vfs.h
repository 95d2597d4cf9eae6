/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfs.h - what the files of the VFS share
 *
 *   vfs.c        registration, and the VFS's own methods
 *   params.c     URI parameters and environment
 *   registry.c   pools attached and database files open in this process
 *   file.c       the methods of an open main database
 *   control.c    its file controls
 *   pragma.c     its pragmas
 *   status.c     what they and the tables tell
 *   vtab.c       the tables oriel_pages and oriel_stats
 *   write.c      gathering writes, flushing them
 *   fetch.c      pointers into the window
 *   coherence.c  when the pool may be believed: the rules
 *   coherence-log.c, coherence.h
 *                what others have copied from the log
 *   walindex.c   what they read in SQLite's wal-index
 *   lease.c      read marks that stay locked between transactions
 *   lease-recall.c, lease-thread.c, lease.h
 *                how they are given back
 *   queue.c      writers wait their turn
 *   futex.c      waiting for words of the pool
 *   wal.c        the log's file: appends gather
 *   wal-map.c    its frames are read from a mapping
 *
 * Locks, in the order in which they may be taken:
 *   the registry's mutex, that of the list of leases, a vfs_file's mutex, then
 *   what SQLite's default VFS and the pool lock by themselves.
 */
#ifndef ORL_VFS_H
#define ORL_VFS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <pthread.h>
#include <sqlite3ext.h>
#include <sys/types.h>

#include "oriel.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT3
#endif

#define VFS_NAME "oriel"

/* ------------------------------------------------------------------ */
/* What is open in this process                                       */

/* An attachment; lives as long as the process. */
struct vfs_pool {
  struct vfs_pool *next;        /* registry */
  char *name;
  char *directory;              /* NULL: Oriel's default */
  oriel_pool *pool;
  uint64_t self;                /* oriel_self() */
  uint64_t page_size;           /* bytes */
  uint64_t frames;
  uint64_t slot_size;           /* bytes; 0: the window is linear */
  uint64_t dirty_max;           /* bytes a connection may have unflushed */
  uint32_t fetch_max;           /* pages that a connection may have fetched */
  _Atomic uint32_t fetched;     /* by all connections */
  uint32_t keep_max;            /* pages that a connection may keep */
  uint32_t keep_all;            /* that all connections may */
  _Atomic uint32_t kept;        /* that those may which keep some */
  _Atomic uint64_t full_until;  /* milliseconds of the clock; 0: it is not */
  _Atomic bool gone;            /* its memory was taken away, for good */
};

/* A database file, shared by all connections to it.  It outlives them: see
 * registry.c. */
struct vfs_file {
  /* registry's mutex */
  struct vfs_file *next;
  struct vfs_pool *pool;
  dev_t dev;
  ino_t ino;
  unsigned refs;                /* connections; 0: idle */
  unsigned opens;               /* oriel_file_close() calls it wants */
  uint64_t idle_since;          /* a counter */
  /* constant */
  oriel_file *file;             /* NULL: the pool does not take it */
  uint64_t *words;
  bool read_only;               /* by the descriptor */
  bool direct;                  /* read past the page cache */
  char refusal[160];            /* why file is NULL */
  /* mutex */
  pthread_mutex_t mutex;
  struct vfs_connection *writer; /* who has OWNER to write; coherence.c */
  /* coherence.c: an owner that was found alive, and until when (ms) that is
   * believed */
  _Atomic uint64_t alive;
  _Atomic uint64_t alive_until;
  /* lease.c: leases that were not given back, and how long not to wait */
  _Atomic uint64_t deaf;
  _Atomic uint64_t deaf_until;
};

struct vfs_fetches;
struct vfs_run;
struct vfs_wal;

/* What SQLite sees of it as sqlite3_file.  Small: SQLite has room for three
 * files of the largest size in every pager. */
struct vfs_handle {
  sqlite3_file base;
  struct vfs_connection *connection;
};

/* lease.c: a read mark that is kept. */
struct vfs_lease {
  _Atomic uint32_t word;        /* state and number of the lock */
  _Atomic bool fresh;           /* used since the thread looked */
  const volatile void *_Atomic index; /* the wal-index's first region */
  uint64_t idle_us;             /* how long it may be idle; 0: none is kept */
  /* connection's thread */
  bool listed;
  uint32_t recall;              /* last seen, */
  uint64_t recall_since;        /* since when, ms */
  /* the list's mutex */
  struct vfs_connection *next;
  uint64_t idle_since;          /* us */
  uint32_t commits;             /* the log's, as last seen */
};

/* queue.c: a writer's turn. */
struct vfs_turn {
  uint64_t limit_us;            /* how long to queue; 0: not at all */
  bool log_only;                /* and without a log not at all */
  uint64_t since;               /* when its turn began; 0: it has none */
  uint32_t count;               /* of locks in this turn */
  uint64_t left_at;             /* when it unlocked; 0: it has tried again */
  uint32_t acquired;            /* the count when it locked */
  uint8_t gaps;                 /* times that it did not come back at once */
  bool sleeps;                  /* when told BUSY, as SQLite's handler does */
  bool copies;                  /* the log, and has said so */
};

/* The words of a file in the pool (oriel_file_words()): from where on they are
 * whose. */
enum {
  VFS_WORDS_STATE = 0,          /* coherence.h: 4 */
  VFS_WORDS_LEASE = 4,          /* lease.h: 4 */
  VFS_WORDS_QUEUE = 8,          /* queue.c: 4 */
  VFS_WORDS_LOG = 12,           /* coherence.h: 3 */
  VFS_WORDS_COPIES = 15         /* queue.c: 1 */
};

/* An open main database.  Used by one thread at a time, as SQLite promises. */
struct vfs_connection {
  sqlite3_file *lower;          /* the default VFS's file, behind this struct */
  struct vfs_file *shared;      /* NULL: the pool is not used */
  struct vfs_file *refused;     /* then: the file that the pool did not take */
  struct vfs_fetches *fetches;  /* fetch.c; NULL: none yet */
  uint64_t fetch_limit;         /* bytes: see there */
  uint64_t kept_limit;          /* that of the lease, while it is IDLE */
  sqlite3_int64 size;           /* the file's, while mark 0 is locked; 0: not
                                   known */
  uint32_t nfetched;            /* pages in use */
  unsigned generation;          /* vfs_generation at open */
  int lock;                     /* SQLITE_LOCK_* that we hold */
  unsigned read_marks;          /* of the wal-index, that we hold: a bit each */
  bool immutable;
  bool read_only;               /* as it was opened */
  bool over_unix;               /* lower is os_unix's */
  bool stable;                  /* the pool knows that we have a lock */
  /* coherence.c */
  bool unchecked;               /* a lock was taken since the last check */
  bool same_log;                /* since SHARED was taken: it is the one noted */
  bool begins_log;              /* it locked a log that is empty, and noted */
  uint64_t begun_log;           /* salts of one that was begun and not yet noted */
  bool stranger;                /* until the next lock: do without the pool */
  bool beside;                  /* and it has written to the lower file so */
  bool crowded;                 /* until the next lock: the pool is full */
  bool writing;                 /* we are shared->writer */
  bool wrote;                   /* and have written */
  bool checkpointing;           /* with the wal-index's checkpoint lock */
  bool wal_format;              /* the header says so */
  bool head_valid;              /* head is as of this lock */
  bool head_short;              /* the file ends in it */
  unsigned char head[24];       /* bytes 16 to 39 of the file */
  /* write.c */
  uint64_t dirty;               /* bytes written since the last flush */
  uint64_t safe_page;           /* of a checkpoint: 0 not known; from here on
                                   each write is flushed at once */
  uint64_t unsynced;            /* bytes written since the last sync */
  int copy_sync;                /* flags by which this checkpoint is to sync what
                                   it copies of the log, once; 0: not */
  struct vfs_run *written;      /* since the last sync; or NULL */
  unsigned nwritten;
  int chunk_size;               /* SQLITE_FCNTL_CHUNK_SIZE */
  int last_errno;
  /* walindex.c: the regions that the default VFS has mapped */
  volatile void **region;
  int nregions;
  bool shm_read_only;
  struct vfs_lease lease;
  struct vfs_turn turn;
  /* fetch.c */
  sqlite3_int64 mmap_limit;
  bool raise;                   /* vfs_fetch_raise() has to */
  bool own_cache;               /* SQLite was told to have a large one */
  char why_not[160];            /* why shared is NULL */
  /* wal.c */
  struct vfs_connection *wal_next; /* its list, and what points at this one */
  struct vfs_connection **wal_at;
  const char *wal_name;         /* by which SQLite will open the log */
  struct vfs_wal *wal;          /* NULL: it is not open */
  bool log_locked;              /* we hold the wal-index's WRITE lock */
  char *name;                   /* as SQLite opened it */
  uint64_t warmed;              /* pages, by PRAGMA oriel_warm; pragma.c */
};

/* ------------------------------------------------------------------ */
/* vfs.c                                                              */

/* The VFS beneath. */
extern sqlite3_vfs *vfs_lower;

/* Changes in a forked child, so that it leaves the parent's pools alone. */
extern unsigned vfs_generation;

/* Was the connection opened with a pool, and by this process? */
static inline bool
vfs_is_ours (const struct vfs_connection *c)
{
  return c->shared && c->generation == vfs_generation;
}

/* May it use the pool at all? */
static inline bool
vfs_has_pool (const struct vfs_connection *c)
{
  return vfs_is_ours (c)
         && !atomic_load_explicit (&c->shared->pool->gone,
                                   memory_order_relaxed);
}

static inline oriel_file *
vfs_oriel (const struct vfs_connection *c)
{
  return c->shared->file;
}

static inline struct vfs_connection *
vfs_connection (sqlite3_file *file)
{
  return ((struct vfs_handle *) file)->connection;
}

/* Close the lower file, and free the connection. */
int vfs_connection_free (struct vfs_connection *c);

/* ------------------------------------------------------------------ */
/* params.c                                                           */

/* 10 s, but only where there is a log: see queue.c. */
#define VFS_WAIT_PRESET UINT32_MAX

struct vfs_params {
  const char *pool;             /* name */
  const char *directory;        /* NULL: the default */
  oriel_options options;
  unsigned required;            /* 0 or 1 */
  unsigned fetch;               /* 1: SQLite is to ask for pointers */
  unsigned lease_ms;            /* how long an idle lease is kept; 0: none */
  unsigned lock_wait_ms;        /* how long a writer queues; 0: it does not */
  char default_name[32];
};

/* Read the environment, once: it may be gone later. */
void vfs_params_init (void);

/* 1 if the environment asks that the module become the default VFS. */
bool vfs_params_default (void);

/* The parameters of database name.  SQLITE_OK, or an error, which is logged.
 * Points into name and into itself: do not copy it. */
int vfs_params_get (const char *name, struct vfs_params *params);

/* ------------------------------------------------------------------ */
/* registry.c                                                         */

/* Call in a forked child, before anything else. */
void vfs_registry_forget (void);
void vfs_registry_lock (void);
void vfs_registry_unlock (void);

/* Find or open the pool and the file for the connection, which the default VFS
 * has opened as path.  0 and c->shared set; else c->why_not says why not, and
 * the connection works without. */
int vfs_registry_open (struct vfs_connection *c, const char *path,
                       const struct vfs_params *params);

/* After the default VFS has closed the connection. */
void vfs_registry_close (struct vfs_connection *c);

/* ------------------------------------------------------------------ */
/* file.c                                                             */

/* Is it a file of ours? */
bool vfs_file_is_ours (const sqlite3_file *file);

/* The methods for a connection whose lower file is open. */
const sqlite3_io_methods *vfs_file_methods (const sqlite3_file *lower);

/* ------------------------------------------------------------------ */
/* control.c                                                          */

int vfs_file_control (sqlite3_file *file, int op, void *arg);

/* A file control of our own: the connection behind the shims above us.  copy is
 * &vfs_generation, which tells two copies of this library apart. */
#define VFS_FCNTL_FIND 0x4f52494c

struct vfs_find {
  const void *copy;
  struct vfs_connection *connection;
};

/* ------------------------------------------------------------------ */
/* pragma.c                                                           */

/* arg as SQLITE_FCNTL_PRAGMA has it.  SQLITE_NOTFOUND: not one of ours. */
int vfs_pragma (struct vfs_connection *c, char **arg);

/* ------------------------------------------------------------------ */
/* status.c                                                           */

/* Texts are to be given to sqlite3_free(); NULL: no memory. */
char *vfs_status_text (const struct vfs_connection *c);
char *vfs_stats_text (const struct vfs_connection *c);
char *vfs_pool_path (const struct vfs_pool *p);

/* 0 or -errno. */
int vfs_stats_each (const struct vfs_connection *c,
                    void (*each) (void *arg, const char *name,
                                  uint64_t value),
                    void *arg);

/* ------------------------------------------------------------------ */
/* vtab.c                                                             */

/* Have the tables in one connection, or in all that are opened from now on. */
int vfs_vtab_create (sqlite3 *db);
int vfs_vtab_register (void);

/* ------------------------------------------------------------------ */
/* write.c                                                            */

/* A call of Oriel's has failed.  If for want of room, do not try again soon:
 * it has tried hard before it gave up.  If the pool is gone, do without. */
void vfs_note_failure (struct vfs_connection *c, int r);

/* Was there no room lately?  Ask when a lock was taken. */
bool vfs_is_crowded (const struct vfs_connection *c);

/* Into the pool, if the connection may; else to the lower file. */
int vfs_write (struct vfs_connection *c, const void *data, int amount,
               sqlite3_int64 offset);

/* All that is dirty goes to the file.  An error of SQLite; then it is still
 * dirty. */
int vfs_flush (struct vfs_connection *c);

/* That, and have it durable; then only the pool keeps it in memory. */
int vfs_sync (struct vfs_connection *c, int flags);

int vfs_truncate (struct vfs_connection *c, sqlite3_int64 size);

/* Pass a file control down that may make the file longer. */
int vfs_size_hint (struct vfs_connection *c, void *arg);

/* ------------------------------------------------------------------ */
/* fetch.c                                                            */

int vfs_fetch (struct vfs_connection *c, sqlite3_int64 offset, int amount,
               void **data);
int vfs_unfetch (struct vfs_connection *c, sqlite3_int64 offset, void *data);

/* A method is called that may change whether, or how far, there may be fetched, or
 * the file's size. */
static inline void
vfs_fetch_stop (struct vfs_connection *c)
{
  c->fetch_limit = 0;
  c->kept_limit = 0;
  c->size = 0;
}

/* Pages that a connection may keep pinned between fetches, at most. */
#define VFS_KEPT_MAX 64

/* Give back the pages that are kept.  The lease is the caller's: not IDLE. */
void vfs_fetch_return (struct vfs_connection *c);

/* A lease is about to be kept. */
void vfs_fetch_turn (struct vfs_connection *c);

/* A connection was opened: unless its mmap_size is set or oriel_fetch is 0, set it,
 * or SQLite would never ask. */
void vfs_fetch_raise (sqlite3 *db);

/* PRAGMA cache_size = size: KiB if it is negative, else pages. */
void vfs_fetch_own_cache (struct vfs_connection *c, long size);

/* Give back whatever is still fetched. */
void vfs_fetch_close (struct vfs_connection *c);

/* ------------------------------------------------------------------ */
/* coherence.c                                                        */

/* A lock was taken under which the file, or what of it may be read, differs
 * from before. */
void vfs_lock_taken (struct vfs_connection *c);

/* The connection has a lock under which it may read pages from the pool; or it
 * is about to give that up. */
void vfs_stable (struct vfs_connection *c, bool on);

/* May the connection read pages from the pool now?  If not, it reads the lower
 * file. */
bool vfs_may_read (struct vfs_connection *c);

/* Most often it may: under a read mark, when it has been checked.  false: ask. */
static inline bool
vfs_reads_log (const struct vfs_connection *c)
{
  return c->read_marks != 0 && c->lock != SQLITE_LOCK_NONE && !c->unchecked
         && !c->stranger && vfs_has_pool (c);
}

/* Become the file's writer; the connection holds the lock that lets it write.
 * false: it writes to the lower file, as a stranger does. */
bool vfs_write_begin (struct vfs_connection *c);

/* Flush, and stop being the writer, before the lock goes. */
void vfs_write_end (struct vfs_connection *c);

/* Is some connection with the pool the file's writer, as far as we know? */
bool vfs_is_written (const struct vfs_file *f);

/* The connection may write the log now, or has perhaps started it anew: if no
 * frame was written since, see to those that it had.  It is about to unlock it:
 * if it wrote the log's first frames, note the log. */
void vfs_log_locked (struct vfs_connection *c);
void vfs_log_unlock (struct vfs_connection *c);

/* How the pool stands to the file now, for people. */
const char *vfs_coherence_text (const struct vfs_connection *c);

/* ------------------------------------------------------------------ */
/* walindex.c                                                         */

int vfs_shm_map (struct vfs_connection *c, int region, int size, int extend,
                 void volatile **p);
void vfs_shm_forget (struct vfs_connection *c);

/* The log as the wal-index shows it. */
struct vfs_log {
  uint64_t salts;               /* name its generation */
  uint32_t copied;              /* frames, all of them, into the database */
  uint32_t end;                 /* its last frame, */
  uint64_t sum;                 /* and that one's checksum, of all before it */
  uint64_t digest;              /* of both; 0: it is not known */
};

/* false: the wal-index does not say, and *log is 0. */
bool vfs_wal_look (const struct vfs_connection *c, struct vfs_log *log);

/* A number that names the last attempt at a checkpoint, in the first region. */
uint64_t vfs_wal_attempt (const volatile void *region);

/* A number that each commit makes greater by one. */
uint32_t vfs_wal_commits (const volatile void *region);

/* Frames in the log, 0 if we do not know. */
uint32_t vfs_wal_frames (const struct vfs_connection *c);
uint32_t vfs_wal_untried (const struct vfs_connection *c);

/* The page of a frame (from 1 on), also of one behind the log's end, if it was
 * before the log started anew; 0: there is none, -1: it is not known. */
int64_t vfs_wal_page (struct vfs_connection *c, uint32_t frame);

/* The database's, 0 if we do not know. */
uint32_t vfs_wal_page_size (const struct vfs_connection *c);

/* May a read mark stay locked that SQLite does not use?  attempt: the last
 * attempt of a user of the pool. */
bool vfs_wal_lease_ok (const volatile void *region, int mark,
                       uint64_t attempt);

/* The page of a checkpoint from which on each write must reach the file before
 * it returns. */
uint64_t vfs_wal_safe_page (const struct vfs_connection *c);

/* ------------------------------------------------------------------ */
/* wal.c                                                              */

/* A main database was opened by this name, and is being closed. */
void vfs_wal_expect (struct vfs_connection *c, const char *name);
void vfs_wal_forget (struct vfs_connection *c);

/* In a forked child: forget the parent's connections. */
void vfs_wal_child (void);

/* xOpen of a log. */
int vfs_wal_open (const char *name, sqlite3_file *file, int flags,
                  int *out_flags);

/* The checksum that a frame has in the log's file.  false: it is not known. */
bool vfs_wal_sum (struct vfs_connection *c, uint32_t frame, uint64_t *sum);

/* No frame was written since the log with these salts started anew; if the file is
 * empty, as long as the wal-index says after this that it has not started anew once
 * more.  false: or it is not known. */
bool vfs_wal_is_unwritten (struct vfs_connection *c, uint64_t salts);

/* Before a lock goes that lets the connection write the log: forget what was
 * gathered and not committed. */
void vfs_wal_release (struct vfs_connection *c);

/* ------------------------------------------------------------------ */
/* wal-map.c                                                          */

/* What is mapped of a log; all 0 at first. */
struct vfs_wal_map {
  oriel_pool *pool;             /* whose handler answers; NULL: nothing is */
  char *at;                     /* the file's beginning; NULL: it is not */
  sqlite3_int64 bytes;
  sqlite3_int64 again;          /* what is read behind this has it mapped anew */
};

/* The connection has opened its log, as name; flags are what it got. */
void vfs_wal_map_init (struct vfs_wal_map *m, const struct vfs_connection *c,
                       const char *name, const sqlite3_file *log, int flags);

/* xRead of the log. */
int vfs_wal_map_read (struct vfs_wal_map *m, sqlite3_file *log, void *data,
                      int amount, sqlite3_int64 offset);

/* Before it is truncated or closed, or the pool is. */
void vfs_wal_map_end (struct vfs_wal_map *m, sqlite3_file *log);

/* ------------------------------------------------------------------ */
/* lease.c                                                            */

/* Slots of xShmLock. */
#define VFS_SHM_WRITE 0
#define VFS_SHM_CKPT 1
#define VFS_SHM_RECOVER 2
#define VFS_SHM_READ 3          /* the first of the read marks */

/* At open: keep leases that long. */
void vfs_lease_init (struct vfs_connection *c, unsigned idle_ms);

/* SQLite wants the read mark's lock: true if a lease had it.  A lease of
 * another mark is given back. */
bool vfs_lease_take (struct vfs_connection *c, int lock);

/* SQLite unlocks it: true if it stays locked, else the caller unlocks it and
 * says so. */
bool vfs_lease_keep (struct vfs_connection *c, int lock);
void vfs_lease_unlocked (struct vfs_connection *c);

/* Give it back, if there is one. */
void vfs_lease_end (struct vfs_connection *c);

/* Is there one that SQLite does not use?  It may be going just now. */
bool vfs_lease_is_idle (const struct vfs_connection *c);

/* Read marks were busy: lock them when the leases on them are gone.  An SQLite
 * code. */
int vfs_lease_recall (struct vfs_connection *c, int first, int n, int flags);

/* Have all leases on the file given back that no one uses, as far as their
 * owners answer: before someone asks who reads. */
void vfs_lease_recall_all (struct vfs_connection *c);

/* The wal-index is being made anew: a recall is of one who was killed, or of one
 * who posts it again. */
void vfs_lease_end_recall (struct vfs_connection *c);

/* The connection has tried to checkpoint. */
void vfs_lease_note_attempt (struct vfs_connection *c);

/* It is about to unlock the log for others to write. */
void vfs_lease_note_commit (struct vfs_connection *c);

/* Before the connection is closed, or its wal-index unmapped. */
void vfs_lease_close (struct vfs_connection *c);

/* For fork(): the parent, and in the child anew. */
void vfs_lease_lock (void);
void vfs_lease_unlock (void);
void vfs_lease_forget (void);

/* ------------------------------------------------------------------ */
/* queue.c                                                            */

/* A connection was opened; how long it is to queue, or VFS_WAIT_PRESET. */
void vfs_queue_init (struct vfs_connection *c, unsigned wait_ms);

/* The connection wants to become the writer: false, it is to take the lock for
 * busy.  The lock was busy. */
bool vfs_queue_try (struct vfs_connection *c);
void vfs_queue_busy (struct vfs_connection *c);

/* It is the writer; it is about to unlock; it has unlocked. */
void vfs_queue_had (struct vfs_connection *c);
void vfs_queue_leave (struct vfs_connection *c);
void vfs_queue_left (struct vfs_connection *c);

/* It copies the log; it has done so. */
void vfs_queue_copies (struct vfs_connection *c);
void vfs_queue_copied (struct vfs_connection *c);

/* It has got another lock; it has given up all. */
void vfs_queue_moved (struct vfs_connection *c);
void vfs_queue_ended (struct vfs_connection *c);

/* SQLite sleeps.  false: not for a turn, or that is over; sleep yourself. */
bool vfs_queue_sleep (int us);

void vfs_queue_close (struct vfs_connection *c);

/* ------------------------------------------------------------------ */
/* futex.c                                                            */

uint64_t vfs_now_us (void);
uint64_t vfs_coarse_ms (void);  /* some ms behind, and cheap */

/* Wait while the word has the value, for a wakeup of one of the bits, or so
 * long. */
void vfs_futex_wait (uint32_t *word, uint32_t value, uint32_t bits,
                     uint64_t us);
void vfs_futex_wake (uint32_t *word, uint32_t bits);

#endif /* ORL_VFS_H */
