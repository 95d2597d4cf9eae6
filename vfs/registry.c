/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry.c - the pools and database files that this process has open
 *
 * Closing any descriptor of a file drops all POSIX locks that the process holds
 * on the file, and SQLite's locks are such.  So the descriptors through which
 * the pool reads a database must not be closed while any connection of this
 * process, ours or the default VFS's own, may hold a lock.  Therefore:
 *
 * - A database file is opened through Oriel once for the process, and all
 *   connections share that.  It is looked up by device and inode, taken with
 *   stat(2), which opens nothing.
 * - After the last connection it stays open, idle, and serves the next one.
 * - An idle file is closed if it was deleted, or if there are more than
 *   IDLE_MAX, and only with an OFD write lock on the whole file: it is refused
 *   while any process, this one too, holds a lock there, and no lock can be
 *   taken while it is held.  It goes with the last descriptor.  Refused, or
 *   where the descriptor can't have a write lock because it is read-only, the
 *   file stays idle.
 * - A file that the pool would not take is remembered while connections use
 *   it, since each attempt opens and closes descriptors.
 *
 * Where few descriptors are left, SQLite has them: a database without the pool
 * is slower, one without a journal cannot be written.
 *
 * Pools stay attached until the process ends: a pool that is detached and
 * attached again would be as warm, but the window would have to be filled anew.
 *
 * A forked child starts with an empty registry, and leaks what the parent's
 * connections, which SQLite forbids it to use, may still point to.
 *
 * Locks: one mutex for all, held while files are opened and closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vfs.h"

/* What a pool takes, and a file in it, and what must be left then: for a log with
 * its wal-index, or a journal and its directory, and for temporary files. */
#define POOL_DESCRIPTORS 3
#define FILE_DESCRIPTORS 2
#define SPARE_DESCRIPTORS 8

#define IDLE_MAX 16             /* two descriptors each; a guess at what no one
                                   minds, and more than programs alternate */
#define ATTEMPTS 3              /* to open a path that others keep replacing */

/* Dirty bytes of a connection: enough for one long vectored write, and not so
 * much of the pool that writers crowd out readers. */
#define DIRTY_PAGES_MAX 256
#define DIRTY_SHARE 8

/* Pages that stay pinned between fetches, of the slots and of the frames: those of
 * all connections, and as many connections, at least, may have some. */
#define KEEP_SHARE 32
#define KEEP_MOST 2048          /* a process's ledgers have 7168 entries */
#define KEEPERS 8

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static struct {
  struct vfs_pool *pools;
  struct vfs_file *files;
  uint64_t clock;               /* for idle_since */
  char warned[256];             /* what was logged last */
} registry;

void
vfs_registry_lock (void)
{
  pthread_mutex_lock (&mutex);
}

void
vfs_registry_unlock (void)
{
  pthread_mutex_unlock (&mutex);
}

void
vfs_registry_forget (void)
{
  registry.pools = NULL;
  registry.files = NULL;
}

/* ------------------------------------------------------------------ */
/* Pools                                                              */

static bool
same_text (const char *a, const char *b)
{
  return a == b || (a && b && strcmp (a, b) == 0);
}

static void
free_pool (struct vfs_pool *p)
{
  if (!p)
    return;
  if (p->pool)
    oriel_pool_close (p->pool);
  free (p->name);
  free (p->directory);
  free (p);
}

/* Can n more descriptors be had, and leave some?  The kernel gives the lowest
 * number that is free.  If not, why says so. */
static bool
has_descriptors (unsigned n, char *why, size_t size)
{
  struct rlimit limit;
  int fd = eventfd (0, EFD_CLOEXEC);
  bool few = fd < 0 && (errno == EMFILE || errno == ENFILE);

  if (fd >= 0)
    close (fd);
  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return !few;
  few = few
        || (fd >= 0 && (rlim_t) fd + n + SPARE_DESCRIPTORS > limit.rlim_cur);
  if (few)
    snprintf (why, size,
              "too few file descriptors are left for it (RLIMIT_NOFILE is %llu)",
              (unsigned long long) limit.rlim_cur);
  return !few;
}

