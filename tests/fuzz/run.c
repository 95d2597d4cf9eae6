/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c - what an input does
 *
 * Byte 0 says from which pool and among whom, byte 1 how many of the stores
 * that follow are made before the pool is opened.  Then, up to the end: a byte
 * that chooses a call (below 0xa0; its arguments follow) or a store into the
 * metadata (damage.c).
 *
 * Stores are made by the main thread between its calls, and, as the input asks,
 * again by a live attacker: at each system call that Oriel makes, from a timer's
 * signal between any two instructions, and from a thread.
 *
 * Others may be there: a process with pages latched that is killed, and a thread
 * that pins and ends without giving back.  Both end by themselves, so that
 * whoever waits for them, rightly or because damage says so, gets through.
 */
#include "fuzz.h"

#include <sys/time.h>

#include "lock.h"
#include "mapping.h"
#include "sys.h"

#define CALL_SECONDS 10         /* that one call may take, damage and all */
#define HELPER_MS 30            /* that the other process lives */
#define WAIT_MS 2               /* instead of 20, to get through more */
#define MAX_STORES 64
#define HELD 6

#define BY_SYSCALL 0x08u        /* bits of byte 0; below: the pool */
#define BY_TIMER 0x10u
#define BY_THREAD 0x20u
#define WITH_PROCESS 0x40u
#define WITH_WINDOW 0x80u       /* of few slots */

static struct orl_sys real;
static struct fuzz_input in;
static const struct orl_geometry *geo;
static unsigned char *meta;     /* the attacker's own mapping */
static unsigned flags;
static int which;

static oriel_pool *pool;
static oriel_file *file[2];
static oriel_page held[HELD];
static bool holds[HELD];
static pid_t helper;
static pthread_t second;
static bool has_second;

/* ------------------------------------------------------------------ */
/* The attacker                                                       */

static struct fuzz_store stores[MAX_STORES];
static atomic_uint nstores, turn;
static atomic_bool attacking;

static void
attack (void)
{
  unsigned n = atomic_load (&nstores);

  if (n > 0 && atomic_load (&attacking))
    fuzz_store_do (&stores[atomic_fetch_add (&turn, 1) % n], meta);
}

static void
on_timer (int sig)
{
  (void) sig;
  attack ();
}

static void *
scribble (void *arg)
{
  (void) arg;
  while (atomic_load (&attacking)) {
    attack ();
    usleep (50);
  }
  return NULL;
}

static void
read_store (void)
{
  unsigned n = atomic_load (&nstores);
  struct fuzz_store s = fuzz_store_from (&in, geo, meta);

  fuzz_store_do (&s, meta);
  if (n < MAX_STORES) {
    stores[n] = s;
    atomic_store (&nstores, n + 1);
  }
}

/* Damage changes between any two calls of the kernel. */
static void
at_syscall (void)
{
  if (flags & BY_SYSCALL)
    attack ();
}

static void *
hook_mmap (void *at, size_t n, int prot, int mflags, int fd, off_t off)
{
  at_syscall ();
  if (at && fd >= 0 && off == 0 && n == orl_mapping_bytes (geo)) {
    real.munmap (at, n);
    return fuzz_map_alone (geo, fd, prot);
  }
  return real.mmap (at, n, prot, mflags, fd, off);
}

static int
hook_munmap (void *at, size_t n)
{
  return fuzz_unmap_alone (at) ? 0 : real.munmap (at, n);
}

static ssize_t
hook_pread (int fd, void *buf, size_t n, off_t at)
{
  at_syscall ();
  return real.pread (fd, buf, n, at);
}

static ssize_t
hook_preadv (int fd, const struct iovec *iov, int n, off_t at)
{
  at_syscall ();
  return real.preadv (fd, iov, n, at);
}

static ssize_t
hook_pwritev (int fd, const struct iovec *iov, int n, off_t at)
{
  at_syscall ();
  return real.pwritev (fd, iov, n, at);
}

static int
hook_locked (int fd, off_t at)
{
  at_syscall ();
  return real.locked (fd, at);
}

static int
hook_membarrier (int cmd)
{
  at_syscall ();
  return real.membarrier (cmd);
}

static int
hook_futex_wait (uint32_t *word, uint32_t value, unsigned ms)
{
  at_syscall ();
  return real.futex_wait (word, value, ms < WAIT_MS ? ms : WAIT_MS);
}

