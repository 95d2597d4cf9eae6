/* SPDX-License-Identifier: BSD-2-Clause */
/* stats.h - sum up counters and read gauges */
#ifndef ORL_STATS_H
#define ORL_STATS_H

#include "attach.h"

/* Fill all of *stats but struct_size. */
void orl_stats_read (struct oriel_pool *pool, oriel_stats *stats);

#endif /* ORL_STATS_H */
