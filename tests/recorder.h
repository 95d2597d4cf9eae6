/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recorder.h - what a process does to the files of a directory, in order
 *
 * The program's own write(), fdatasync() and so on stand in the place of the C
 * library's, for SQLite's library too.  While record_to is set, each call that
 * changes a file below record_dir, or makes it durable, is noted with its data.
 * Shared memory (NAME-shm) is left out: it does not outlive a crash.
 *
 * record_build() makes of such a tape what a disk may have after the power
 * went, see there.
 *
 * For one thread.  On 32 bits, for libraries that were built for large files.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "util.h"

#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum record_type { R_WRITE, R_TRUNCATE, R_SYNC, R_CREATE, R_UNLINK, R_SYNC_DIR,
                   R_NOTE };

#define R_FILES 256             /* that ever had a name */
#define R_OPS 40000
#define R_BYTES (160 * MiB)
#define R_FDS 1024
#define R_NAME 64
#define R_DIRECTORY -2          /* the slot of a descriptor of record_dir */

struct record_op {
  enum record_type type;
  int file;                     /* a slot of files */
  off_t offset;                 /* of data; a size; the number of a note */
  size_t length;
  size_t at;                    /* where in bytes */
};

struct record_tape {
  unsigned nops;
  unsigned nfiles;
  size_t used;
  int overflow;
  char name[R_FILES][R_NAME];   /* that it was made with */
  ino_t ino[R_FILES];
  struct record_op ops[R_OPS];
  unsigned char bytes[R_BYTES];
};

static struct record_tape *record_to;
static char record_dir[256];
static int record_fd[R_FDS];    /* slot plus 1; 0: not below record_dir */

/* ------------------------------------------------------------------ */
/* The tape                                                           */

UTIL void
record_add (enum record_type type, int file, off_t offset, const void *data,
            size_t length)
{
  struct record_tape *t = record_to;

  if (!t || t->nops == R_OPS || t->used + length > R_BYTES) {
    if (t)
      t->overflow = 1;
    return;
  }
  if (data)
    memcpy (t->bytes + t->used, data, length);
  t->ops[t->nops++]
      = (struct record_op) { type, file, offset, length, t->used };
  t->used += data ? length : 0;
}

/* A file that has a name from now on, or had one when recording began. */
UTIL int
record_file (const char *name, ino_t ino)
{
  struct record_tape *t = record_to;

  if (t->nfiles == R_FILES) {
    t->overflow = 1;
    return 0;
  }
  snprintf (t->name[t->nfiles], R_NAME, "%s", name);
  t->ino[t->nfiles] = ino;
  return (int) t->nfiles++;
}

/* The part of path behind record_dir; NULL if it is elsewhere, or not noted. */
UTIL const char *
record_name (const char *path)
{
  size_t n = strlen (record_dir);
  size_t length = strlen (path);

  if (!record_to || strncmp (path, record_dir, n) != 0)
    return NULL;
  if (path[n] == '\0')
    return path + n;
  if (path[n] != '/' || (length > 4 && strcmp (path + length - 4, "-shm") == 0))
    return NULL;
  return path + n + 1;
}

UTIL int
record_slot_of (int fd)
{
  return record_to && fd >= 0 && fd < R_FDS && record_fd[fd] != 0
             ? record_fd[fd] - 1
             : -1;
}

UTIL void
record_opened (int fd, const char *name, int made)
{
  struct stat st;
  int slot = -1;

  if (fstat (fd, &st) < 0 || fd >= R_FDS)
    bail_out ("the recorder cannot follow descriptor %d", fd);
  if (S_ISDIR (st.st_mode)) {
    record_fd[fd] = R_DIRECTORY;
    return;
  }
  if (made) {
    slot = record_file (name, st.st_ino);
    record_add (R_CREATE, slot, 0, NULL, 0);
  }
  for (int i = (int) record_to->nfiles; slot < 0 && --i >= 0;)
    if (record_to->ino[i] == st.st_ino)
      slot = i;
  if (slot < 0)
    bail_out ("the recorder does not know %s", name);
  record_fd[fd] = slot + 1;
}

/* ------------------------------------------------------------------ */
/* In the place of the C library's                                    */

#define STAND_IN __attribute__ ((visibility ("default")))

#if UINTPTR_MAX > UINT32_MAX
#define SAME_AS(name, declaration)                                            \
  declaration __attribute__ ((visibility ("default"), alias (name)))
#define OFFSET(at) at, 0        /* two words only where words are short */
#define FTRUNCATE SYS_ftruncate
#else
/* off_t has 64 bits, so headers have made open() and such open64() already. */
#define SAME_AS(name, declaration) struct record_op
#define OFFSET(at) (uint32_t) (at), (uint32_t) ((uint64_t) (at) >> 32)
#define FTRUNCATE SYS_ftruncate64
#endif