static void
set_hooks (void)
{
  real = orl_sys;
  orl_sys.mmap = hook_mmap;
  orl_sys.munmap = hook_munmap;
  orl_sys.pread = hook_pread;
  orl_sys.preadv = hook_preadv;
  orl_sys.pwritev = hook_pwritev;
  orl_sys.locked = hook_locked;
  orl_sys.membarrier = hook_membarrier;
  orl_sys.futex_wait = hook_futex_wait;
}

static void
start_attack (pthread_t *thread)
{
  struct sigevent event
      = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
  struct itimerspec every = { { 0, 150000 }, { 0, 150000 } };
  timer_t timer;

  atomic_store (&attacking, true);
  if (flags & BY_TIMER) {
    signal (SIGUSR1, on_timer);
    if (timer_create (CLOCK_MONOTONIC, &event, &timer) == 0)
      timer_settime (timer, 0, &every, NULL);
  }
  if (flags & BY_THREAD)
    *thread = start_thread (scribble, NULL);
}

/* ------------------------------------------------------------------ */
/* Others                                                             */

static oriel_options
options (void)
{
  oriel_options opt = fuzz_options (which);

  opt.flags = ORIEL_ATTACH;
  if (flags & WITH_WINDOW) {
    opt.window_size = 32 * KiB;
    opt.slot_size = 8 * KiB;
  }
  return opt;
}

/* Latch pages, change them, and be killed. */
static void
be_helper (int ready)
{
  oriel_options opt = options ();
  struct itimerval soon = { .it_value.tv_usec = HELPER_MS * 1000 };
  oriel_page page;

  setitimer (ITIMER_REAL, &soon, NULL);
  if (oriel_pool_open ("fuzz", &opt, &pool) == 0
      && oriel_file_open (pool, fuzz_data[0], 0, &file[0]) == 0) {
    for (uint64_t i = 0; i < 3; i++)
      if (oriel_pin (file[0], 5 + 3 * i, ORIEL_WRITE, &page) == 0) {
        memset (page.data, 9, 200);
        oriel_dirty (&page, 3);
      }
    oriel_pin (file[0], 9, ORIEL_READ, &page);
  }
  if (write (ready, "", 1) == 1)
    pause ();
  _exit (0);
}

static void
start_helper (void)
{
  int ends[2];
  char byte;

  if (pipe2 (ends, O_CLOEXEC) < 0)
    return;
  helper = fork ();
  if (helper == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    be_helper (ends[1]);
  }
  close (ends[1]);
  while (read (ends[0], &byte, 1) < 0 && errno == EINTR)
    ;
  close (ends[0]);
}

static void
end_helper (void)
{
  if (helper <= 0)
    return;
  kill (helper, SIGKILL);
  reap (helper);
  helper = 0;
}

/* A thread that waits for no one. */
static void *
run_second (void *arg)
{
  uint64_t seed = *(unsigned *) arg;
  oriel_page page;

  for (int i = 0; i < 20; i++) {
    uint64_t r = next_random (&seed);

    if (oriel_pin (file[0], r % 12,
                   ORIEL_NOWAIT | (r & 0x100 ? ORIEL_WRITE : ORIEL_READ),
                   &page) < 0)
      continue;
    if (i == 19)
      break;
    if (r & 0x100)
      oriel_dirty (&page, r);
    oriel_unpin (&page);
  }
  return NULL;
}

static void
join_second (void)
{
  if (has_second)
    pthread_join (second, NULL);
  has_second = false;
}

/* ------------------------------------------------------------------ */
/* Calls                                                              */

static void
unpin (unsigned i)
{
  if (holds[i])
    oriel_unpin (&held[i]);
  holds[i] = false;
}

static void
unpin_all (void)
{
  for (unsigned i = 0; i < HELD; i++)
    unpin (i);
}

static void
pin (oriel_file *f, unsigned pflags)
{
  uint64_t number = fuzz_byte (&in) % 48;
  unsigned i = (unsigned) number % HELD;
  volatile unsigned char *at;

  unpin (i);
  if (oriel_pin (f, number, pflags, &held[i]) < 0)
    return;
  at = held[i].data;
  if (pflags & ORIEL_WRITE) {
    at[number] = 1;
    oriel_dirty (&held[i], number);
  } else if (pflags & ORIEL_OPTIMISTIC) {
    uint64_t version = oriel_read_begin (&held[i]);

    (void) at[number];
    oriel_read_validate (&held[i], version);
  } else
    (void) at[number];
  holds[i] = true;
  if (number & 1)
    unpin (i);
}

