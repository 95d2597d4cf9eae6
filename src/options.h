/* SPDX-License-Identifier: BSD-2-Clause */
/* options.h - options of a pool */
#ifndef ORL_OPTIONS_H
#define ORL_OPTIONS_H

#include "oriel.h"

/* What can be said against them before a pool is looked at: -EINVAL, with the
 * thread's error text. */
int orl_options_check (const oriel_options *opt);

#endif /* ORL_OPTIONS_H */
