/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.h - what lies in the pool file
 *
 *     super | procs | open maps | tokens | ledgers | files | partitions
 *           | buckets | frames | first lsns | ghosts | dirty map
 *           | before-images | (hole) | pages
 *
 * A pool can be resized: all is laid out for the greatest size that it may have,
 * and of the tables of frames, and of the pages, the file has what is in use and
 * holes behind it (resize.c).
 *
 * The geometry fixes every offset: an attacher recomputes it from the few
 * numbers that the creator chose and refuses a file in which they differ.
 * After that only the private copy (struct orl_shm) is used for addresses, and
 * every index read from the pool is held against it.
 *
 * Fields stand grouped by what protects them.  Everything that changes is
 * atomic: other processes, dying at any instruction, write it too.
 */
#ifndef ORL_LAYOUT_H
#define ORL_LAYOUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORL_FORMAT 4
#define ORL_MAGIC "ORIEL\r\n\032"
#define ORL_LINE 64             /* bytes of a cache line */

/* Limits of the numbers that a creator may choose. */
#define ORL_MAX_PROCS 4096
#define ORL_MAX_LEDGERS 65535   /* an owner is 16 bits, 0 is none */
#define ORL_MAX_FILES 65536
#define ORL_MAX_FRAMES (1u << 30) /* a ledger entry has 30 bits for frame + 1 */
#define ORL_MIN_FRAMES 16
#define ORL_BLOCK_MAX (2u << 20) /* of the pool's file system */

/* Flags of a pool, fixed at creation. */
#define ORL_POOL_FENCE 1u       /* pins fence, because membarrier is missing */

typedef _Atomic uint64_t orl_a64;
typedef _Atomic uint32_t orl_a32;

struct orl_geometry {
  /* chosen at creation */
  uint64_t nframes;             /* at most, ever */
  uint64_t made;                /* then */
  uint32_t page_size;
  uint32_t nprocs;
  uint32_t nthreads;            /* ledgers that threads claim */
  uint32_t nfiles;
  uint32_t block;               /* the file system's: 4096, or a huge page */
  uint32_t flags;
  /* computed from those */
  uint32_t nledgers;            /* nthreads, then one for each process */
  uint32_t page_shift;
  uint32_t nparts;              /* page-table partitions; a power of two */
  uint32_t part_buckets;        /* buckets of a partition; a power of two */
  uint32_t map_words;           /* 64-bit words of a process's open map */
  uint32_t nimages;             /* before-images */
  uint32_t nghosts;             /* lines of them */
  uint64_t procs;               /* offsets in the file, from here on */
  uint64_t open_maps;
  uint64_t tokens;
  uint64_t ledgers;
  uint64_t files;
  uint64_t parts;
  uint64_t buckets;
  uint64_t frames;
  uint64_t firsts;
  uint64_t ghosts;
  uint64_t dirty;
  uint64_t images;
  uint64_t image_data;
  uint64_t meta_bytes;          /* all of the above */
  uint64_t data;                /* attachers map what is before it */
  uint64_t file_bytes;
};

/* Counters: each written by one thread, summed by who asks. */
enum orl_stat {
  ORL_HITS,
  ORL_MISSES,
  ORL_READAHEAD,
  ORL_READS,
  ORL_READ_BYTES,
  ORL_WRITES,
  ORL_WRITE_BYTES,
  ORL_SYNCS,
  ORL_EVICTIONS,
  ORL_WRITEBACKS,
  ORL_SWAPS,
  ORL_INSTALLS,
  ORL_COPIES,
  ORL_BARRIERS,
  ORL_LATCH_WAITS,
  ORL_DROPS,
  ORL_REPAIRS,
  ORL_REMAPS,
  ORL_FRAMES_LOST,
  ORL_REINSTALLS,
  ORL_PAGES_DAMAGED,
  ORL_VIEWS,
  ORL_VIEW_PAGES,
  ORL_VIEW_MAPS,
  ORL_NSTATS = 32               /* room for more without a new layout */
};

#define ORL_PRINT_WORDS 32

struct orl_super {
  /* written once, before the file gets its name */
  char magic[8];
  uint32_t format;
  uint32_t byte_order;
  uint32_t print[ORL_PRINT_WORDS]; /* layout fingerprint */
  char boot_id[40];
  struct orl_geometry geo;
  /* written once, behind that: not 0: tables were cut away (lost.c) */
  uint32_t cut;

