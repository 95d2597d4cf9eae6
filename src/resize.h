/* SPDX-License-Identifier: BSD-2-Clause */
/* resize.h - give a pool more frames, or fewer */
#ifndef ORL_RESIZE_H
#define ORL_RESIZE_H

#include "thread.h"

/* As oriel_pool_resize(). */
int orl_resize (struct orl_thread *me, uint64_t bytes);

#endif /* ORL_RESIZE_H */
