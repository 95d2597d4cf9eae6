/* SPDX-License-Identifier: BSD-2-Clause */
/* window-setup.h - sizes and backend of a window */
#ifndef ORL_WINDOW_SETUP_H
#define ORL_WINDOW_SETUP_H

#include "window.h"

/* Choose backend, slot size and number of slots of w, whose shm is set.
 * Errors as orl_window_open(), with the thread's error text. */
int orl_window_setup (struct orl_window *w,
                      const struct orl_window_options *opt);

#endif /* ORL_WINDOW_SETUP_H */
