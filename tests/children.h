/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * children.h - the part of util.h that has children, threads, and their turns
 *
 * No one waits for a child in vain: of one that fails, or ends, before it has come
 * where it is awaited, the test says so, and ends.
 */
#ifndef CHILDREN_H
#define CHILDREN_H

/* Memory that children share, zeroed. */
UTIL void *
shared_memory (size_t size)
{
  void *p = mmap (NULL, size, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  if (p == MAP_FAILED)
    bail_out ("no shared memory: %s", strerror (errno));
  return p;
}

/* The children of this process that spawn() made and reap() has not seen:
 * await() looks after them. */
static _Atomic pid_t util_children[64];

/* Put a child where none is, or take it away. */
UTIL void
util_note_child (pid_t from, pid_t to)
{
  pid_t was = from;

  for (size_t i = 0; i < COUNT (util_children); i++, was = from)
    if (atomic_compare_exchange_strong (&util_children[i], &was, to))
      return;
}

/* Run fn (arg) in a child, which dies with its parent. */
UTIL pid_t
spawn (int (*fn) (void *), void *arg)
{
  pid_t pid;

  fflush (NULL);
  pid = fork ();
  if (pid < 0)
    bail_out ("fork: %s", strerror (errno));
  if (pid == 0) {
    int code;

    prctl (PR_SET_PDEATHSIG, SIGKILL);
    alarm (util_timeout ());
    memset (util_children, 0, sizeof util_children);
    code = fn (arg);
    fflush (NULL);
    _exit (code);
  }
  util_note_child (0, pid);
  return pid;
}

/* What became of a child: its exit code, or 128 plus the signal. */
UTIL int
reap (pid_t pid)
{
  int status;

  while (waitpid (pid, &status, 0) < 0)
    if (errno != EINTR)
      bail_out ("waitpid: %s", strerror (errno));
  util_note_child (pid, 0);
  if (WIFEXITED (status) && WEXITSTATUS (status) == UTIL_NO_ROOM)
    end_without_room ();
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}

/* Stop a child: all of its threads have when this returns. */
UTIL void
stop_child (pid_t pid)
{
  int status;

  if (kill (pid, SIGSTOP) < 0 || waitpid (pid, &status, WUNTRACED) != pid
      || !WIFSTOPPED (status))
    bail_out ("a child cannot be stopped");
}

UTIL int
in_child (int (*fn) (void *), void *arg)
{
  return reap (spawn (fn, arg));
}

/* As in_child(); what the child wrote to stderr goes to text. */
UTIL int
in_child_stderr (int (*fn) (void *), void *arg, char *text, size_t size)
{
  int ends[2], saved = dup (2);
  size_t have = 0;
  ssize_t got;
  pid_t pid;

  if (saved < 0 || pipe (ends) < 0)
    bail_out ("pipe: %s", strerror (errno));
  dup2 (ends[1], 2);
  close (ends[1]);
  pid = spawn (fn, arg);
  dup2 (saved, 2);
  close (saved);
  while (have < size - 1
         && (got = read (ends[0], text + have, size - 1 - have)) > 0)
    have += (size_t) got;
  text[have] = '\0';
  close (ends[0]);
  return reap (pid);
}

/* ------------------------------------------------------------------ */
/* Threads and steps                                                  */

UTIL pthread_t
start_thread (void *(*fn) (void *), void *arg)
{
  pthread_t thread;
  int rc = pthread_create (&thread, NULL, fn, arg);

  if (rc)
    bail_out ("pthread_create: %s", strerror (rc));
  return thread;
}

UTIL void
in_thread (void *(*fn) (void *), void *arg)
{
  pthread_join (start_thread (fn, arg), NULL);
}

/* A counter by which threads or processes take turns. */
typedef _Atomic int steps;

UTIL void
go_to (steps *at, int step)
{
  atomic_store (at, step);
}

/* Has one of the children failed, so that it goes to no step any more (1), or have
 * all of them ended (2)?  What became of them can still be had by reap(). */
UTIL int
children_end (char *why, size_t size)
{
  int n = 0, ended = 0;

  for (size_t i = 0; i < COUNT (util_children); i++) {
    pid_t pid = atomic_load (&util_children[i]);
    siginfo_t info = { .si_pid = 0 };
    int exited;

    n += pid != 0;
    if (!pid
        || waitid (P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0
        || !info.si_pid)
      continue;
    ended++;
    exited = info.si_code == CLD_EXITED;
    snprintf (why, size, "a child %s %d",
              exited ? "ended with code" : "was ended by signal",
              info.si_status);
    if (exited && info.si_status == UTIL_NO_ROOM)
      end_without_room ();
    if (exited ? info.si_status == 99 : info.si_status != SIGKILL)
      return 1;
  }
  return n > 0 && ended == n ? 2 : 0;
}

/* Wait until step is reached.  A child that failed ends the test; so do, in ten
 * seconds, children that have all ended, as a thread or an orphan may go on. */
UTIL void
await (steps *at, int step)
{
  unsigned in_vain = 0;
  char why[80];

  for (unsigned i = 1; atomic_load (at) < step; i++) {
    int end;

    usleep (200);
    if (i % 128 != 0)
      continue;
    if (util_owner && getpid () != util_owner && kill (util_owner, 0) < 0)
      _exit (99); /* the test is over */
    end = children_end (why, sizeof why);
    in_vain = end == 2 ? in_vain + 1 : 0;
    if ((end == 1 || in_vain > 300) && atomic_load (at) < step)
      bail_out ("step %d of %d is never reached: %s", step, atomic_load (at),
                why);
  }
}

#endif /* CHILDREN_H */
