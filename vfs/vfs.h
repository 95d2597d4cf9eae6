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
 *   walindex.c   what they read in SQLite's wal-index
 *
 * Locks, in the order in which they may be taken:
 *   the registry's mutex, a vfs_file's mutex, then what SQLite's default VFS
 *   and the pool lock by themselves.
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
  _Atomic uint64_t full_until;  /* milliseconds of the clock; 0: it is not */
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
  char refusal[160];            /* why file is NULL */
  /* mutex */
  pthread_mutex_t mutex;
  struct vfs_connection *writer; /* who has OWNER to write; coherence.c */
};

struct vfs_fetched;

/* What SQLite sees of it as sqlite3_file.  Small: SQLite has room for three
 * files of the largest size in every pager. */
struct vfs_handle {
  sqlite3_file base;
  struct vfs_connection *connection;
};

/* An open main database.  Used by one thread at a time, as SQLite promises. */
struct vfs_connection {
  sqlite3_file *lower;          /* the default VFS's file, behind this struct */
  struct vfs_file *shared;      /* NULL: the pool is not used */
  struct vfs_file *refused;     /* then: the file that the pool did not take */
  unsigned generation;          /* vfs_generation at open */
  int lock;                     /* SQLITE_LOCK_* that we hold */
  unsigned read_marks;          /* of the wal-index, that we hold: a bit each */
  bool immutable;
  /* coherence.c */
  bool unchecked;               /* a lock was taken since the last check */
  bool stranger;                /* until the next lock: do without the pool */
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
  int chunk_size;               /* SQLITE_FCNTL_CHUNK_SIZE */
  int last_errno;
  /* walindex.c: the regions that the default VFS has mapped */
  volatile void **region;
  int nregions;
  /* fetch.c */
  sqlite3_int64 mmap_limit;
  uint32_t nfetched;
  struct vfs_fetched **fetched; /* buckets */
  char why_not[160];            /* why shared is NULL */
  char *name;                   /* as SQLite opened it */
  uint64_t warmed;              /* pages, by PRAGMA oriel_warm; pragma.c */
};

/* ------------------------------------------------------------------ */
/* vfs.c                                                              */

/* The VFS beneath. */
extern sqlite3_vfs *vfs_lower;

/* Changes in a forked child, so that it leaves the parent's pools alone. */
extern unsigned vfs_generation;

/* May the connection use the pool at all? */
static inline bool
vfs_has_pool (const struct vfs_connection *c)
{
  return c->shared && c->generation == vfs_generation;
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

struct vfs_params {
  const char *pool;             /* name */
  const char *directory;        /* NULL: the default */
  oriel_options options;
  bool required;
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
 * it has tried hard before it gave up. */
void vfs_note_failure (struct vfs_connection *c, int r);

/* Was there no room lately?  Ask when a lock was taken. */
bool vfs_is_crowded (const struct vfs_connection *c);

/* Into the pool, if the connection may; else to the lower file. */
int vfs_write (struct vfs_connection *c, const void *data, int amount,
               sqlite3_int64 offset);

/* All that is dirty goes to the file.  An error of SQLite; then it is still
 * dirty. */
int vfs_flush (struct vfs_connection *c);

int vfs_truncate (struct vfs_connection *c, sqlite3_int64 size);

/* Pass a file control down that may make the file longer. */
int vfs_size_hint (struct vfs_connection *c, void *arg);

/* ------------------------------------------------------------------ */
/* fetch.c                                                            */

int vfs_fetch (struct vfs_connection *c, sqlite3_int64 offset, int amount,
               void **data);
int vfs_unfetch (struct vfs_connection *c, sqlite3_int64 offset, void *data);

/* Give back whatever is still fetched. */
void vfs_fetch_close (struct vfs_connection *c);

/* ------------------------------------------------------------------ */
/* coherence.c                                                        */

/* A lock was taken under which the file, or what of it may be read, differs
 * from before. */
void vfs_lock_taken (struct vfs_connection *c);

/* May the connection read pages from the pool now?  If not, it reads the lower
 * file. */
bool vfs_may_read (struct vfs_connection *c);

/* Become the file's writer; the connection holds the lock that lets it write.
 * false: it writes to the lower file, as a stranger does. */
bool vfs_write_begin (struct vfs_connection *c);

/* Flush, and stop being the writer, before the lock goes. */
void vfs_write_end (struct vfs_connection *c);

/* How the pool stands to the file now, for people. */
const char *vfs_coherence_text (const struct vfs_connection *c);

/* ------------------------------------------------------------------ */
/* walindex.c                                                         */

int vfs_shm_map (struct vfs_connection *c, int region, int size, int extend,
                 void volatile **p);
void vfs_shm_forget (struct vfs_connection *c);

/* A number that names the log's generation and how much of it has been copied
 * into the database; 0 if the wal-index does not say. */
uint64_t vfs_wal_state (const struct vfs_connection *c);

/* The page of a checkpoint from which on each write must reach the file before
 * it returns. */
uint64_t vfs_wal_safe_page (const struct vfs_connection *c);

#endif /* ORL_VFS_H */
