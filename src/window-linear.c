/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window-linear.c - a window as large as the pool: one mapping, no swaps
 */
#include "oriel.h"
#include "window.h"

const struct orl_backend orl_backend_linear = {
  .id = ORIEL_BACKEND_LINEAR,
  .name = "linear",
  .linear = true,
};
