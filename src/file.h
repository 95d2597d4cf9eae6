/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.h - files in the pool
 */
#ifndef ORL_FILE_H
#define ORL_FILE_H

#include "thread.h"

/* As the oriel_file_*() calls of the same names. */
int orl_file_open (struct orl_thread *me, const char *path,
                   const oriel_file_options *opt, struct oriel_file **file);
int orl_file_close (struct orl_thread *me, struct oriel_file *file,
                    bool write);
int orl_file_truncate (struct orl_thread *me, struct oriel_file *file,
                       uint64_t bytes);
int orl_file_refresh (struct orl_thread *me, struct oriel_file *file);
void orl_file_on_indoubt (struct oriel_file *file,
                          int (*indoubt) (void *arg, oriel_page *page,
                                          uint64_t lsn),
                          void *arg);
void orl_file_drop (struct orl_thread *me, struct oriel_file *file);
void orl_file_drop_pages (struct orl_thread *me, struct oriel_file *file,
                          uint64_t first, uint64_t count);
int orl_file_sync (struct orl_thread *me, struct oriel_file *file);
int orl_file_hooks (struct orl_thread *me, struct oriel_file *file,
                    const oriel_hooks *hooks);

#endif /* ORL_FILE_H */
