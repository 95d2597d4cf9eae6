/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torn-area.c - which double-write area's copies count for a file, and who has it
 *
 * Copies in an area are the newest there are only as long as no one writes the
 * file without it.  So the file says which area it has, in an extended attribute,
 * a number and the area's path, and the area's head has the number, too.  Who is
 * the first to open the file to write it does this:
 *   1. restore what is torn from the area that has the file's number, wherever it
 *      is (torn.c);
 *   2. if the file is written by another area from now on, or by none, give it a
 *      new number, and make that durable;
 *   3. give that area's head the number, with the next lap; if there is none, have
 *      the file say so.
 * If we die before 3, whoever comes next begins anew: no area has the number that the
 * file has then, durable or not, and all that any has was restored.
 *
 * Where the file system has no such attributes, or the kernel lets no one at them,
 * there are no numbers, and every area that was made for the file counts.  So it does
 * for a file that says nothing: it has had no area yet, or has lost its attribute.
 *
 * Who has an area is a lock on a byte of it, which is shared by all processes that
 * have this file open in this pool: its place says which.  Whoever has another
 * byte has the area for something else.  Without OFD locks no one is asked.
 *
 * Locks: none but those.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "point.h"
#include "proc.h"
#include "seen.h"
#include "sys.h"
#include "torn-area.h"

#define NAME "user.oriel.area"

/* "0123456789abcdef /path" */
#define DIGITS 16
#define NONE "0000000000000000"
#define VALUE_MAX (DIGITS + 1 + PATH_MAX)

/* What says something that we do not understand is no area's number. */
#define UNKNOWN UINT64_MAX

/* Bytes behind all that an area has. */
#define LOCKS ((uint64_t) 1 << 60)

/* What a file says of its area. */
struct mark {
  bool works;                   /* its file system lets it say so */
  bool none;                    /* it says that it has none, whatever the id */
  uint64_t id;                  /* 0: it says nothing */
  char *path;                   /* NULL: it does not say */
};

static uint64_t
mix (uint64_t h, uint64_t v)
{
  h = (h ^ v) * UINT64_C (0x9e3779b97f4a7c15);
  return h ^ h >> 29;
}

/* ------------------------------------------------------------------ */
/* What the file says                                                 */

/* Errors of fgetxattr(2), but for those that say that there is no such thing;
 * -ENOMEM. */
static int
read_mark (const struct orl_store *file, struct mark *mark)
{
  char value[VALUE_MAX + 1];
  ssize_t n = orl_sys.fgetxattr (file->fd, NAME, value, VALUE_MAX);
  unsigned long long id;
  int end = 0;

  *mark = (struct mark){ .works = true };
  if (n == -EOPNOTSUPP || n == -ENOSYS || n == -EPERM || n == -EACCES)
    mark->works = false;
  else if (n > 0 || n == -ERANGE)
    mark->id = UNKNOWN;
  else if (n < 0 && n != -ENODATA)
    return (int) n;
  if (n <= 0)
    return 0;
  value[n] = '\0';
  mark->none = strcmp (value, NONE) == 0;
  if (sscanf (value, "%16llx%n", &id, &end) != 1 || end != DIGITS || id == 0)
    return 0;
  mark->id = id;
  if (value[end] != ' ' || value[end + 1] != '/')
    return 0;
  mark->path = strdup (value + end + 1);
  return mark->path ? 0 : -ENOMEM;
}

/* Durable.  path NULL: that of no area.  -EOPNOTSUPP; others of fsetxattr(2) and
 * fsync(2). */
