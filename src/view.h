/* SPDX-License-Identifier: BSD-2-Clause */
/* view.h - runs of pages seen as one range of memory */
#ifndef ORL_VIEW_H
#define ORL_VIEW_H

#include "thread.h"

/* As the calls of oriel/view.h; n is not 0. */
int orl_view (struct orl_thread *me, struct oriel_file *file, uint64_t first,
              uint64_t n, unsigned flags, struct oriel_view *view);
int orl_view_dirty (struct oriel_view *view, uint64_t first, uint64_t n,
                    uint64_t lsn);
int orl_view_end (struct oriel_view *view);

#endif /* ORL_VIEW_H */