  /* by all, atomically */
  _Alignas (ORL_LINE) orl_a64 hand;   /* where the next eviction sweep starts */
  /* hints of heat.c */
  _Alignas (ORL_LINE) orl_a32 clock; /* pages loaded so far */
  orl_a32 hot;                  /* pages */
  orl_a64 cold;                 /* pages that should be, times 65536 */
  orl_a32 round_hot;            /* pages that the hand has seen this round */
  orl_a32 adjusted;             /* clock */
  orl_a32 evicted;              /* since then, and what is left of before: pages */
  orl_a32 returned;             /* of those, loaded again soon */
  orl_a32 marginal;             /* the coldest hot pages that were looked at */
  orl_a32 wanted;               /* of those, used */
  _Alignas (ORL_LINE) orl_a64 serial; /* attachments so far, for tokens */
  orl_a32 file_lock;            /* owner: the ledger that changes files[] */
  /* by the resizer; size.h */
  _Alignas (ORL_LINE) orl_a32 frames; /* that may be taken */
  orl_a32 backed;               /* that have memory; the same, but in a resize */
  orl_a32 span;                 /* that have tables: the most there ever were */
  orl_a32 resizer;              /* owner */
  /* writeback.c */
  _Alignas (ORL_LINE) orl_a64 writer; /* turn << 16 | owner, or 0: who writes
                                         back for all processes */
};

/* A process's place.  The OFD lock on its byte of the pool file protects it:
 * who holds the lock owns the place, and it alone writes here. */
struct orl_proc {
  _Alignas (ORL_LINE) orl_a64 token; /* serial << 16 | (index + 1), 0 if free */
  orl_a32 pid;                  /* for people; never trusted */
  orl_a32 backend;
  orl_a64 window_bytes;
  orl_a64 slot_size;
  orl_a32 residency;
  orl_a32 huge_page;
  /* what its threads counted that have ended; counters.c */
  _Alignas (ORL_LINE) orl_a64 moves_begun;
  orl_a64 moves_done;
  orl_a64 ended[ORL_NSTATS];
};

#define ORL_PINS 448
#define ORL_WORK 256

/* A pin in a ledger: mode << 30 | (frame + 1); 0 is no pin. */
#define ORL_PIN_FRAME 0x3fffffffu
#define ORL_PIN_PLAIN (0u << 30) /* no latch */
#define ORL_PIN_SHARED (1u << 30)
#define ORL_PIN_EXCL (2u << 30)

/*
 * A thread's ledger, or a process's.  pins: what it has pinned; they hold as long as the
 * ledger's token (in an array of their own, for those who read all) names a
 * living process; 0: the ledger is free.  work: frames that the thread has put, or is about
 * to put, into a state of its own: what a stranger must look at if it dies.
 */
struct orl_ledger {
  _Alignas (ORL_LINE) orl_a32 high; /* pins at or above are unused since claimed */
  orl_a32 work_high;            /* likewise of work */
  orl_a32 part;                 /* partition locked or about to be, + 1 */
  orl_a32 tid;                  /* for people */
  orl_a32 images;               /* before-images that it has; 0: don't search */
  orl_a32 shared;               /* 1: pins of a process, not of a thread */
  orl_a32 locks;                /* ORL_HAS_*: has them or is about to */
  orl_a32 cutting;              /* the file that it cuts or is about to, + 1 */
  orl_a32 repairing;            /* the ledger that it repairs or is about to, + 1 */
  orl_a64 repairer;             /* who repairs this one; lock.h */
  /* counted by all owners since the pool was made; and what of it is not the
   * present owner's (counters.c) */
  _Alignas (ORL_LINE) orl_a64 stat[ORL_NSTATS];
  orl_a64 base[ORL_NSTATS];
  _Alignas (ORL_LINE) orl_a32 work[ORL_WORK]; /* frame + 1 */
  _Alignas (ORL_LINE) orl_a32 pins[ORL_PINS];
};

/* In orl_ledger.locks. */
#define ORL_HAS_FILE_LOCK 1u
#define ORL_HAS_WRITER 2u
#define ORL_HAS_WRITES 4u       /* pages that it has WRITING are with the kernel,
                                   which goes on when it is dead */

#define ORL_PATH_WORDS 25       /* 199 characters and a 0 */

/* Flags beside the errno in orl_frec.io_error. */
#define ORL_IO_LOST 0x10000u    /* dirty pages were lost with their memory */
#define ORL_IO_TOLD 0x20000u    /* and a flush has said so */

