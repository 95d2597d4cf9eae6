/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h - who reads a file in order, as its misses tell
 *
 * A process's guesses about one file.  Any thread may call; a thread that finds
 * another at it goes on without a guess.
 */
#ifndef ORL_STREAM_H
#define ORL_STREAM_H

#include <stdatomic.h>
#include <stdint.h>

#define ORL_STREAMS 8           /* of a file; the one used least of late goes */

struct orl_stream {
  uint64_t last;                /* page missed */
  uint64_t next;                /* the next miss, if stride != 0 */
  uint64_t mark;                /* first page of the last window */
  int64_t stride;               /* 0: none found yet */
  int64_t step;                 /* to last from the nearest miss before; 0 far */
  uint32_t window;              /* pages of the last window; 0 none yet */
  uint32_t used;
};

struct orl_streams {
  atomic_flag busy;
  uint32_t clock;
  struct orl_stream stream[ORL_STREAMS];
};

/* The page was missed.  How it goes on: *stride pages at a time; the pages that
 * were read ahead last, or 0.  False: at random. */
_Bool orl_stream_miss (struct orl_streams *s, uint64_t page, int64_t *stride,
                       uint32_t *window);

/* The mark, the first page of a window that was read ahead, is wanted: likewise,
 * and where the next window begins. */
_Bool orl_stream_mark (struct orl_streams *s, uint64_t page, int64_t *stride,
                       uint32_t *window, uint64_t *next);

/* A window was begun for the stream that page was wanted of: its first page, its
 * pages, and the page behind it. */
void orl_stream_begun (struct orl_streams *s, uint64_t page, uint64_t mark,
                       uint32_t window, uint64_t next);

#endif /* ORL_STREAM_H */
