/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waiting.h - what the tests of the writers' queue share: peers that wait to
 * write, and when they came to it
 */
#ifndef WAITING_H
#define WAITING_H

#include <poll.h>

#include "vfs.h"

/* The database, new, in a journal mode. */
UTIL const char *
make_database (const char *name, const char *journal)
{
  const char *path = scratch_file (name);
  sqlite3 *db = open_oriel (path);

  run (db, "PRAGMA journal_mode = %s;"
           "CREATE TABLE t (id INTEGER PRIMARY KEY, x);"
           "INSERT INTO t VALUES (1, 0), (2, 0)", journal);
  close_db (db);
  return path;
}

/* Tell a peer to begin to write, and leave it waiting. */
UTIL void
begin_to_write (const struct peer *peer)
{
  peer_send (peer, 'R', "", "", "BEGIN IMMEDIATE");
}

/* Seconds until one of the peers has done what it was told, at most so many;
 * who gets which. */
UTIL double
await_answer (const struct peer *peers, int n, double most, int *who)
{
  struct pollfd fds[16];
  double start = seconds_now ();

  for (int i = 0; i < n; i++)
    fds[i] = (struct pollfd) { .fd = peers[i].fd, .events = POLLIN };
  *who = -1;
  if (poll (fds, (nfds_t) n, (int) (most * 1000)) > 0)
    for (int i = 0; i < n; i++)
      if (fds[i].revents)
        *who = i;
  return seconds_now () - start;
}

#endif /* WAITING_H */
