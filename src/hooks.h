/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hooks.h - call an engine's hooks
 */
#ifndef ORL_HOOKS_H
#define ORL_HOOKS_H

#include <stdatomic.h>

#include "attach.h"

/* Has this process set what the file's pages want?  Other processes may say at
 * any time that they want hooks: who reads or writes a page asks when it is
 * LOADING or WRITING, and who sets the id looks at such pages afterwards. */
static inline bool
orl_hooks_match (const struct oriel_file *file)
{
  return atomic_load (&file->rec->hooks) == file->hooks.id;
}

/* 0; -EACCES, with the text. */
int orl_hooks_check (const struct oriel_file *file);

/* Have this process any, so that what is written has to be a copy? */
static inline bool
orl_hooks_copy (const struct oriel_file *file)
{
  return file->hooks.before_write != NULL;
}

/* A page was read to data; length: what counts of it.  0; -EIO, -EACCES, with
 * the text. */
int orl_hooks_after_read (const struct oriel_file *file, uint64_t page,
                          void *data, uint64_t length);

/* It is to be written from data, which is private.  -EACCES, or the hook's
 * error, with the text. */
int orl_hooks_before_write (const struct oriel_file *file, uint64_t page,
                            void *data, size_t length);

#endif /* ORL_HOOKS_H */
