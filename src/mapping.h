/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mapping.h - huge pages for a pool's tables, and for its pages
 */
#ifndef ORL_MAPPING_H
#define ORL_MAPPING_H

#include "layout.h"

/* Pools with less in pages stay on small ones: a processor's TLB has some 1500. */
#define ORL_MAPPING_HUGE_FROM (UINT64_C (16) << 20)

/* Bytes of the tables as they are mapped.  What lies between tables and pages is a
 * hole; of large pools it is filled, so that what the tables end in can be a huge
 * page, too. */
static inline size_t
orl_mapping_bytes (const struct orl_geometry *geo)
{
  return (size_t) (orl_data_bytes (geo, geo->made) >= ORL_TABLES_HUGE_FROM
                       ? geo->data
                       : geo->meta_bytes);
}

/* Map them.  MAP_FAILED with errno. */
void *orl_mapping_tables (int fd, const struct orl_geometry *geo, int prot);

/* Have the tables, mapped so and filled, on huge pages as far as the kernel
 * goes along. */
void orl_mapping_make_huge (void *at, const struct orl_geometry *geo);

/* Have the pages of a new file, all holes yet, on huge ones as far as the kernel
 * goes along: so many bytes from geo->data on have them, zeroed.  The rest is to
 * be allocated. */
uint64_t orl_mapping_fill_huge (int fd, const struct orl_geometry *geo);

#endif /* ORL_MAPPING_H */