#define ORL_FILE_FREE 0u
#define ORL_FILE_USED 1u

/* A file that the pool knows. */
struct orl_frec {
  /* under super.file_lock */
  _Alignas (ORL_LINE) orl_a32 state;
  orl_a32 foreign;
  orl_a64 dev;
  orl_a64 ino;
  orl_a64 birth;                /* ns */
  /* by all who have it open, atomically */
  orl_a32 epoch;                /* pages of other epochs are dead; never reset */
  orl_a32 io_error;             /* errno of a sync that failed; ORL_IO_* */
  orl_a32 indoubt;              /* 1: an engine wants to be asked (indoubt.c) */
  orl_a64 size;                 /* bytes, with what is not yet written */
  orl_a64 dirtied_by;           /* foreign: token of the process whose dirty
                                   pages these are; no other writes them */
  orl_a64 durable;              /* lsn up to which the log is; only grows */
  orl_a32 write_error;          /* errno of a write that failed since a flush
                                   wrote all; 0: none */
  /* a truncation that has been begun; cut.c */
  orl_a32 cutter;               /* owner */
  orl_a64 cut_phase;            /* odd: its length is being changed */
  orl_a64 cut_bytes;
  orl_a64 cut_old;
  orl_a64 cut;                  /* the store counts up to here, + 1; 0: all */
  /* what the pool last made of the store's file (seen.c) */
  orl_a64 begun;                /* changes */
  orl_a64 done;
  orl_a64 seen;                 /* digest of size and times */
  orl_a32 seen_valid;
  /* what is done to its pages (file-hooks.c); under super.file_lock */
  orl_a32 hooked;               /* 1: all pages in the pool went through it */
  orl_a64 hooks;                /* an id; 0: nothing */
  /* how its pages are written (torn.c) */
  orl_a32 torn;                 /* ORIEL_TORN_*; 0: not decided */
  orl_a32 dw_ready;             /* 1: no one is wanted to restore what is torn */
  orl_a32 dw_busy;              /* 1: the batch at dw_at may be half in place */
  orl_a64 dw_holder;            /* token: who has the area */
  orl_a64 dw_lap;
  orl_a64 dw_at;
  orl_a64 dw_dev;               /* of the area */
  orl_a64 dw_ino;
  _Alignas (ORL_LINE) orl_a64 words[16];
  /* for people: counted since the file entered the pool, off the hit path, and
   * a path that led to it; the end of one that is too long */
  _Alignas (ORL_LINE) orl_a64 misses; /* pages */
  orl_a64 readahead;            /* pages */
  orl_a64 writebacks;           /* pages */
  orl_a64 path[ORL_PATH_WORDS];
};

/* Owner: the ledger (index + 1) that changes the partition's buckets. */
struct orl_part {
  _Alignas (ORL_LINE) orl_a32 lock;
};

#define ORL_BUCKET_WORDS 7

/* A line of the page table: (hash's upper half) << 32 | (frame + 1), or 0. */
struct orl_bucket {
  _Alignas (ORL_LINE) orl_a64 word[ORL_BUCKET_WORDS];
  orl_a64 passed;               /* entries that found this bucket full */
};

/* A frame's descriptor; frame.h has the states and who changes what. */
struct orl_frame {
  _Alignas (ORL_LINE) orl_a64 state;
  orl_a64 page;                 /* the key: page number, */
  orl_a64 file;                 /* and epoch << 32 | file index */
  orl_a64 version;              /* odd while latched exclusively */
  orl_a64 lsn;
  orl_a64 end;                  /* under the exclusive latch: what the file's size
                                   is to be when the change is whole; 0: any */
  orl_a32 latch;                /* latch.h */
  /* hints, racy: a lost one costs a worse choice */
  _Atomic uint8_t ref;          /* used since the hand passed */
  _Atomic uint8_t ahead;        /* readahead goes on from here */
  _Atomic uint8_t heat;         /* heat.h */
  _Atomic uint8_t unused;
  orl_a32 since;                /* clock, when its count of uses began */
  orl_a32 seen;                 /* clock, when it was last found to be used */
};

#define ORL_GHOST_WORDS 8
#define ORL_GHOSTS 6            /* words for each frame */

/* Pages that were evicted; ghost.c.  0: none. */
struct orl_ghosts {
  _Alignas (ORL_LINE) orl_a64 word[ORL_GHOST_WORDS];
};

