/* SPDX-License-Identifier: BSD-2-Clause */
/* oriel ls has a line for each pool of the directory, with who is attached, and
 * says what is wrong with a file that only has a pool's name. */
#include "tool.h"

/* The line of the pool, in one of some buffers; "" if there is none. */
static const char *
line_of (const char *name)
{
  static char line[300];
  char start[64];
  const char *at;

  snprintf (start, sizeof start, "\n%s ", name);
  at = strstr (tool_out, start);
  snprintf (line, sizeof line, "%.*s", at ? (int) strcspn (at + 1, "\n") : 0,
            at ? at + 1 : "");
  return line;
}

int
main (void)
{
  oriel_options opt = test_options ();
  unsigned long frames, unused, processes;
  char size[16], owner[32], state[32];
  oriel_pool *pool;

  is_exit (tool ("ls", NULL), 0, "a directory without pools");
  is_str (tool_out, "", "has no lines");
  must (oriel_pool_close (must_open_pool ("idle", &opt)), "oriel_pool_close");
  opt.pool_size = 8 * MiB;
  pool = must_open_pool ("used", &opt);
  plain_write (pool_path ("text"), 0, "text", 4);
  plain_write (pool_path ("new.building"), 0, "text", 4);
  plain_write (path_in (pool_dir (), "other"), 0, "text", 4);
  if (mkdir (pool_path ("directory"), 0700) < 0)
    bail_out ("mkdir: %s", strerror (errno));

  is_exit (tool ("ls", NULL), 0, "one with some");
  is_int (sscanf (line_of ("used"), "used %15s %lu %lu %lu %31s %31[^\n]", size,
                  &frames, &unused, &processes, owner, state),
          6, "a pool's line has six columns");
  is_int ((long long) frames, 2048, "the frames");
  is_int ((long long) processes, 1, "the processes that are attached");
  is_str (state, "in use", "so it is in use");
  is_int (sscanf (line_of ("idle"), "idle %15s %lu %lu %lu %31s %31[^\n]", size,
                  &frames, &unused, &processes, owner, state),
          6, "another one's");
  is_int ((long long) frames, 1024, "its frames");
  is_int ((long long) processes, 0, "no one is attached");
  is_str (state, "idle", "so it is idle");
  ok (strstr (line_of ("text"), "unusable") != NULL,
      "what is no pool is unusable");
  says (tool_err, pool_path ("text"));
  ok (!strstr (tool_out, "directory") && !strstr (tool_out, "building")
        && !strstr (tool_out, "other"),
      "directories, pools that are being made and others have no line");

  if (has_json ()) {
    const char *used;

    is_exit (tool ("ls", "--json", NULL), 0, "as JSON");
    is_json ("it is JSON");
    used = strstr (tool_out, "\"used\"");
    is_int (number_at (used, "frames"), 2048, "with the frames");
    is_int (number_at (used, "processes"), 1, "and processes");
    is_int (number_at (used, "uid"), geteuid (), "and the owner");
    says (tool_out, "\"error\": \"");
  }
  else
    skip ("built without JSON");

  must (oriel_pool_close (pool), "oriel_pool_close");
  is_exit (tool ("ls", "-d", scratch (), NULL), 0, "another directory");
  is_str (tool_out, "", "has none");
  is_exit (tool ("ls", "-d", scratch_file ("none"), NULL), 2,
           "one that is missing");
  says (tool_err, scratch_file ("none"));
  return done_testing ();
}
