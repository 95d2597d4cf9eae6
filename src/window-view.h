/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-view.h - the area behind the window that is mapped page by page
 */
#ifndef ORL_WINDOW_VIEW_H
#define ORL_WINDOW_VIEW_H

#include "window.h"

/* orl_cell.shows: the frame + 1, and whether it may be written. */
#define ORL_CELL_FRAME 0x3fffffffu
#define ORL_CELL_WRITE 0x80000000u

/* A page of the area. */
struct orl_cell {
  /* with the mapping, inside orl_window_enter(); read by the fault handler */
  orl_a32 shows;                /* 0: nothing */
  orl_a32 turn;                 /* how often it was given something */
  /* under the area's lock; all but the first two are its view's alone */
  uint64_t id;                  /* the view's; 0: free */
  uint32_t owner;               /* the thread's, as in its ledger */
  uint32_t frame;
  orl_a32 *entry;               /* the pin */
};

struct orl_views {
  /* constant after open */
  unsigned char *base;
  uint64_t bytes;
  uint32_t n;
  struct orl_cell *cell;
  /* under lock */
  pthread_mutex_t lock;
  uint64_t last_id;
  uint32_t high;                /* cells at or above were never used */
};

/* How many pages an area may have, that takes no more than budget VMAs. */
uint32_t orl_views_cells (const struct orl_window *w, int64_t budget);

/* Make the area of n pages at base, of memory reserved without access. */
int orl_views_open (struct orl_window *w, uint32_t n, unsigned char *base);
void orl_views_close (struct orl_window *w);

/* Take n cells side by side.  -ENOBUFS. */
int orl_view_take (struct orl_window *w, uint32_t owner, uint32_t n,
                   uint64_t *id, uint32_t *cell);

/* Is it a view still? */
bool orl_view_is (struct orl_window *w, uint64_t id, uint32_t cell);

/* Show what n cells have in frame; how many calls it took, or -errno, and then
 * nothing is shown. */
int orl_view_show (struct orl_window *w, uint32_t cell, uint32_t n,
                   bool write);

/* Show nothing any more: before the pins go. */
void orl_view_hide (struct orl_window *w, uint32_t cell, uint32_t n);

/* Give the cells back: after. */
void orl_view_give (struct orl_window *w, uint32_t cell, uint32_t n);

/* The owner's thread ends: hide and give all that it has. */
void orl_views_forget (struct orl_window *w, uint32_t owner);

/* For the fault handler, inside orl_window_enter(): map a cell anew. */
int orl_view_remap (struct orl_window *w, uint32_t cell);

/* Drop all mappings; they come back at a touch.  Inside orl_window_enter(). */
int orl_views_trim (struct orl_window *w);

#endif /* ORL_WINDOW_VIEW_H */
