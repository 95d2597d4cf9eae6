/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-kv-run.c - stores, memory cgroups and processes of bench-kv
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-kv.h"
#include "figures.h"

struct board *board;

/* ------------------------------------------------------------------ */
/* Records                                                            */

/* Numbers are scattered over the keys, each its own. */
void
key_of (uint32_t number, char key[KEY])
{
  uint32_t n = number * 2654435761u;

  memcpy (key, "user00", 6);
  for (int i = KEY - 1; i >= 6; i--, n /= 10)
    key[i] = (char) ('0' + n % 10);
}

static void
record (uint32_t number, char key[KEY], char *value)
{
  key_of (number, key);
  memset (value, 'a' + (int) (number % 26), MAX_VALUE);
}

/* Ranks below n, r with probability ~ 1 / (r + 1)^SKEW, as YCSB draws them (J. Gray
 * and others, Quickly Generating Billion-Record Synthetic Databases, 1994). */
#define SKEW 0.99

struct zipf {
  double n, zeta, eta;
};

static struct zipf
zipf_of (uint32_t n)
{
  struct zipf z = { .n = n };

  for (uint32_t r = 1; r <= n; r++)
    z.zeta += pow (r, -SKEW);
  z.eta = (1 - pow (2 / z.n, 1 - SKEW))
          / (1 - (1 + pow (0.5, SKEW)) / z.zeta);
  return z;
}

static uint32_t
zipf_rank (const struct zipf *z, uint64_t *random)
{
  double u = (double) next_random (random) / (double) (UINT64_C (1) << 31);
  double r = u * z->zeta;

  if (r < 1 + pow (0.5, SKEW))
    return r >= 1;
  r = z->n * pow (z->eta * u - z->eta + 1, 1 / (1 - SKEW));
  return (uint32_t) (r < z->n ? r : z->n - 1);
}

struct popular {
  uint32_t key;                 /* what key_of() orders by */
  double share;                 /* of all reads */
};

static int
by_key (const void *a, const void *b)
{
  uint32_t x = ((const struct popular *) a)->key;
  uint32_t y = ((const struct popular *) b)->key;

  return (x > y) - (x < y);
}

static int
by_share (const void *a, const void *b)
{
  double x = ((const struct popular *) a)->share;
  double y = ((const struct popular *) b)->share;

  return (x < y) - (x > y);
}

/* Leaves are full, as LMDB's can be, whose cells and pages have the least besides
 * key and value; nothing else takes memory, and the pages that are read most are
 * always there. */
double
least_read (const struct dataset *data, uint64_t memory, uint32_t page)
{
  uint32_t fit = (page - 16) / (KEY + data->value + 10), each = fit ? fit : 1;
  uint32_t n = data->records, pages = (n + each - 1) / each;
  struct popular *p = calloc (n, sizeof *p);
  double zeta = zipf_of (n).zeta, missed = 0;

  need (p != NULL, "memory");
  for (uint32_t i = 0; i < n; i++)
    p[i] = (struct popular) { i * 2654435761u, pow (i + 1., -SKEW) / zeta };
  qsort (p, n, sizeof *p, by_key);
  for (uint32_t i = 0; i < n; i++) {
    double share = p[i].share;

    p[i].share = 0;
    p[i / each].share += share;
  }
  qsort (p, pages, sizeof *p, by_share);
  for (uint64_t i = memory / page; i < pages; i++)
    missed += p[i].share;
  free (p);
  return missed * page;
}

/* ------------------------------------------------------------------ */
/* Processes                                                          */

/* Fork a child that ends with its parent; true in it. */
static bool
child (pid_t *pid)
{
  pid_t parent = getpid ();

  fflush (NULL);
  *pid = fork ();
  need (*pid >= 0, "fork");
  if (*pid > 0)
    return false;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != parent)
    _exit (1);
  return true;
}

/* False: it failed, and has said why, or stderr says how it died. */
static bool
await_end (pid_t pid)
{
  int status;

  while (waitpid (pid, &status, 0) < 0)
    need (errno == EINTR, "waitpid");
  if (WIFSIGNALED (status))
    fprintf (stderr, "bench-kv: a process died of signal %d\n",
             WTERMSIG (status));
  return status == 0;
}

static int
remove_one (const char *path, const struct stat *st, int type,
            struct FTW *ftw)
{
  (void) st, (void) type, (void) ftw;
  return remove (path);
}

