/* SPDX-License-Identifier: BSD-2-Clause */
/* double.h - a pool, and a file in it whose pages go through a double-write area */
#ifndef DOUBLE_H
#define DOUBLE_H

#include "util.h"

#include "double-write.h"

static const char *data;        /* the file */

/* Before anything else.  A build without xxHash has no areas. */
UTIL void
begin_double (void)
{
  if (!orl_dw_works ())
    skip_all ("this build has no xxHash");
  data = strdup (scratch_file ("data"));
  pool_dir (); /* the children's, too */
}

UTIL oriel_pool *
open_both (size_t page_size, oriel_file **file)
{
  oriel_options opt = test_options ();
  oriel_file_options how;
  oriel_pool *pool;

  opt.page_size = (uint32_t) page_size;
  pool = must_open_pool ("test", &opt);
  oriel_file_options_init (&how);
  how.torn = ORIEL_TORN_DOUBLE;
  how.flags = ORIEL_CREATE;
  must (oriel_file_open_with (pool, data, &how, file), "oriel_file_open_with");
  return pool;
}

UTIL void
close_both (oriel_pool *pool, oriel_file *file)
{
  must (oriel_file_close (file), "oriel_file_close");
  must (oriel_pool_close (pool), "oriel_pool_close");
  must (oriel_pool_destroy ("test", pool_dir (), 0), "oriel_pool_destroy");
}

/* Is this the area, and not the file? */
UTIL int
is_area (int fd)
{
  char path[40], name[600] = "";
  size_t n;

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  if (readlink (path, name, sizeof name - 1) < 0)
    bail_out ("readlink: %s", strerror (errno));
  n = strlen (name);
  return n > 3 && strcmp (name + n - 3, ".dw") == 0;
}

#endif /* DOUBLE_H */
