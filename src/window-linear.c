/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-linear.c - a window as large as the pool: one mapping, no swaps
 */
#include "oriel.h"
#include "window.h"

static int
reserve (struct orl_window *w)
{
  return orl_window_map (w, w->base, (size_t) w->bytes, 0, 0, false);
}

const struct orl_backend orl_backend_linear = {
  .id = ORIEL_BACKEND_LINEAR,
  .name = "linear",
  .linear = true,
  .one_vma = true,
  .reserve = reserve,
  .trim = reserve,
};