static uint64_t
least (uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

/* The bounds that follow from the pool's and the window's sizes. */
static int
measure (struct vfs_pool *p)
{
  oriel_stats stats = { .struct_size = sizeof stats };
  uint64_t slots;
  int r = oriel_pool_stats (p->pool, &stats);

  if (r < 0)
    return r;
  p->page_size = oriel_pool_page_size (p->pool);
  p->frames = oriel_pool_frames (p->pool);
  if (stats.backend == ORIEL_BACKEND_LINEAR)
    slots = p->frames;
  else
    {
      slots = stats.slots;
      p->slot_size = stats.slot_size;
    }
  /* A page that is fetched holds a slot and a frame. */
  p->fetch_max = (uint32_t) (least (slots, p->frames) / 4);
  p->keep_all = (uint32_t) least (least (slots, p->frames) / KEEP_SHARE,
                                  KEEP_MOST);
  p->keep_max = (uint32_t) least (VFS_KEPT_MAX, p->keep_all / KEEPERS);
  p->dirty_max
      = least (DIRTY_PAGES_MAX, p->frames / DIRTY_SHARE) * p->page_size;
  return 0;
}

static struct vfs_pool *
attach (const struct vfs_params *params, char *why, size_t size)
{
  struct vfs_pool *p;

  for (p = registry.pools; p; p = p->next)
    if (!atomic_load (&p->gone) && same_text (p->name, params->pool)
        && same_text (p->directory, params->directory))
      return p;
  if (!has_descriptors (POOL_DESCRIPTORS + FILE_DESCRIPTORS, why, size))
    return NULL;
  p = calloc (1, sizeof *p);
  if (p)
    p->name = strdup (params->pool);
  if (p && params->directory)
    p->directory = strdup (params->directory);
  if (!p || !p->name || (params->directory && !p->directory))
    snprintf (why, size, "no memory");
  else if (oriel_pool_open (p->name, &params->options, &p->pool) < 0
           || measure (p) < 0)
    snprintf (why, size, "%s", oriel_error ());
  else
    {
      p->self = oriel_self (p->pool);
      p->next = registry.pools;
      registry.pools = p;
      return p;
    }
  free_pool (p);
  return NULL;
}

/* ------------------------------------------------------------------ */
/* Files                                                              */

static void
unlink_file (struct vfs_file *f)
{
  struct vfs_file **at = &registry.files;

  while (*at != f)
    at = &(*at)->next;
  *at = f->next;
  pthread_mutex_destroy (&f->mutex);
  free (f);
}

/* An OFD lock on all bytes of the file. */
static int
lock_whole (int fd, short type, int command)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

  if (fcntl (fd, command, &lock) < 0)
    return -errno;
  return command == F_OFD_GETLK && lock.l_type != F_UNLCK ? -EAGAIN : 0;
}

/* Close an idle file if no lock of anyone can be lost by it. */
static bool
close_idle (struct vfs_file *f, bool deleted)
{
  int fd = oriel_file_fd (f->file);

  if (!f->read_only)
    {
      if (lock_whole (fd, F_WRLCK, F_OFD_SETLK) < 0)
        return false;
    }
  /* A deleted file that this process may not write: whoever locks it between
   * here and there can at most lose a lock against writers that it has not. */
  else if (!deleted || lock_whole (fd, F_WRLCK, F_OFD_GETLK) < 0)
    return false;
  if (deleted)
    oriel_file_drop (f->file);
  while (f->opens > 0 && oriel_file_abandon (f->file) == 0)
    f->opens--;
  if (f->opens > 0)
    {
      lock_whole (fd, F_UNLCK, F_OFD_SETLK);
      return false;
    }
  unlink_file (f);
  return true;
}

