/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-pool.c - whatever stands in a pool's metadata, Oriel stays inside it
 *
 * The bytes of an input are a program (run.c's head says how they are read): it
 * damages the metadata of a small pool and calls the API, in any order.  A call
 * may succeed or fail; it may also end the process by abort() after a line that
 * begins "oriel: fatal:".  It must not touch memory that is not its own, and it
 * must come back.
 *
 * Each input runs in a child of its own.  The parent makes the pools to be
 * damaged, judges how the child ended, and hands on what code it came through.
 *
 * Compiled with FUZZ_LIBFUZZER it is a target of libFuzzer; else a program:
 *
 *   fuzz-pool FILE...     replay inputs
 *   fuzz-pool             seeded random inputs: SECONDS (default 6), SEED
 *                         (default 1; printed).  One that fails is written to
 *                         $TMPDIR and named.
 */
#include "fuzz.h"

#include "seen.h"
#include "store.h"

struct fuzz_template fuzz_templates[FUZZ_TEMPLATES];
char fuzz_data[2][300];
char fuzz_path[300];

static int says = -1;           /* what the child writes to stderr */
static unsigned long executions, refused, fatals;

const char *__asan_default_options (void);

const char *
__asan_default_options (void)
{
  return "detect_leaks=0:exitcode=77:abort_on_error=0:allocator_may_return_null=1";
}

/* ------------------------------------------------------------------ */
/* What is damaged                                                    */

oriel_options
fuzz_options (int which)
{
  oriel_options opt = test_options ();

  opt.pool_size = 128 * KiB;
  opt.page_size = which == FUZZ_SMALL_PAGES ? 512 : 4096;
  opt.max_processes = opt.max_threads = opt.max_files = 4;
  opt.flags = which == FUZZ_SMALL_PAGES ? ORIEL_FENCE : 0;
  return opt;
}

/* Leave a pool behind: in order, or as a process that was killed does. */
static int
leave_pool (void *arg)
{
  int which = *(int *) arg;
  oriel_options opt = fuzz_options (which);
  oriel_pool *pool = must_open_pool ("fuzz", &opt);
  oriel_file *file = must_open_file (pool, fuzz_data[0], 0);
  oriel_page page;

  for (uint64_t i = 0; i < FUZZ_PAGES; i++) {
    page = must_pin (file, i, ORIEL_READ);
    must (oriel_unpin (&page), "oriel_unpin");
  }
  stamp_page (pool, file, 2, 4);
  if (which != FUZZ_CLEAN) {
    page = must_pin (file, 1, ORIEL_WRITE);
    memset (page.data, 7, 100);
    must (oriel_dirty (&page, 1), "oriel_dirty");
    page = must_pin (file, 3, ORIEL_READ);
    page = must_pin (file, 4, ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD);
    page = must_pin (file, 40, ORIEL_WRITE | ORIEL_FRESH);
    return 0;
  }
  must (oriel_file_abandon (file), "oriel_file_abandon");
  must (oriel_pool_close (pool), "oriel_pool_close");
  return 0;
}

static void
make_template (int which)
{
  struct fuzz_template *t = &fuzz_templates[which];
  const char *path = fuzz_path;

  unlink (path);
  if (in_child (leave_pool, &which) != 0)
    bail_out ("cannot make a pool to damage");
  t->size = (size_t) plain_size (path);
  t->bytes = malloc (t->size);
  if (!t->bytes || plain_read (path, 0, t->bytes, t->size) != t->size)
    bail_out ("cannot read the pool");
  t->geo = ((struct orl_super *) t->bytes)->geo;
}

static void
write_data (const char *path)
{
  make_stamped_file (path, 4096, FUZZ_PAGES, 100, 3);
}

/* The files as they were, if the last input changed them; and the pools believe
 * them to be theirs. */
static void
restore_data (void)
{
  static struct timespec last[2];

  for (int i = 0; i < 2; i++) {
    struct orl_store look = { .fd = open (fuzz_data[i], O_RDWR | O_CLOEXEC) };
    struct orl_store_id id;
    struct stat st;

    if (fstat (look.fd, &st) == 0
        && memcmp (&st.st_ctim, &last[i], sizeof last[i]) != 0) {
      write_data (fuzz_data[i]);
      fstat (look.fd, &st);
      last[i] = st.st_ctim;
    }
    for (int t = 0; i == 0 && t < FUZZ_TEMPLATES; t++) {
      char *files = fuzz_templates[t].bytes + fuzz_templates[t].geo.files;

      if (orl_store_identify (&look, &id) == 0)
        orl_seen_reset ((struct orl_frec *) files, &id);
    }
    close (look.fd);
  }
}

static void
prepare (void)
{
  says = memfd_create ("says", MFD_CLOEXEC);
  if (says < 0)
    bail_out ("memfd_create: %s", strerror (errno));
  snprintf (fuzz_path, sizeof fuzz_path, "%s", pool_path ("fuzz"));
  for (int i = 0; i < 2; i++) {
    snprintf (fuzz_data[i], sizeof fuzz_data[i], "%s/data%d", pool_dir (), i);
    write_data (fuzz_data[i]);
  }
  alarm (0);
  for (int i = 0; i < FUZZ_TEMPLATES; i++)
    make_template (i);
}

/* ------------------------------------------------------------------ */
/* One input                                                          */

#ifdef FUZZ_LIBFUZZER
/* What the child came through is counted in the child: carry it over. */
extern uint8_t __start___sancov_cntrs[], __stop___sancov_cntrs[];
static uint8_t *carried;

static size_t
counters (void)
{
  return (size_t) (__stop___sancov_cntrs - __start___sancov_cntrs);
}

void
fuzz_carry_out (void)
{
  memcpy (carried, __start___sancov_cntrs, counters ());
}

static void
carry_in (void)
{
  if (!carried)
    carried = shared_memory (counters ());
  else
    for (size_t i = 0; i < counters (); i++)
      if (__start___sancov_cntrs[i] < carried[i])
        __start___sancov_cntrs[i] = carried[i];
}
#else
void
fuzz_carry_out (void)
{
}

static void
carry_in (void)
{
}
#endif

static void
on_abort (int sig)
{
  fuzz_carry_out ();
  signal (sig, SIG_DFL);
  raise (sig);
}

/* All that the child and its helpers wrote. */
static char *
what_it_says (void)
{
  static char text[8192];
  ssize_t n = pread (says, text, sizeof text - 1, 0);

  text[n > 0 ? n : 0] = '\0';
  return text;
}

/* Did the child end as it may?  Else say why not. */
static const char *
judge (int code)
{
  static char why[64];

  if (code == FUZZ_DONE)
    return NULL;
  if (code == FUZZ_REFUSED) {
    refused++;
    return NULL;
  }
  if (code == 128 + SIGABRT && strstr (what_it_says (), "oriel: fatal: ")) {
    fatals++;
    return NULL;
  }
  if (code == 128 + SIGALRM)
    return "a call does not come back";
  snprintf (why, sizeof why, "ended with %d", code);
  return why;
}

/* NULL, or what is wrong; then *call is the call that it happened in. */
static const char *
run_input (const uint8_t *bytes, size_t n)
{
  const char *why;
  pid_t pid;

  if (says < 0)
    prepare ();
  carry_in ();
  restore_data ();
  if (ftruncate (says, 0) < 0)
    bail_out ("ftruncate: %s", strerror (errno));
  fflush (NULL);
  pid = fork ();
  if (pid < 0)
    bail_out ("fork: %s", strerror (errno));
  if (pid == 0) {
    int code;

    prctl (PR_SET_PDEATHSIG, SIGKILL);
    lseek (says, 0, SEEK_SET);
    fcntl (says, F_SETFL, O_APPEND);
    dup2 (says, 2);
    signal (SIGALRM, SIG_DFL);
    signal (SIGABRT, on_abort);
    code = fuzz_run (bytes, n);
    fuzz_carry_out ();
    _exit (code);
  }
  why = judge (reap (pid));
  carry_in ();
  executions++;
  if (why)
    fprintf (stderr, "%s\nfuzz-pool: %s\n", what_it_says (), why);
  return why;
}

/* ------------------------------------------------------------------ */
/* Where inputs come from                                             */

#ifdef FUZZ_LIBFUZZER

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n);