/* A place for a copy of a page that is being changed.  Owner: as everywhere, by
 * CAS from 0; frame + 1 by the owner, when the copy is whole. */
struct orl_image {
  orl_a64 lsn;                  /* with the copy: what the frame had */
  orl_a64 first;
  orl_a32 owner;
  orl_a32 frame;
};

/* This process's view of a pool: set at attach, then constant. */
struct orl_shm {
  struct orl_geometry geo;
  int fd;
  int look;                     /* the file again, without our locks, for what
                                   forked children may have; or -1 */
  int uffd;                     /* touching a hole is a SIGBUS in mappings that
                                   are registered with it; or -1 */
  bool holes;                   /* register slots at each swap */
  bool fence;                   /* pins need a full fence */
  bool handled;                 /* SIGBUS is answered by us */
  uint32_t proc;                /* my place */
  uint64_t token;
  orl_a32 *mine;                /* [ledger]: not 0, this process claimed it */
  unsigned char *map;
  struct orl_super *super;
  struct orl_proc *procs;
  orl_a64 *open_maps;           /* [proc * map_words + file / 64] */
  orl_a64 *tokens;              /* [ledger] */
  struct orl_ledger *ledgers;
  struct orl_frec *files;
  struct orl_part *parts;
  struct orl_bucket *buckets;
  uint64_t last_bucket;         /* how many there are, a power of two, less 1 */
  struct orl_frame *frames;
  orl_a64 *firsts;              /* [frame]: the lsn of its first change that the
                                   store has not; 0: none that has one.  Under
                                   the page's latch, or WRITING (log.h) */
  struct orl_ghosts *ghosts;
  orl_a64 *dirty;               /* a bit for each frame */
  struct orl_image *images;
};

/* How many frames may be taken: for who chooses.  Others go on up to orl_span():
 * those between may still have pages. */
static inline uint32_t
orl_within (const struct orl_shm *shm, uint32_t n)
{
  return n < ORL_MIN_FRAMES       ? ORL_MIN_FRAMES
         : n > shm->geo.nframes ? (uint32_t) shm->geo.nframes
                                : n;
}

static inline uint32_t
orl_frames (const struct orl_shm *shm)
{
  return orl_within (shm, atomic_load_explicit (&shm->super->frames,
                                                memory_order_relaxed));
}

static inline uint32_t
orl_span (const struct orl_shm *shm)
{
  return orl_within (shm, atomic_load_explicit (&shm->super->span,
                                                memory_order_acquire));
}

/* Bytes that n frames' pages have, in whole blocks. */
static inline uint64_t
orl_data_bytes (const struct orl_geometry *geo, uint64_t n)
{
  return ((n << geo->page_shift) + geo->block - 1)
         & ~(uint64_t) (geo->block - 1);
}

/* The same of those that have memory now. */
static inline uint64_t
orl_backed_bytes (const struct orl_shm *shm)
{
  return orl_data_bytes (
      &shm->geo,
      orl_within (shm, atomic_load_explicit (&shm->super->backed,
                                             memory_order_relaxed)));
}

/* The bytes of the tables that n frames want, in ranges that do not overlap. */
#define ORL_RANGES 5

struct orl_range {
  uint64_t from, to;
};

void orl_layout_ranges (const struct orl_geometry *geo, uint64_t n,
                        struct orl_range range[ORL_RANGES]);

/* Pools as large as this have their tables, and the hole behind them, in huge
 * pages where that can be: it is less than a 32nd of the pool. */
#define ORL_TABLES_HUGE_FROM (UINT64_C (64) << 20)

/* Complete a geometry whose chosen fields are set.
 * -ERANGE if a chosen number is out of its range. */
int orl_layout_compute (struct orl_geometry *geo);

/* Write the constant part of a new pool's super block. */
void orl_layout_stamp (struct orl_super *super, const struct orl_geometry *geo,
                       const char *boot_id);

/* Judge a super block read from a file of file_bytes.  0, or -EPROTO and
 * the thread's error text (name: the pool's path). */
int orl_layout_check (const struct orl_super *super, uint64_t file_bytes,
                      const char *name);

/* Set shm's pointers; shm->geo and shm->map are set. */
void orl_layout_bind (struct orl_shm *shm);

/* The kernel's boot id, 36 characters; without /proc that it is not known.
 * -EMFILE and the like, with the text. */
#define ORL_NO_BOOT_ID "unknown"
int orl_layout_boot_id (char id[40]);

#endif /* ORL_LAYOUT_H */
