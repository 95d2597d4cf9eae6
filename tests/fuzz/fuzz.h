/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz.h - between the parent (fuzz-pool.c) and what an input does (run.c,
 * damage.c)
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "../util.h"

#include "layout.h"

#define FUZZ_PAGES 24           /* that the files have */

/* The pools to start from. */
enum { FUZZ_CLEAN, FUZZ_KILLED, FUZZ_SMALL_PAGES, FUZZ_TEMPLATES };

struct fuzz_template {
  char *bytes;                  /* the pool's whole file */
  size_t size;
  struct orl_geometry geo;
};

extern struct fuzz_template fuzz_templates[FUZZ_TEMPLATES];
extern char fuzz_data[2][300];  /* paths of files */
extern char fuzz_path[300];     /* of the pool */

oriel_options fuzz_options (int which);

/* How a child ends. */
#define FUZZ_DONE 0
#define FUZZ_REFUSED 3          /* the damaged pool was not opened */

/* The child's whole life; the exit code. */
int fuzz_run (const uint8_t *bytes, size_t n);

/* Show the parent what code was run. */
void fuzz_carry_out (void);

/* An input, read from its front; zeroes behind its end. */
struct fuzz_input {
  const uint8_t *at, *end;
};

static inline unsigned
fuzz_byte (struct fuzz_input *in)
{
  return in->at < in->end ? *in->at++ : 0;
}

/* One store into the metadata: kept, to be done again and again. */
struct fuzz_store {
  uint64_t offset;
  uint64_t value;
  unsigned width;               /* 4 or 8 */
  bool flip;                    /* value is what to change, not what to put */
};

/* Read what to damage, and with what; by interesting fields. */
struct fuzz_store fuzz_store_from (struct fuzz_input *in,
                                   const struct orl_geometry *geo,
                                   const unsigned char *meta);
void fuzz_store_do (const struct fuzz_store *s, unsigned char *meta);

/* Map metadata where nothing is near it: what lies before, behind and between
 * its arrays answers no access.  Used through orl_sys. */
void *fuzz_map_alone (const struct orl_geometry *geo, int fd, int prot);
bool fuzz_unmap_alone (void *at);

#endif /* FUZZ_H */
