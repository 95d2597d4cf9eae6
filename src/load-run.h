/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load-run.h - the steps of load.c, for a run of pages that follow each other
 */
#ifndef ORL_LOAD_RUN_H
#define ORL_LOAD_RUN_H

#include "thread.h"

/* As many as the stash holds: 128 KiB of 4 KiB pages. */
#define ORL_RUN_MAX ORL_BATCH

struct orl_run {
  uint64_t page;                /* the first */
  uint64_t cut;                 /* what the store counted up to, + 1, when the
                                   read began; 0: all */
  uint32_t n;
  uint32_t frame[ORL_RUN_MAX];
  int entry[ORL_RUN_MAX];       /* of the thread's ledger */
  void *at[ORL_RUN_MAX];        /* where it is read to */
  bool bounced[ORL_RUN_MAX];    /* at is private memory */
};

/* Steps 1 to 3 for up to want pages; only the first must succeed: -EEXIST,
 * -ENOBUFS, -EIO.  ahead: no one wants them yet, so they get no frame of a page
 * that is in use or dirty, and -ENOBUFS may have no text. */
int orl_run_gather (struct orl_thread *me, struct oriel_file *file,
                    uint64_t key, uint64_t page, uint32_t want, bool ahead,
                    struct orl_run *run);

/* Step 4's addresses in the window; pages that it has no slot for leave the run.
 * -ENOBUFS, -ENOMEM: it has none for the first. */
int orl_run_show (struct orl_thread *me, struct orl_run *run);

/* How much of what was read counts, in bytes: what lies behind the file's end,
 * or was cut off, is made zeroes. */
int64_t orl_run_end (const struct orl_geometry *geo, struct orl_run *run,
                  int64_t got);

/* Have page i pass the file's hooks; got: what orl_run_end() said.  -EIO it is
 * damaged, -EACCES; with the text. */
int orl_run_hook (const struct oriel_file *file, const struct orl_run *run,
                  uint32_t i, int64_t got);

/* Put what was read into private memory where it belongs.  0, or an error with
 * the text. */
int orl_run_carry (struct orl_thread *me, struct oriel_file *file,
                   struct orl_run *run, uint32_t i);

/* Step 5 for a frame that ledger's owner has in work; flags: ORL_DIRTY or 0. */
void orl_run_publish (struct orl_thread *me, struct orl_ledger *ledger,
                      uint32_t frame, uint32_t flags);

/* Undo steps 1 to 3 for the last page of the run, or for all. */
void orl_run_take_back (struct orl_thread *me, struct orl_run *run);
void orl_run_drop (struct orl_thread *me, struct orl_run *run);

/* The text for a page that cannot be shown. */
int orl_run_no_slot (const struct oriel_file *file, uint64_t page, int error);

/* Count pages that were, or will have been, loaded before they were wanted. */
void orl_run_count (struct orl_thread *me, struct oriel_file *file,
                    uint32_t n);

#endif /* ORL_LOAD_RUN_H */
