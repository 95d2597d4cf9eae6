/* SPDX-License-Identifier: BSD-2-Clause */
/* The library's version is the header's; backends have names. */
#include "util.h"

int
main (void)
{
  char version[40];

  snprintf (version, sizeof version, "%d.%d.%d", ORIEL_VERSION_MAJOR,
            ORIEL_VERSION_MINOR, ORIEL_VERSION_PATCH);
  is_str (oriel_version (), version, "the version");
  is_str (oriel_backend_name (ORIEL_BACKEND_AUTO), "auto", "auto");
  is_str (oriel_backend_name (ORIEL_BACKEND_NATIVE), "native", "native");
  is_str (oriel_backend_name (ORIEL_BACKEND_EMULATED), "emulated",
          "emulated");
  is_str (oriel_backend_name (ORIEL_BACKEND_MMAP), "mmap", "mmap");
  is_str (oriel_backend_name (ORIEL_BACKEND_LINEAR), "linear", "linear");
  is_str (oriel_backend_name (99), "unknown", "a backend that is none");
  return done_testing ();
}