STAND_IN int open (const char *path, int flags, ...);
STAND_IN int
open (const char *path, int flags, ...)
{
  const char *name = record_name (path);
  int made = name && (flags & O_CREAT) && access (path, F_OK) < 0;
  mode_t mode = 0;
  va_list ap;
  int fd;

  va_start (ap, flags);
  if (flags & (O_CREAT | O_TMPFILE))
    mode = va_arg (ap, mode_t);
  va_end (ap);
  fd = (int) syscall (SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
  if (fd >= 0 && fd < R_FDS)
    record_fd[fd] = 0;
  if (fd >= 0 && name)
    record_opened (fd, name, made);
  return fd;
}
SAME_AS ("open", int open64 (const char *path, int flags, ...));

STAND_IN int
close (int fd)
{
  if (fd >= 0 && fd < R_FDS)
    record_fd[fd] = 0;
  return (int) syscall (SYS_close, fd);
}

UTIL void
record_written (int fd, const void *data, ssize_t n, off_t at)
{
  int slot = record_slot_of (fd);

  if (slot >= 0 && n > 0)
    record_add (R_WRITE, slot, at, data, (size_t) n);
}

STAND_IN ssize_t
pwrite (int fd, const void *data, size_t n, off_t at)
{
  ssize_t got = syscall (SYS_pwrite64, fd, data, n, OFFSET (at));

  record_written (fd, data, got, at);
  return got;
}
SAME_AS ("pwrite",
         ssize_t pwrite64 (int fd, const void *data, size_t n, off_t at));

STAND_IN ssize_t
pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  ssize_t got = syscall (SYS_pwritev, fd, iov, n, OFFSET (at));
  ssize_t left = got;

  for (int i = 0; i < n && left > 0; i++) {
    ssize_t part = (ssize_t) iov[i].iov_len < left ? (ssize_t) iov[i].iov_len
                                                   : left;

    record_written (fd, iov[i].iov_base, part, at);
    at += part;
    left -= part;
  }
  return got;
}
SAME_AS ("pwritev", ssize_t pwritev64 (int fd, const struct iovec *iov, int n,
                                       off_t at));

STAND_IN ssize_t
write (int fd, const void *data, size_t n)
{
  if (record_slot_of (fd) >= 0)
    bail_out ("the recorder does not know where write() writes");
  return syscall (SYS_write, fd, data, n);
}

STAND_IN int
ftruncate (int fd, off_t size)
{
  int rc = (int) syscall (FTRUNCATE, fd, OFFSET (size));

  if (rc == 0 && record_slot_of (fd) >= 0)
    record_add (R_TRUNCATE, record_slot_of (fd), size, NULL, 0);
  return rc;
}
SAME_AS ("ftruncate", int ftruncate64 (int fd, off_t size));

UTIL void
record_synced (int fd)
{
  if (record_to && fd >= 0 && fd < R_FDS && record_fd[fd] == R_DIRECTORY)
    record_add (R_SYNC_DIR, -1, 0, NULL, 0);
  else if (record_slot_of (fd) >= 0)
    record_add (R_SYNC, record_slot_of (fd), 0, NULL, 0);
}

STAND_IN int
fdatasync (int fd)
{
  int rc = (int) syscall (SYS_fdatasync, fd);

  if (rc == 0)
    record_synced (fd);
  return rc;
}

STAND_IN int
fsync (int fd)
{
  int rc = (int) syscall (SYS_fsync, fd);

  if (rc == 0)
    record_synced (fd);
  return rc;
}

STAND_IN int
unlink (const char *path)
{
  const char *name = record_name (path);
  int rc = (int) syscall (SYS_unlink, path);

  if (rc == 0 && name)
    record_add (R_UNLINK, -1, 0, name, strlen (name) + 1);
  return rc;
}

/* ------------------------------------------------------------------ */
/* After the power went                                               */

struct disk_file {
  unsigned char *data;
  size_t size, room;
};

struct disk {
  struct disk_file file[R_FILES];
  int linked[R_FILES];          /* it has its name */
};

UTIL void
disk_write (struct disk_file *f, size_t at, const void *data, size_t n)
{
  if (at + n > f->room) {
    f->room = (at + n) * 2;
    f->data = realloc (f->data, f->room);
    if (!f->data)
      bail_out ("no memory");
  }
  if (at > f->size)
    memset (f->data + f->size, 0, at - f->size);
  if (n > 0)
    memcpy (f->data + at, data, n);
  if (at + n > f->size)
    f->size = at + n;
}