static void
copy (oriel_file *f, bool write)
{
  static char buffer[9000];
  uint64_t at = fuzz_byte (&in) * UINT64_C (777);
  size_t n = fuzz_byte (&in) * (size_t) 35;

  if (write)
    oriel_write (f, at, buffer, n);
  else
    oriel_read (f, at, buffer, n, &n);
}

/* Every other time the log is wherever it is wanted. */
static int
flush_log (void *arg, uint64_t lsn)
{
  static unsigned times;

  (void) arg;
  (void) lsn;
  return times++ % 2 ? -EIO : 0;
}

/* Close one of the files, or both, and open it again. */
static void
reopen_file (int i)
{
  unsigned how = fuzz_byte (&in);

  join_second ();
  unpin_all ();
  if (file[i] && how & 1 && oriel_file_close (file[i]) == 0)
    file[i] = NULL;
  if (file[i] && oriel_file_abandon (file[i]) == 0)
    file[i] = NULL;
  if (!file[i]
      && oriel_file_open (pool, fuzz_data[i],
                          (how & 2 ? ORIEL_DISCARD : 0)
                              | (how & 4 ? ORIEL_FOREIGN : 0)
                              | (how & 24 ? 0 : ORIEL_RDONLY),
                          &file[i])
             < 0)
    file[i] = NULL;
  if (file[i] && how & 32)
    oriel_file_on_flush_log (file[i], flush_log, NULL);
}

/* False: the pool could not be closed, or not opened. */
static bool
reopen_pool (void)
{
  oriel_options opt = options ();

  join_second ();
  unpin_all ();
  for (int i = 0; i < 2; i++)
    if (file[i] && oriel_file_abandon (file[i]) == 0)
      file[i] = NULL;
  if (file[0] || file[1] || oriel_pool_close (pool) < 0)
    return false;
  pool = NULL;
  if (oriel_pool_open ("fuzz", &opt, &pool) < 0)
    return false;
  for (int i = 0; i < 2; i++)
    if (oriel_file_open (pool, fuzz_data[i], 0, &file[i]) < 0)
      file[i] = NULL;
    else
      oriel_file_on_flush_log (file[i], flush_log, NULL);
  return true;
}

static void
see_file (void *arg, const oriel_file_info *info)
{
  *(size_t *) arg += strlen (info->path);
}

static void
see_process (void *arg, const oriel_process_info *info)
{
  *(size_t *) arg += info->pid;
}

static void
see_problem (void *arg, const char *text)
{
  *(size_t *) arg += strlen (text);
}

/* All calls that only look; watched: by who is not attached. */
static void
look (oriel_pool *at, bool watched)
{
  oriel_options opt = options ();
  oriel_pool *watch = NULL;
  size_t sum = 0;

  opt.flags = ORIEL_WATCH;
  if (watched && oriel_pool_open ("fuzz", &opt, &watch) == 0)
    at = watch;
  oriel_pool_files (at, see_file, &sum);
  oriel_pool_processes (at, see_process, &sum);
  if (sum % 4 == 0)
    oriel_pool_check (at, see_problem, &sum);
  if (watch)
    oriel_pool_close (watch);
}

static void
call_pool (unsigned what)
{
  static unsigned seed;
  oriel_stats stats = { .struct_size = sizeof stats };

  switch (what) {
  case 0:
    oriel_pool_stats (pool, &stats);
    break;
  case 1:
    oriel_alive (pool, fuzz_byte (&in) << 16 | fuzz_byte (&in));
    break;
  case 2:
    if (file[0] && !has_second) {
      seed = fuzz_byte (&in);
      unpin_all ();
      second = start_thread (run_second, &seed);
      has_second = true;
    }
    break;
  case 3:
    unpin_all ();
    join_second ();
    break;
  case 4:
    end_helper ();
    break;
  case 5:
    unpin (fuzz_byte (&in) % HELD);
    break;
  case 6:
    oriel_pool_evict (pool, fuzz_byte (&in) & 1 ? file[0] : NULL);
    break;
  default:
    look (pool, fuzz_byte (&in) % 4 == 0);
  }
}