static bool
is_deleted (const struct vfs_file *f)
{
  struct stat st;

  return fstat (oriel_file_fd (f->file), &st) == 0 && st.st_nlink == 0;
}

/* Close the idle files that were deleted, and the longest idle while there are
 * more than max. */
static void
sweep (unsigned max)
{
  struct vfs_file *f, *next;
  unsigned idle = 0;
  uint64_t after = 0;

  for (f = registry.files; f; f = next)
    {
      next = f->next;
      if (f->refs == 0 && !(is_deleted (f) && close_idle (f, true)))
        idle++;
    }
  while (idle > max)
    {
      struct vfs_file *oldest = NULL;

      for (f = registry.files; f; f = f->next)
        if (f->refs == 0 && f->idle_since > after
            && (!oldest || f->idle_since < oldest->idle_since))
          oldest = f;
      if (!oldest)
        break;
      after = oldest->idle_since;
      idle -= close_idle (oldest, false);
    }
}

static struct vfs_file *
find_file (const struct vfs_pool *pool, const struct stat *st)
{
  struct vfs_file *f;

  for (f = registry.files; f; f = f->next)
    if (f->pool == pool && f->dev == st->st_dev && f->ino == st->st_ino)
      break;
  return f;
}

/* A pool that is smaller than this cannot do without the page cache: with direct
 * reads each of its many misses waits for the disk, and for what was written to
 * the page cache just before. */
#define DIRECT_FROM (UINT64_C (8) << 20)

static bool
is_small (const struct vfs_pool *pool)
{
  return pool->frames * pool->page_size < DIRECT_FROM;
}

/* Open path in the pool, for writing if the file lets us, whatever this
 * connection wants: all share it.  A page that a dying writer leaves half
 * written needs no copy to go back to: the file is what counts then. */
static int
open_oriel (struct vfs_pool *pool, const char *path, oriel_file **file,
            bool *read_only)
{
  unsigned flags = ORIEL_FOREIGN | ORIEL_NO_IMAGES
                   | (is_small (pool) ? ORIEL_BUFFERED : 0);
  int r = oriel_file_open (pool->pool, path, flags, file);

  *read_only = r == -EACCES || r == -EPERM || r == -EROFS;
  if (*read_only)
    r = oriel_file_open (pool->pool, path, flags | ORIEL_RDONLY, file);
  return r;
}

static struct vfs_file *
add_file (struct vfs_pool *pool, const struct stat *st)
{
  struct vfs_file *f = calloc (1, sizeof *f);

  if (!f)
    return NULL;
  pthread_mutex_init (&f->mutex, NULL);
  f->pool = pool;
  f->dev = st->st_dev;
  f->ino = st->st_ino;
  f->idle_since = ++registry.clock;
  f->next = registry.files;
  registry.files = f;
  return f;
}

/* As open_oriel(), if there are descriptors to spare; why is set if not. */
static int
open_spared (struct vfs_pool *pool, const char *path, oriel_file **file,
             bool *read_only, char *why, size_t size)
{
  int r;

  if (!has_descriptors (FILE_DESCRIPTORS, why, size))
    return -EMFILE;
  r = open_oriel (pool, path, file, read_only);
  if (r < 0)
    snprintf (why, size, "%s", oriel_error ());
  return r;
}

/* Open the file that path names, which stat() said is st, and register it, as
 * what it turns out to be, with no connection yet. */
