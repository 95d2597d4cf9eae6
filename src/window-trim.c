/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-trim.c - slots that show an extent, as the table says, and are not
 * mapped
 *
 * The table is not changed by it: the fault handler maps a slot when it is
 * touched.  System calls fail with EFAULT there and do not come to the handler,
 * so who gives them an address of the window touches it then, and calls again.
 *
 * Locks: orl_window_enter().
 */
#include "error.h"
#include "window-view.h"

int
orl_window_trim (struct orl_window *w)
{
  bool entered;
  int r;

  if (!w->linear && (!w->handled || w->grants))
    return orl_fail (-EOPNOTSUPP,
                     "oriel_window_trim: what is dropped comes back by the "
                     "fault handler, which ORIEL_NO_FAULT_HANDLER, "
                     "ORIEL_PROTECT and ORIEL_RETIRE do without");
  entered = orl_window_enter (w);
  atomic_fetch_add (&w->trims, 1);
  r = w->backend->trim (w);
  if (r == 0)
    r = orl_views_trim (w);
  orl_window_leave (w, entered);
  return r < 0 ? orl_fail (r, "oriel_window_trim: the window cannot be unmapped")
               : 0;
}