static void
call_file (unsigned what, oriel_file *f)
{
  switch (what) {
  case 0:
    pin (f, ORIEL_READ);
    break;
  case 1:
    pin (f, ORIEL_WRITE);
    break;
  case 2:
    pin (f, ORIEL_WRITE | ORIEL_FRESH);
    break;
  case 3:
    pin (f, ORIEL_OPTIMISTIC);
    break;
  case 4:
    pin (f, ORIEL_OPTIMISTIC | ORIEL_ANYTHREAD);
    break;
  case 5:
    pin (f, fuzz_byte (&in) & 1 ? ORIEL_NOWAIT : ORIEL_NOWAIT | ORIEL_WRITE);
    break;
  case 6:
  case 7:
    copy (f, false);
    break;
  case 8:
    copy (f, true);
    break;
  case 9:
    if (fuzz_byte (&in) & 1)
      oriel_flush (f);
    else
      oriel_writeback (pool, NULL);
    break;
  case 10:
    if (fuzz_byte (&in) & 1)
      oriel_sync (f);
    else
      oriel_checkpoint (pool, f, NULL);
    break;
  case 11:
    oriel_file_truncate (f, fuzz_byte (&in) * UINT64_C (900));
    break;
  case 12:
    oriel_file_drop (f);
    break;
  case 13:
    oriel_file_drop_pages (f, fuzz_byte (&in), fuzz_byte (&in));
    break;
  case 14:
    oriel_file_refresh (f);
    break;
  default:
    oriel_file_size (f);
    pin (f, ORIEL_READ);
  }
}

/* False: nothing can be called any more. */
static bool
call (unsigned what)
{
  int i = what & 1;

  what >>= 1;
  alarm (CALL_SECONDS);
  if (what < 8)
    call_pool (what);
  else if (what < 11)
    reopen_file (i);
  else if (what < 12)
    return reopen_pool ();
  else if (file[i])
    call_file (what % 16, file[i]);
  return true;
}

/* ------------------------------------------------------------------ */

/* A pool of the kind that byte 0 wants, under the name "fuzz". */
static void
put_pool (void)
{
  const struct fuzz_template *t = &fuzz_templates[which];
  const char *path = fuzz_path;
  int fd;

  unlink (path);
  fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate (fd, (off_t) t->size) < 0
      || pwrite (fd, t->bytes, geo->meta_bytes, 0) < 0
      || pwrite (fd, t->bytes + geo->data, t->size - geo->data,
                 (off_t) geo->data)
             < 0)
    bail_out ("cannot make the pool: %s", strerror (errno));
  meta = mmap (NULL, geo->meta_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
               0);
  if (meta == MAP_FAILED)
    bail_out ("mmap: %s", strerror (errno));
  close (fd);
}

int
fuzz_run (const uint8_t *bytes, size_t n)
{
  pthread_t attacker;
  unsigned before;
  bool going = true;

  in = (struct fuzz_input){ bytes, bytes + n };
  flags = fuzz_byte (&in);
  before = fuzz_byte (&in) % 8;
  which = (int) (flags & 7) % FUZZ_TEMPLATES;
  geo = &fuzz_templates[which].geo;
  put_pool ();
  set_hooks ();
  orl_lock_rounds = 2000;
  alarm (CALL_SECONDS);
  if (flags & WITH_PROCESS)
    start_helper ();
  while (before-- > 0)
    read_store ();
  start_attack (&attacker);
  {
    oriel_options opt = options ();

    if (oriel_pool_open ("fuzz", &opt, &pool) < 0)
      return FUZZ_REFUSED;
  }
  for (int i = 0; i < 2; i++)
    if (oriel_file_open (pool, fuzz_data[i], 0, &file[i]) < 0)
      file[i] = NULL;
    else
      oriel_file_on_flush_log (file[i], flush_log, NULL);
  while (going && in.at < in.end) {
    unsigned what = fuzz_byte (&in);

    if (what < 0xa0)
      going = call (what % 64);
    else
      read_store ();
  }
  alarm (CALL_SECONDS);
  if (going)
    going = reopen_pool ();
  for (unsigned i = 0; going && i < 8; i++) {
    alarm (CALL_SECONDS);
    if (file[i & 1])
      call_file (i, file[i & 1]);
  }
  atomic_store (&attacking, false);
  if (flags & BY_THREAD)
    pthread_join (attacker, NULL);
  end_helper ();
  alarm (0);
  return FUZZ_DONE;
}
