/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oriel/torn.h - pages that are never half-written, also when the power goes
 *
 * A disk writes sectors.  When the power goes, or a process is killed, while a
 * page is written, part of it may be new and the rest old: the page is torn.
 * An engine whose log has whole pages, as SQLite's has, needs nothing against
 * it. Others open their files with one of these:
 *
 *   atomic  the file system and the device write a page whole or not at all
 *           (RWF_ATOMIC of Linux 6.11, where both offer it for the page size)
 *   double  pages go to a double-write area first, in batches that are made
 *           durable before the pages are written in place.  After a crash the
 *           first who opens the file restores what is torn.
 *   auto    atomic where that works, else double
 *
 * THE AREA is a file beside the file, its path, without symbolic links, with
 * ".dw" behind it, or where you say.  It takes 8 MiB, or 17 MiB with pages of
 * 64 KiB.  A batch is up to 128 pages of one flush, and costs one write and one
 * sync of the area; one flusher at a time, of all processes, has the area.  Ask
 * for flushes of many pages, and for few of them: src/README.md has what it
 * costs.
 *
 * An area is for one file, and the file says which area it has, in an extended
 * attribute (user.oriel.area).  So after a crash the first who opens the file to
 * write it restores what is torn, by whichever hard link it opens it and whichever
 * area it asks for; and from then on no area has copies that count but the one
 * that the file is written by.  Where the file system has no such attributes
 * (tmpfs before Linux 6.6) a file wants the same area always: if it is opened
 * after a crash without it, by another hard link or with another area, and changed,
 * then the old pages come back over newer ones when it is opened with the area
 * again.
 *
 * While the file is open, and after a crash until Oriel has opened it again,
 * file and area belong together: don't change, move or remove one without the
 * other.  When all have closed the file the area has nothing that counts, and
 * may be removed.
 *
 * A process that is killed, or has an error, while it writes pages in place may
 * leave one half-written, until the next one flushes or opens the file to write it.
 * Who has the file open, and has to read such a page from it, because the pool has
 * lost it, takes it from the area, also with ORIEL_RDONLY.  Where it did not name
 * the area, and that is not beside the file, what would have to be read from the
 * file is -EIO until then.
 *
 * What is protected are pages, as they are in the pool.  Which of them are
 * written when the power goes is for the engine's log to say, and after
 * oriel_sync() all are.  With "atomic" a last page that is not whole is written
 * as without.
 */
#ifndef ORIEL_TORN_H
#define ORIEL_TORN_H

#include "../oriel.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ORIEL_TORN_DEFAULT 0    /* as those who have the file open have it; for
                                   the first NONE, or DOUBLE in a pool with the
                                   store pmem */
#define ORIEL_TORN_NONE   1
#define ORIEL_TORN_AUTO   2
#define ORIEL_TORN_ATOMIC 3
#define ORIEL_TORN_DOUBLE 4

/* Initialise with oriel_file_options_init().  Strings are only read while
 * oriel_file_open_with() runs. */
typedef struct oriel_file_options {
  uint32_t struct_size;   /* set by oriel_file_options_init() */
  uint32_t flags;         /* of oriel_file_open() */
  uint32_t torn;          /* ORIEL_TORN_* */
  uint32_t adopt;         /* 1: file and area were copied together after a
                             crash: use the area though it was made for the
                             file's original */
  const char *area;       /* path of the area; NULL: the file's and ".dw" */
} oriel_file_options;

ORIEL_API void oriel_file_options_init (oriel_file_options *opt);

/*
 * Set one option from text: torn (none, auto, atomic, double), area, adopt (0,
 * 1). The text of "area" is kept by reference. Errors: -ENOENT no such option;
 * -EINVAL not a value for it.
 */
ORIEL_API int oriel_file_options_set (oriel_file_options *opt,
                                      const char *name, const char *value);

/*
 * oriel_file_open() with options.  The first who opens a file to write it says
 * how its pages are written; others go with that until all have closed it.
 * Whoever is the first, and whatever it asks for, restores torn pages from an
 * area that the file has, beside it or where it says.  Errors: those of
 * oriel_file_open(); -EBUSY the file is open, if only to read it, and was opened
 * to be written in another way, or with another area, or the area is another file
 * that is open, or has been taken by one, also in another pool (which is known
 * where the kernel has OFD locks, Linux 3.15); -EOPNOTSUPP atomic: the file system or the device
 * does not write pages of this size so; double: this build of Oriel has no
 * xxHash; -EINVAL with ORIEL_FOREIGN, or the
 * area is the file itself; of the area: -ENOSPC no room for it, or for the file's
 * attribute; -EPROTO something else lies there; -ESTALE it
 * has pages of another file (see adopt); -EROFS with ORIEL_RDONLY: pages are
 * torn, and have to be restored by who may write; others of open(2), pread(2)
 * and pwrite(2).
 */
ORIEL_API int oriel_file_open_with (oriel_pool *pool, const char *path,
                                    const oriel_file_options *opt,
                                    oriel_file **file);

/* How the file's pages are written: ORIEL_TORN_NONE, ATOMIC or DOUBLE; DEFAULT
 * if only those have it open who may not write. */
ORIEL_API uint32_t oriel_file_torn (const oriel_file *file);

/* Its name, "double"; "unknown" if there is none. */
ORIEL_API const char *oriel_torn_name (uint32_t torn);

#ifdef __cplusplus
}
#endif
#endif /* ORIEL_TORN_H */
