/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * double-write.h - an area where pages are written before they are written in
 * place
 */
#ifndef ORL_DOUBLE_WRITE_H
#define ORL_DOUBLE_WRITE_H

#include "store.h"

/* Pages of one batch at most: their table fits a block. */
#define ORL_DW_MAX 128

/* The first place for a batch. */
#define ORL_DW_FIRST 8192u

struct orl_dw_page {
  uint64_t page;
  void *data;                   /* private memory, a page of it */
  size_t length;                /* of it that counts */
};

struct orl_dw {
  struct orl_store *area;
  char *path;
  uint32_t page_size;
  uint64_t bytes;               /* of the area */
  bool made;                    /* by this open, the file too */
  struct orl_store_id of;       /* the file that it is for */
  bool adopted;                 /* it was made for another one */
  uint64_t mark;                /* torn-area.c; the next lap's head has it */
  /* of its head, as it was last read or written */
  uint64_t seq;
  uint64_t lap;                 /* whose batches count */
};

struct orl_dw_options {
  bool create;
  bool read_only;
  bool adopt;                   /* even if it was made for another file */
  bool mapped;                  /* its store is pmem */
  uint64_t mark;                /* not 0: only if it has this one, and was made for
                                   that file */
  uint32_t page_size;
  struct orl_store_id id;       /* of the file that it is for */
  /* Asked before the area is looked into: a negative errno, with the text, if
   * another file has this one. */
  int (*claim) (void *arg, const struct orl_store *area, const char *path);
  void *arg;
};

/* Is this build able to? */
bool orl_dw_works (void);

/* -ENOENT, without create; -EPROTO something else lies there; -ESTALE it is
 * another file's, and has batches; -ENOSPC; -EOPNOTSUPP; errors of open(2); all
 * but the first with the text. */
int orl_dw_open (const char *path, const struct orl_dw_options *opt,
                 struct orl_dw **dw);
void orl_dw_close (struct orl_dw *dw);

/* Bytes that a batch of n pages takes. */
uint64_t orl_dw_need (const struct orl_dw *dw, uint32_t n);

/* Write a batch at this place and make it durable. */
int orl_dw_put (struct orl_dw *dw, uint64_t lap, uint64_t at,
                const struct orl_dw_page *pages, uint32_t n);

/* Write the pages of the batch at this place once more, if there is a whole one
 * of this lap, as far as they lie before byte upto of the file.  *end: where the
 * batch ends; at, if there is none. */
int orl_dw_redo (struct orl_dw *dw, struct orl_store *store, uint64_t lap,
                 uint64_t at, uint64_t upto, uint64_t *end);

/* Of the batch at this place, if there is a whole one of this lap: to[i] becomes page
 * first + i, if it has that, and *got, how many bytes there are from page first on,
 * no less than what is there then. */
int orl_dw_copy (struct orl_dw *dw, uint64_t lap, uint64_t at, uint64_t first,
                 uint32_t n, void *const *to, int64_t *got);

/* Write what differs from the last copy in the area's batches, and make it
 * durable; *pages: how many did.  look: write nothing.  dw->lap is what the
 * area says then. */
int orl_dw_restore (struct orl_dw *dw, struct orl_store *store, bool look,
                    uint32_t *pages);

/* Begin this lap, durable: no batch of others counts any more. */
int orl_dw_turn (struct orl_dw *dw, uint64_t lap);

#endif /* ORL_DOUBLE_WRITE_H */
