/* SPDX-License-Identifier: BSD-2-Clause */
/* check.h - is the shared state as the code leaves it? */
#ifndef ORL_CHECK_H
#define ORL_CHECK_H

#include "attach.h"

/* As oriel_pool_check(). */
int orl_check (struct oriel_pool *pool,
               void (*problem) (void *arg, const char *text), void *arg);

/* ------------------------------------------------------------------ */
/* For check.c and its parts                                          */

#define ORL_CHECK_TEXT 200

struct orl_check;

/* A rule about the index-th thing of a kind: true if it is kept; else says what
 * is wrong by orl_check_wrong(), with all values that it went by, so that two
 * texts are the same only if nothing has changed. */
typedef bool orl_check_rule (struct orl_check *c, uint64_t index);

struct orl_suspect {
  orl_check_rule *rule;
  uint64_t index;
  char text[ORL_CHECK_TEXT];
};

struct orl_check {
  const struct orl_shm *shm;
  void (*problem) (void *arg, const char *text);
  void *arg;
  int found;
  char text[ORL_CHECK_TEXT];    /* of the rule that has just failed */
  uint32_t *passed;             /* scratch: a counter for each bucket of a
                                   partition */
  uint32_t nsuspects;
  struct orl_suspect *suspects;
};

/* Set the text and return false. */
bool orl_check_wrong (struct orl_check *c, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

/* Try a rule on the things 0 to count - 1. */
void orl_check_all (struct orl_check *c, orl_check_rule *rule, uint64_t count);

/* Is owner the number of a ledger that a process has, living or dead?  What it
 * owns is then its business, or that of its repair. */
bool orl_check_owner (const struct orl_check *c, uint32_t owner);

/* Frames, page table, dirty map, before-images (check-pages.c). */
void orl_check_pages (struct orl_check *c);

#endif /* ORL_CHECK_H */
