/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poolfile.h - the file that a pool is
 */
#ifndef ORL_POOLFILE_H
#define ORL_POOLFILE_H

#include "layout.h"
#include "oriel.h"

/* The path of a pool, to be freed; NULL with the text: -EINVAL or -ENOMEM. */
int orl_poolfile_path (const char *name, const char *directory, char **path);

#define ORL_POOL_PREFIX "oriel-"
#define ORL_POOL_BUILDING ".building" /* behind the path, while it is made */

/* Where pools are: directory, or if that is NULL the default. */
const char *orl_poolfile_directory (const char *directory);

/* Open an existing pool and read its super block.  -ENOENT, -ELOOP, -EPERM,
 * -EPROTO (with *fd open still: the caller may look at it, and closes it), with
 * the text.  A super block of no pool has another magic. */
int orl_poolfile_open (const char *path, struct orl_super *super, int *fd);

/* Is the pool of this boot of the machine?  A process that cannot read the boot's id
 * (no /proc) does not know, nor does any of a pool that such a one made, unless the
 * file is in memory, which no boot leaves.  Or an error of orl_layout_boot_id(). */
enum orl_age { ORL_THIS_BOOT, ORL_OTHER_BOOT, ORL_UNKNOWN_BOOT };
int orl_poolfile_age (int fd, const struct orl_super *super);

/* Make a pool at path.  1, or 0 if another process made one meanwhile; -ENOSPC
 * and others, with the text. */
int orl_poolfile_create (const char *path, const oriel_options *opt,
                         bool fence);

/* -EFBIG, with the text: this process may not write a file as large as the pool's. */
int orl_poolfile_may_write (const char *path, const struct orl_geometry *geo);

/* Give n bytes of the pool's file from at on their blocks, zeroed.  -ENOSPC. */
int orl_poolfile_allocate (int fd, const struct orl_geometry *geo, uint64_t at,
                           uint64_t n);

/* One process at a time passes the gate of a pool: who attaches, who removes.
 * -ENOENT: the file has lost its name. */
int orl_poolfile_enter_gate (int fd);
void orl_poolfile_leave_gate (int fd);

#endif /* ORL_POOLFILE_H */