static int
write_mark (const struct orl_store *file, uint64_t id, const char *path)
{
  char value[VALUE_MAX + 1];
  char *whole = path ? realpath (path, NULL) : NULL;
  int n = snprintf (value, sizeof value, "%016llx%s%s",
                    (unsigned long long) id, whole ? " " : "",
                    whole ? whole : "");
  int r = n < (int) sizeof value
              ? orl_sys.fsetxattr (file->fd, NAME, value, (size_t) n)
              : -ENOSPC;

  free (whole);
  /* Better without the path than not at all. */
  if (r == -ENOSPC || r == -EDQUOT || r == -E2BIG || r == -ERANGE)
    r = orl_sys.fsetxattr (file->fd, NAME, value, DIGITS);
  return r < 0 ? r : orl_sys.fsync (file->fd);
}

/* An id that no area has. */
static uint64_t
new_id (const struct orl_shm *shm)
{
  struct timespec now;
  uint64_t id;

  clock_gettime (CLOCK_REALTIME, &now);
  id = mix (mix (mix (shm->token, (uint64_t) now.tv_sec),
                 (uint64_t) now.tv_nsec),
            orl_now_ns ());
  return id == 0 || id == UNKNOWN ? 1 : id;
}

/* ------------------------------------------------------------------ */
/* Who has the area                                                   */

/* The place of the lock. */
static uint64_t
place_of (const struct oriel_file *file)
{
  struct stat st = { 0 };
  uint64_t h;

  orl_sys.fstat (file->pool->shm.fd, &st);
  h = mix (mix (mix (1, st.st_dev), st.st_ino),
           atomic_load (&file->rec->dev));
  h = mix (mix (h, atomic_load (&file->rec->ino)),
           atomic_load (&file->rec->birth));
  return LOCKS + (h & (LOCKS - 1));
}

/* Has anyone else one of these bytes? */
static bool
is_had (int fd, uint64_t from, uint64_t to)
{
  struct flock fl = { .l_type = F_WRLCK,
                      .l_whence = SEEK_SET,
                      .l_start = (off_t) from,
                      .l_len = (off_t) (to - from) };

  return from < to && orl_sys.fcntl_lock (fd, F_OFD_GETLK, &fl) == 0
         && fl.l_type != F_UNLCK;
}

/* First say that we have it, then look who else does: of two that come at once one
 * is refused at least. */
static int
lock (const struct orl_store *area, const struct oriel_file *file)
{
  uint64_t place = place_of (file);
  struct flock fl = { .l_type = F_RDLCK,
                      .l_whence = SEEK_SET,
                      .l_start = (off_t) place,
                      .l_len = 1 };

  if (orl_sys.fcntl_lock (area->fd, F_OFD_SETLK, &fl) < 0)
    return 0;
  if (!is_had (area->fd, LOCKS, place)
      && !is_had (area->fd, place + 1, 2 * LOCKS))
    return 0;
  fl.l_type = F_UNLCK;
  orl_sys.fcntl_lock (area->fd, F_OFD_SETLK, &fl);
  return -EBUSY;
}

int
orl_area_wrong (const struct oriel_file *file, const char *path)
{
  return orl_fail (-EBUSY,
                   "%s: is open with a double-write area that is not %s; name "
                   "that one",
                   file->path, path);
}

static bool
is_open (const struct orl_shm *shm, uint32_t index)
{
  for (uint32_t p = 0; p < shm->geo.nprocs; p++)
    if ((atomic_load (&shm->open_maps[(uint64_t) p * shm->geo.map_words
                                      + index / 64])
         & UINT64_C (1) << index % 64)
        && orl_proc_alive (shm, atomic_load (&shm->procs[p].token)))
      return true;
  return false;
}

/* Is the area a file that is open in the pool, or of one? */
static bool
is_others (const struct oriel_file *file, const struct orl_store_id *id,
           const char **why)
{
  const struct orl_shm *shm = &file->pool->shm;

  for (uint32_t i = 0; i < shm->geo.nfiles; i++)
    {
      const struct orl_frec *other = &shm->files[i];
      bool itself;

      if (atomic_load (&other->state) != ORL_FILE_USED)
        continue;
      itself = atomic_load (&other->dev) == id->dev
               && atomic_load (&other->ino) == id->ino;
      *why = itself ? "is a file that is open itself"
                    : "is the double-write area of another file that is open";
      if ((itself
           || (i != file->index
               && atomic_load (&other->torn) == ORIEL_TORN_DOUBLE
               && atomic_load (&other->dw_ino) == id->ino
               && atomic_load (&other->dw_dev) == id->dev))
          && is_open (shm, i))
        return true;
    }
  return false;
}

