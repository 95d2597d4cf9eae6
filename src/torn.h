/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torn.h - write pages so that none is torn
 */
#ifndef ORL_TORN_H
#define ORL_TORN_H

#include "double-write.h"
#include "thread.h"

struct orl_torn;

/* The file's store is open, and its record is entered: decide how it is
 * written, or go with others, and restore what is torn.  Errors as
 * oriel_file_open_with(), with the text; then orl_torn_close() is wanted all
 * the same. */
int orl_torn_open (struct orl_thread *me, struct oriel_file *file,
                   const oriel_file_options *opt);

/* This process has it open: -EBUSY with another area, with the text. */
int orl_torn_open_again (const struct oriel_file *file,
                         const oriel_file_options *opt);

/* A forked child does not keep the area from others. */
void orl_torn_forked (struct oriel_file *file);

/* opened: the open was whole; then the area is left with nothing that counts but
 * what others who write the file put there from now on.  If that fails it is
 * left as it is. */
void orl_torn_close (struct oriel_file *file, bool opened);

/* Before pages are forgotten: have those whole in place that are just being
 * written, also by one who died.  Where that fails who writes next is told. */
void orl_torn_settle (struct oriel_file *file);

/* What someone who died, or had an error, may have left half in place: the batch at
 * this place of the area.  Asked before pages that are in no frame are read from the
 * store: no batch that begins later has them. */
struct orl_torn_left {
  bool any;
  uint64_t lap;
  uint64_t at;
};
struct orl_torn_left orl_torn_left (const struct oriel_file *file);

/* They were read, *got bytes from page first on, to places of a page each: what the
 * batch has is taken from there.  1: it is another by now, so read again.  Errors of
 * reading the area, and -EIO this process does not know it; with the text. */
int orl_torn_mend (struct oriel_file *file, const struct orl_torn_left *left,
                   uint64_t first, uint32_t n, void *const *to, int64_t *got);

/* Must what is written be a copy? */
bool orl_torn_copies (const struct oriel_file *file);

/* Does each page want a write of its own? */
bool orl_torn_alone (const struct oriel_file *file);

/* Before pages are written in place: put them into the area, and keep it until
 * orl_torn_end(); whole: all of them have been written.  What is between the
 * two waits for no one.  Errors of the store, with the text; then there is no
 * end. */
int orl_torn_begin (struct oriel_file *file, const struct orl_dw_page *pages,
                    uint32_t n);
void orl_torn_end (struct oriel_file *file, bool whole);

/* The store's write and truncate. */
int orl_torn_write (struct oriel_file *file, const struct iovec *iov, int n,
                    uint64_t at);
int orl_torn_truncate (struct oriel_file *file, uint64_t bytes);

#endif /* ORL_TORN_H */