void
remove_all (const char *path)
{
  nftw (path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
remove_caches (void)
{
  static const char *const ends[] = { "", ".building", "-bdb" };
  char path[320];

  for (int i = 0; i < 3; i++) {
    snprintf (path, sizeof path, "%s/oriel-bench-kv-%d%s", pool_directory (),
              (int) getpid (), ends[i]);
    remove_all (path);
  }
}

void
load_store (const struct setup *s)
{
  const struct dataset *data = s->work->data;
  char done[320];
  pid_t pid;

  snprintf (done, sizeof done, "%s/loaded", s->place.path);
  if (access (done, F_OK) == 0)
    return;
  fprintf (stderr, "loading %s, %s\n", s->engine->name, data->name);
  need (mkdir (s->place.path, 0700) == 0 || errno == EEXIST, s->place.path);
  if (child (&pid)) {
    void *store = s->engine->open (&s->place);

    s->engine->load (store, data->records, record, data->value);
    s->engine->close (store);
    exit (0);
  }
  if (!await_end (pid))
    exit (1);
  remove_caches ();
  close (open (done, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

/* Out of the page cache, so that it is charged to who reads it. */
static void
forget_files (const char *path)
{
  DIR *directory = opendir (path);
  struct dirent *entry;

  need (directory != NULL, path);
  while ((entry = readdir (directory)) != NULL) {
    int fd = openat (dirfd (directory), entry->d_name, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
      fdatasync (fd);
      posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
      close (fd);
    }
  }
  closedir (directory);
}

/* ------------------------------------------------------------------ */
/* In a process                                                       */

struct worker {
  const struct setup *setup;
  void *store;
  int number;                   /* of all threads of the run */
  struct zipf zipf;
  struct hist hist;
};

static uint32_t
choose (const struct worker *w, uint64_t *random)
{
  const struct work *work = w->setup->work;
  uint32_t n = work->zipf
                   ? zipf_rank (&w->zipf, random)
                   : (uint32_t) (next_random (random) % work->data->records);
  uint32_t all = atomic_load_explicit (&board->next[w->setup->number],
                                       memory_order_relaxed);

  return work->mix.latest ? all - 1 - n : n;
}

static void
one (struct worker *w, void *session, uint64_t *random)
{
  const struct engine *e = w->setup->engine;
  const struct work *work = w->setup->work;
  const struct mix *mix = &work->mix;
  unsigned dice = (unsigned) (next_random (random) % 100);
  char key[KEY], value[MAX_VALUE];

  if (dice < mix->insert) {
    record (atomic_fetch_add (&board->next[w->setup->number], 1), key, value);
    e->put (session, key, value, work->data->value);
    return;
  }
  dice -= mix->insert;
  key_of (choose (w, random), key);
  if (dice < mix->scan) {
    e->scan (session, key, 1 + (unsigned) (next_random (random) % 100), value);
    return;
  }
  dice -= mix->scan;
  if (dice >= mix->update) {
    /* What another is just inserting may not be there yet. */
    if (!e->get (session, key, value) && !mix->latest)
      need (false, "a key is missing");
    dice -= mix->update;
    if (dice < mix->modify) {
      value[dice]++;
      e->put (session, key, value, work->data->value);
    }
    return;
  }
  memset (value, 'A' + (int) (*random >> 33) % 26, work->data->value);
  e->put (session, key, value, work->data->value);
}

static void *
work (void *arg)
{
  struct worker *w = arg;
  const struct setup *s = w->setup;
  void *session = s->engine->begin (w->store);
  uint64_t random = s->seed * 1000 + (uint64_t) w->number;
  int64_t then, now;
  int turn = 0;

  while (!atomic_load_explicit (&board->stop, memory_order_relaxed)) {
    int go = atomic_load_explicit (&board->go, memory_order_relaxed);

    if (go != turn) { /* the warming is over */
      memset (&w->hist, 0, sizeof w->hist);
      turn = go;
    }
    then = sql_now ();
    one (w, session, &random);
    now = sql_now ();
    sql_hist_add (&w->hist, (uint64_t) (now - then));
  }
  s->engine->end (session);
  return NULL;
}

static uint64_t
cpu_ns (void)
{
  struct rusage u;

  getrusage (RUSAGE_SELF, &u);
  return (uint64_t) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NSEC
         + (uint64_t) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

/* A number behind a name in a file of /proc/self; 0 if there is none. */
static uint64_t
proc_number (const char *file, const char *name)
{
  char path[64], line[200];
  unsigned long long number = 0;
  size_t n = strlen (name);
  FILE *f;

  snprintf (path, sizeof path, "/proc/self/%s", file);
  f = fopen (path, "re");
  while (f && fgets (line, sizeof line, f))
    if (strncmp (line, name, n) == 0 && line[n] == ':')
      sscanf (line + n + 1, "%llu", &number);
  if (f)
    fclose (f);
  return number;
}

/* Until board->go or board->stop changes: asleep, as whoever looks now and then takes
 * a processor away from those that are measured. */
static void
await_stage (struct report *r)
{
  while (sem_wait (&r->stage) < 0)
    need (errno == EINTR, "sem_wait");
}

static void
begin_stage (int processes)
{
  for (int i = 0; i < processes; i++)
    sem_post (&board->report[i].stage);
}

static void
process (const struct setup *s, int number)
{
  static struct worker worker[MAX_THREADS];
  struct report *r = &board->report[number];
  struct zipf zipf = zipf_of (s->work->data->records);
  pthread_t id[MAX_THREADS];
  uint64_t cpu, in, out;

  for (int i = 0; i < s->work->threads; i++)
    worker[i].setup = s;
  worker[0].store = s->engine->open (&s->place);
  if (s->place.warm) { /* all of it is in memory, and mapped */
    void *session = s->engine->begin (worker[0].store);
    char key[KEY], value[MAX_VALUE];

    memset (key, '0', KEY);
    s->engine->scan (session, key, UINT32_MAX, value);
    s->engine->end (session);
  }
  atomic_store (&r->state, 1);
  await_stage (r);
  for (int i = 0; i < s->work->threads; i++) {
    worker[i].store = worker[0].store;
    worker[i].zipf = zipf;
    worker[i].number = number * s->work->threads + i;
    need (pthread_create (&id[i], NULL, work, &worker[i]) == 0, "a thread");
  }
  await_stage (r);
  cpu = cpu_ns ();
  in = proc_number ("io", "read_bytes");
  out = proc_number ("io", "write_bytes");
  await_stage (r);
  r->cpu_ns = cpu_ns () - cpu;
  for (int i = 0; i < s->work->threads; i++) {
    pthread_join (id[i], NULL);
    sql_hist_merge (&r->hist, &worker[i].hist);
  }
  r->read_bytes = proc_number ("io", "read_bytes") - in;
  r->write_bytes = proc_number ("io", "write_bytes") - out;
  r->pss = proc_number ("smaps_rollup", "Pss") * KiB;
  r->page_tables = status_bytes ("VmPTE");
  s->engine->close (worker[0].store);
  atomic_store (&r->state, 2);
  exit (0);
}

/* ------------------------------------------------------------------ */
/* A run                                                              */

static struct outcome
sum_up (const struct setup *s, double seconds)
{
  static const double at[4] = { 0.5, 0.95, 0.99, 0.999 };
  struct outcome o = { 0 };
  struct hist all = { 0 };
  double cpu = 0, n;

  for (int i = 0; i < s->work->processes; i++) {
    const struct report *r = &board->report[i];

    sql_hist_merge (&all, &r->hist);
    cpu += (double) r->cpu_ns;
    o.read_bytes += (double) r->read_bytes;
    o.write_bytes += (double) r->write_bytes;
    o.pss += (double) r->pss;
    o.page_tables += (double) r->page_tables;
  }
  n = all.count ? (double) all.count : 1;
  o.rate = (double) all.count / seconds;
  o.cpu_us = cpu / n / 1000;
  o.read_bytes /= n;
  o.write_bytes /= n;
  for (int i = 0; i < 4; i++)
    o.us[i] = (double) sql_hist_at (&all, at[i]) / 1000;
  return o;
}

/* Is it ready?  One after the other: Berkeley DB fails, or crashes, where two
 * processes make an environment at once. */
static bool
begin_process (const struct setup *s, const struct cgroup *group, int i,
               pid_t *pid)
{
  if (child (pid)) {
    need (sql_cgroup_join (group) == 0, "joining a cgroup");
    process (s, i);
  }
  while (atomic_load (&board->report[i].state) < 1) {
    siginfo_t info = { 0 };

    /* Its end is waited for by who began it. */
    if (waitid (P_PID, (id_t) *pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0
        && info.si_pid == *pid)
      return false;
    usleep (500);
  }
  return true;
}

bool
run_work (const struct setup *s, struct outcome *outcome)
{
  struct cgroup group = { 0 };
  char why[ERROR_TEXT];
  pid_t pid[MAX_PROCESSES];
  bool good = true;
  int64_t began;
  int n = 0;

  memset (board->report, 0, sizeof board->report);
  for (int i = 0; i < s->work->processes; i++)
    need (sem_init (&board->report[i].stage, 1, 0) == 0, "sem_init");
  atomic_store (&board->go, 0);
  atomic_store (&board->stop, 0);
  if (!s->place.warm)
    forget_files (s->place.path);
  if (s->memory > 0 && sql_cgroup_make (&group, s->memory, why) != 0) {
    static bool told;

    if (!told) {
      printf ("memory is not bounded: %s\n", why);
      figures_left_out ("memory cgroups: memory was not bounded, so \"larger\" "
                        "is not larger than memory: %s", why);
    }
    told = true;
  }
  while (good && n < s->work->processes) {
    good = begin_process (s, &group, n, &pid[n]);
    n++;
  }
  atomic_store (&board->go, 1);
  begin_stage (n);
  usleep (good ? (useconds_t) (s->warm * 1e6) : 0);
  atomic_store (&board->go, 2);
  began = sql_now ();
  begin_stage (n);
  usleep (good ? (useconds_t) (s->seconds * 1e6) : 0);
  atomic_store (&board->stop, 1);
  began = sql_now () - began;
  begin_stage (n);
  for (int i = 0; i < n; i++)
    good &= await_end (pid[i]);
  if (good)
    *outcome = sum_up (s, (double) began / NSEC);
  remove_caches ();
  sql_cgroup_remove (&group);
  return good;
}
