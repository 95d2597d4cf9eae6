/* SPDX-License-Identifier: BSD-2-Clause */
/* inspect.h - look at a pool without taking part in it */
#ifndef ORL_INSPECT_H
#define ORL_INSPECT_H

#include "attach.h"

/* As oriel_pool_open() with ORIEL_WATCH, and oriel_pool_files(), _processes()
 * and _list(). */
int orl_inspect_open (const char *name, const oriel_options *opt,
                      struct oriel_pool **pool);
int orl_inspect_files (struct oriel_pool *pool,
                       void (*each) (void *arg, const oriel_file_info *info),
                       void *arg);
int orl_inspect_processes (struct oriel_pool *pool,
                           void (*each) (void *arg,
                                         const oriel_process_info *info),
                           void *arg);
/* As oriel_file_pages(). */
int orl_inspect_pages (struct oriel_file *file,
                       void (*each) (void *arg, const oriel_page_info *info),
                       void *arg);
int orl_inspect_list (const char *directory,
                      void (*each) (void *arg, const char *name,
                                    const char *path),
                      void *arg);

#endif /* ORL_INSPECT_H */