static void
summary (void)
{
  if (getpid () == util_owner)
    fprintf (stderr, "fuzz-pool: %lu executions, %lu refused, %lu fatal\n",
             executions, refused, fatals);
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t n)
{
  if (executions == 0)
    atexit (summary);
  if (run_input (bytes, n))
    abort ();
  return 0;
}

#else

static void
keep_input (const uint8_t *bytes, size_t n, uint64_t state)
{
  const char *dir = getenv ("TMPDIR");
  char path[300];

  snprintf (path, sizeof path, "%s/fuzz-pool-%llx", dir && *dir ? dir : "/tmp",
            (unsigned long long) state);
  plain_write (path, 0, bytes, n);
  diag ("the input is in %s", path);
}

static int
replay (char **paths)
{
  for (; *paths; paths++) {
    size_t size = (size_t) plain_size (*paths);
    uint8_t *bytes = malloc (size + 1);

    if (!bytes)
      bail_out ("no memory");
    plain_read (*paths, 0, bytes, size);
    is_int (run_input (bytes, size) == NULL, 1, *paths);
    free (bytes);
  }
  return done_testing ();
}

static double
duration (void)
{
  const char *quick = getenv ("ORIEL_QUICK");
  const char *text = getenv ("SECONDS");

  return text ? atof (text) : quick && *quick == '1' ? 1 : 6;
}

int
main (int argc, char **argv)
{
  const char *text = getenv ("SEED");
  uint64_t seed = text ? strtoull (text, NULL, 0) : 1;
  double end = seconds_now () + duration ();
  uint8_t bytes[160];
  int bad = 0;

  if (argc > 1)
    return replay (argv + 1);
  diag ("seed %llu (SEED), %.0f s (SECONDS)", (unsigned long long) seed,
        duration ());
  while (seconds_now () < end && bad < 10) {
    uint64_t state = seed;
    size_t n = 8 + next_random (&seed) % (sizeof bytes - 8);

    for (size_t i = 0; i < n; i++)
      bytes[i] = (uint8_t) next_random (&seed);
    if (run_input (bytes, n)) {
      bad++;
      keep_input (bytes, n, state);
    }
  }
  diag ("%lu executions, %lu refused, %lu fatal", executions, refused, fatals);
  is_int (bad, 0, "no damage leads out of the pool or to a hang");
  return done_testing ();
}

#endif
