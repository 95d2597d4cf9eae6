/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapping.h - how a pool's tables are mapped
 */
#ifndef ORL_MAPPING_H
#define ORL_MAPPING_H

#include "layout.h"

/* Map all that lies before the pages, geo->data bytes; of those behind
 * geo->meta_bytes there is nothing.  MAP_FAILED with errno. */
void *orl_mapping_tables (int fd, const struct orl_geometry *geo, int prot);

/* Have the tables, mapped so and filled, on huge pages as far as the kernel
 * goes along. */
void orl_mapping_make_huge (void *at, const struct orl_geometry *geo);

#endif /* ORL_MAPPING_H */