UTIL void
disk_truncate (struct disk_file *f, size_t size)
{
  if (size > f->size)
    disk_write (f, size - 1, "", 1);
  f->size = size;
}

/* A journal's records are written by several calls, and it is for its sparse
 * checksums to find that one is missing; for pages and frames there is more. */
UTIL size_t
disk_sector (const char *name)
{
  return strstr (name, "-journal") ? SIZE_MAX : 512;
}

UTIL void
disk_keep_some (struct disk *d, const struct record_tape *t,
                const struct record_op *op, unsigned keep, uint64_t *random)
{
  size_t sector = disk_sector (t->name[op->file]);

  for (size_t done = 0, part; done < op->length; done += part) {
    size_t at = (size_t) op->offset + done;

    part = sector == SIZE_MAX ? op->length : sector - at % sector;
    if (part > op->length - done)
      part = op->length - done;
    if (next_random (random) % 100 < keep)
      disk_write (&d->file[op->file], at, t->bytes + op->at + done, part);
  }
}

/* How much of it is there. */
struct loss {
  unsigned keep;                /* of what was not synced, in % */
  int strict;                   /* a directory wants its own sync; else any sync
                                   makes names and sizes durable, as those of
                                   journaling file systems do */
  int journal_in_order;         /* a journal is written from its beginning on */
};

UTIL unsigned
keep_of (const struct record_tape *t, const struct record_op *op,
         const struct loss *loss)
{
  return loss->journal_in_order && strstr (t->name[op->file], "-journal")
             ? 100
             : loss->keep;
}

/*
 * What a disk may have if the power goes before op number end.  base has what
 * was there before the tape.  loss NULL: only the process ends, and all that it
 * did is there.  Otherwise what was synced is there; of the rest each sector
 * that was written is, or is not; names and sizes change in the order of the
 * tape, up to some point; and nothing that came after a truncation that did not
 * happen is there.
 */
UTIL void
record_build (const struct record_tape *t, unsigned end,
              const struct disk *base, const struct loss *loss,
              uint64_t *random, struct disk *d)
{
  unsigned synced[R_FILES] = { 0 };
  int broken[R_FILES] = { 0 };
  unsigned names = 0;           /* ops before this have changed names */

  for (unsigned i = 0; i < t->nfiles; i++) {
    d->file[i].size = 0;
    d->linked[i] = base->linked[i];
    disk_write (&d->file[i], 0, base->file[i].data, base->file[i].size);
  }
  for (unsigned i = 0; i < end; i++) {
    if (t->ops[i].type == R_SYNC)
      synced[t->ops[i].file] = i;
    if (t->ops[i].type == R_SYNC_DIR
        || (t->ops[i].type == R_SYNC && loss && !loss->strict))
      names = i;
  }
  names = loss ? names + (unsigned) (next_random (random) % (end - names + 1))
               : end;
  for (unsigned i = 0; i < end; i++) {
    const struct record_op *op = &t->ops[i];
    int durable = !loss || (op->file >= 0 && i < synced[op->file]);

    switch (op->type) {
    case R_WRITE:
      if (durable)
        disk_write (&d->file[op->file], (size_t) op->offset,
                    t->bytes + op->at, op->length);
      else if (loss->journal_in_order && strstr (t->name[op->file], "-journal")
               && next_random (random) % 100 >= loss->keep)
        broken[op->file] = 1;
      else if (!broken[op->file])
        disk_keep_some (d, t, op, keep_of (t, op, loss), random);
      break;
    case R_TRUNCATE:
      if (durable || i < names)
        disk_truncate (&d->file[op->file], (size_t) op->offset);
      else
        broken[op->file] = 1;
      break;
    case R_CREATE:
      d->linked[op->file] = i < names;
      break;
    case R_UNLINK:
      for (unsigned k = 0; i < names && k < t->nfiles; k++)
        if (strcmp (t->name[k], (const char *) t->bytes + op->at) == 0)
          d->linked[k] = 0;
      break;
    default:
      break;
    }
  }
}

/* Write the disk's files into an empty directory, and remove others there. */
UTIL void
disk_put (const struct disk *d, const struct record_tape *t, const char *dir)
{
  for (unsigned i = 0; i < t->nfiles; i++) {
    char path[600];

    snprintf (path, sizeof path, "%s/%s", dir, t->name[i]);
    unlink (path);
    strcat (path, "-shm");
    unlink (path);
  }
  for (unsigned i = 0; i < t->nfiles; i++)
    if (d->linked[i]) {
      char path[600];

      snprintf (path, sizeof path, "%s/%s", dir, t->name[i]);
      plain_write (path, 0, d->file[i].data ? (void *) d->file[i].data : "",
                   d->file[i].size);
    }
}

#endif /* RECORDER_H */