static struct vfs_file *
open_file (struct vfs_pool *pool, const char *path, struct stat *st)
{
  char why[sizeof ((struct vfs_file *) 0)->refusal];
  oriel_file *file = NULL;
  struct vfs_file *f;
  bool read_only = false;
  int r = open_spared (pool, path, &file, &read_only, why, sizeof why);

  if (r == -ENFILE || r == -EMFILE)
    {
      sweep (0);
      r = open_spared (pool, path, &file, &read_only, why, sizeof why);
    }
  if (r == 0)
    fstat (oriel_file_fd (file), st);
  f = find_file (pool, st);
  if (!f)
    f = add_file (pool, st);
  if (!f || (f->file && f->file != file))
    return NULL; /* no memory: the descriptors stay open, better than closed */
  if (r < 0)
    memcpy (f->refusal, why, sizeof why);
  else
    {
      f->file = file;
      f->words = oriel_file_words (file);
      f->read_only = read_only;
      f->direct = !is_small (pool);
      f->opens++;
    }
  return f;
}

/* Is the file at path, which is st, the one that the default VFS has open? */
static bool
is_lower (const struct vfs_connection *c, const char *path,
          const struct stat *st)
{
  struct stat now;
  int moved = 0;
  int rc = c->lower->pMethods->xFileControl (c->lower, SQLITE_FCNTL_HAS_MOVED,
                                             &moved);

  return (rc == SQLITE_OK || rc == SQLITE_NOTFOUND) && !moved
         && stat (path, &now) == 0 && now.st_dev == st->st_dev
         && now.st_ino == st->st_ino;
}

static void
release (struct vfs_file *f)
{
  if (--f->refs == 0 && !f->file)
    unlink_file (f);
  else if (f->refs == 0)
    f->idle_since = ++registry.clock;
}

/* As oriel_file_open(), for the connection.  NULL: c->why_not. */
static struct vfs_file *
get_file (struct vfs_connection *c, struct vfs_pool *pool, const char *path)
{
  struct vfs_file *f = NULL;

  for (int i = 0; i < ATTEMPTS; i++)
    {
      struct stat st;

      if (stat (path, &st) < 0)
        continue;
      f = find_file (pool, &st);
      if (!f)
        f = open_file (pool, path, &st);
      if (!f)
        {
          snprintf (c->why_not, sizeof c->why_not, "no memory");
          return NULL;
        }
      f->refs++;
      if (is_lower (c, path, &st) && st.st_dev == f->dev
          && st.st_ino == f->ino)
        return f;
      release (f);
    }
  snprintf (c->why_not, sizeof c->why_not,
            "the file is being replaced or deleted");
  return NULL;
}

int
vfs_registry_open (struct vfs_connection *c, const char *path,
                   const struct vfs_params *params)
{
  char text[sizeof c->why_not + 64];
  struct vfs_pool *pool;
  struct vfs_file *f = NULL;

  pthread_mutex_lock (&mutex);
  sweep (IDLE_MAX);
  pool = attach (params, c->why_not, sizeof c->why_not);
  if (pool)
    f = get_file (c, pool, path);
  if (f && !f->file)
    snprintf (c->why_not, sizeof c->why_not, "%.*s",
              (int) sizeof c->why_not - 1, f->refusal);
  c->shared = f;
  if (f && !f->file)
    {
      /* Keep the reference: it says that there is no use in trying. */
      c->refused = f;
      c->shared = NULL;
    }
  snprintf (text, sizeof text, "oriel: pool %s is not used: %s", params->pool,
            c->why_not);
  /* Say it once, not for every connection of a busy program. */
  if (c->shared || params->required
      || strncmp (registry.warned, text, sizeof registry.warned - 1) == 0)
    text[0] = '\0';
  else
    snprintf (registry.warned, sizeof registry.warned, "%s", text);
  pthread_mutex_unlock (&mutex);
  if (text[0])
    sqlite3_log (SQLITE_WARNING, "%s", text);
  return c->shared ? 0 : -1;
}

void
vfs_registry_close (struct vfs_connection *c)
{
  struct vfs_file *f = c->shared ? c->shared : c->refused;

  if (!f || c->generation != vfs_generation)
    return;
  pthread_mutex_lock (&mutex);
  release (f);
  sweep (IDLE_MAX);
  pthread_mutex_unlock (&mutex);
}