int
orl_area_alone (const struct oriel_file *file, const struct orl_store *area,
                const char *path)
{
  return lock (area, file) == 0
             ? 0
             : orl_fail (-EBUSY,
                         "%s: is the double-write area of a file that is open in "
                         "another pool; %s wants one of its own, and one pool",
                         path, file->path);
}

static int
check_alone (const struct oriel_file *file, const struct orl_store *area,
             const struct orl_store_id *id, const char *path)
{
  const char *why;

  return is_others (file, id, &why)
             ? orl_fail (-EBUSY, "%s: %s; %s wants one of its own", path, why,
                         file->path)
             : orl_area_alone (file, area, path);
}

/* Say that the file has this area, then look whether another says so, too: of two
 * that come at once one is refused at least. */
int
orl_area_claim (void *arg, const struct orl_store *area, const char *path)
{
  struct oriel_file *file = arg;
  struct orl_frec *rec = file->rec;
  struct orl_store_id id;
  int r = orl_store_identify (area, &id);

  if (r < 0)
    return orl_fail (r, "%s: cannot be looked at", path);
  if (id.dev == atomic_load (&rec->dev) && id.ino == atomic_load (&rec->ino))
    return orl_fail (-EINVAL, "%s: a file cannot be its own double-write area",
                     path);
  if (!atomic_load (&rec->dw_ready))
    {
      atomic_store (&rec->dw_dev, id.dev);
      atomic_store (&rec->dw_ino, id.ino);
      r = check_alone (file, area, &id, path);
      if (r < 0)
        atomic_store (&rec->dw_ino, 0);
      return r;
    }
  return atomic_load (&rec->dw_dev) == id.dev
                 && atomic_load (&rec->dw_ino) == id.ino
             ? check_alone (file, area, &id, path)
             : orl_area_wrong (file, path);
}

/* ------------------------------------------------------------------ */
/* Restore                                                            */

/* What a crash left; by who has the area, or before anyone has it.  -EROFS. */
static int
restore (struct oriel_file *file, struct orl_dw *dw)
{
  struct orl_frec *rec = file->rec;
  bool look = (file->flags & ORIEL_RDONLY) != 0;
  struct orl_store_id id;
  uint32_t torn;
  int r;

  if (!look)
    orl_seen_begin (file);
  r = orl_dw_restore (dw, file->store, look, &torn);
  ORL_POINT ("torn.restored");
  /* A batch may have made the file longer; but of one that is half cut the pool
   * knows better. */
  if (r == 0 && !look && torn > 0
      && (r = orl_store_identify (file->store, &id)) == 0
      && atomic_load (&rec->cut) == 0 && !(atomic_load (&rec->cut_phase) & 1)
      && atomic_load (&rec->size) < id.size)
    atomic_store (&rec->size, id.size);
  if (!look)
    orl_seen_end (file);
  /* Who read the file without the area may have brought them into the pool. */
  if (torn > 0 && !look)
    orl_seen_drop_clean (&file->pool->shm, file->index);
  if (r < 0)
    return orl_fail (r, "%s: pages cannot be restored from the double-write "
                        "area %s",
                     file->path, dw->path);
  if (look && torn > 0)
    return orl_fail (-EROFS,
                     "%s: %u pages have to be restored from %s; open it once "
                     "to write it",
                     file->path, torn, dw->path);
  return 0;
}

/* From the area that the file says it has, which is not the one that it is opened
 * with.  None, or another file's by now: all had closed the file, or it was
 * copied. */
static int
restore_elsewhere (struct oriel_file *file, const struct mark *mark)
{
  struct orl_dw_options how = { .read_only = true,
                                .mark = mark->id,
                                .page_size = file->pool->shm.geo.page_size };
  struct orl_dw *dw = NULL;
  int r = orl_store_identify (file->store, &how.id);

  if (r < 0)
    return orl_fail (r, "%s: cannot be looked at", file->path);
  r = orl_dw_open (mark->path, &how, &dw);
  if (r == -ENOENT || r == -ENOTDIR || r == -EPROTO || r == -EISDIR
      || r == -EINVAL)
    return 0;
  if (r == -ESTALE)
    return orl_fail (r,
                     "%s: may have pages to be restored from the double-write "
                     "area %s, which has them in another size; open it once in "
                     "a pool of pages of that size",
                     file->path, mark->path);
  if (r < 0)
    return orl_fail (r,
                     "%s: may have pages to be restored from the double-write "
                     "area %s, which cannot be read",
                     file->path, mark->path);
  if (!(file->flags & ORIEL_RDONLY))
    r = orl_area_alone (file, dw->area, mark->path);
  if (r == 0)
    r = restore (file, dw);
  orl_dw_close (dw);
  return r;
}

/* This area, or none, has a file's copies from now on.  Errors as write_mark(). */
static int
say (struct oriel_file *file, uint64_t id, const char *path)
{
  int r;

  orl_seen_begin (file);
  r = write_mark (file->store, id, path);
  /* Only after that, as who reads it makes nothing durable; without it the next one
   * does all that again. */
  if (r == 0 && !path)
    orl_sys.fsetxattr (file->store->fd, NAME, NONE, DIGITS);
  orl_seen_end (file);
  return r;
}

/* By whom the file is written from now on, so that no copies of others ever come
 * back; and a new lap. */
static int
mark_area (struct oriel_file *file, struct orl_dw *dw, const struct mark *mark)
{
  bool doubles = dw && atomic_load (&file->rec->torn) == ORIEL_TORN_DOUBLE;
  char *path = doubles ? realpath (dw->path, NULL) : NULL;
  bool moved = !path || !mark->path || strcmp (path, mark->path) != 0;
  bool same = doubles && mark->id && dw->mark == mark->id;
  uint64_t id = same ? mark->id : new_id (&file->pool->shm);
  int r = 0;

  free (path);
  if (mark->works
      && (doubles ? !same || moved : mark->id != 0 && !mark->none))
    r = say (file, id, doubles ? dw->path : NULL);
  ORL_POINT ("torn.marked");
  if (!mark->works)
    id = dw ? dw->mark : 0;
  else if (!doubles)
    id = 0;
  else if (mark->id == 0
           && (r == -EOPNOTSUPP || r == -ENOSYS || r == -EPERM || r == -EACCES))
    r = 0, id = 0;
  if (r < 0)
    return orl_fail (r,
                     "%s: its attribute %s, which says where torn pages are "
                     "restored from, cannot be written",
                     file->path, NAME);
  if (!dw)
    return 0;
  dw->mark = id;
  r = orl_dw_turn (dw, dw->lap + 1);
  return r < 0 ? orl_fail (r, "%s: the double-write area cannot be written",
                           dw->path)
               : 0;
}

int
orl_area_recover (struct oriel_file *file, struct orl_dw *dw)
{
  struct mark mark;
  int r = read_mark (file->store, &mark);

  if (r < 0)
    return orl_fail (r, "%s: its attribute %s cannot be read", file->path, NAME);
  if (dw && (mark.id == 0 || dw->adopted || dw->mark == mark.id))
    r = restore (file, dw);
  else if (mark.path)
    r = restore_elsewhere (file, &mark);
  if (r == 0 && !(file->flags & ORIEL_RDONLY))
    r = mark_area (file, dw, &mark);
  free (mark.path);
  return r;
}
