/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-kv.h - shared by the parts of bench-kv
 *
 * The parent forks processes that open a store, each with some threads, and
 * never opens one itself.  What it and they say to each other is in struct board,
 * shared memory.  Stores of each engine are loaded once, with the same keys and
 * values in the same order, and used in every round.
 */
#ifndef BENCH_KV_H
#define BENCH_KV_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "bench.h"
#include "sql-base.h"

#define MAX_PROCESSES 8
#define MAX_THREADS 8
#define KEY 16                  /* bytes of each key */
#define MAX_VALUE 1000

/* A store's content. */
struct dataset {
  const char *name;
  uint32_t records;
  uint32_t value;               /* bytes of each */
};

/* What an engine needs to know to open a store. */
struct place {
  char path[300];               /* a directory of its own */
  uint64_t cache;               /* bytes that it may use for pages */
  uint32_t page;                /* bytes of a page */
  uint64_t map;                 /* that the store may grow to */
  bool tight;                   /* memory has room for little besides */
  bool durable;                 /* a put returns when it is */
  bool warm;                    /* read all of it first */
};

/* Every call ends the program if it fails but for what it may return. */
struct engine {
  const char *name;
  const char *file;             /* directory; engines may have one in common */
  /* In each process; then in each of its threads. */
  void *(*open) (const struct place *place);
  void *(*begin) (void *store);
  void (*end) (void *session);
  void (*close) (void *store);
  /* Copies the value. */
  bool (*get) (void *session, const void *key, void *value);
  void (*put) (void *session, const void *key, const void *value,
               size_t length);
  /* Copies at most n values from key on. */
  unsigned (*scan) (void *session, const void *key, unsigned n, void *value);
  /* n keys and values, in as few transactions as it likes. */
  void (*load) (void *store, uint32_t n,
                void (*record) (uint32_t i, char key[KEY], char *value),
                size_t length);
};

extern const struct engine oriel_engine, lmdb_engine, lmdb_random_engine,
    bdb_engine;

/* In hundredths; the rest are reads. */
struct mix {
  unsigned update, insert, scan, modify;
  bool latest;                  /* reads what was inserted last */
};

struct work {
  const char *name;
  const struct dataset *data;
  struct mix mix;
  int processes, threads;       /* threads in each */
  bool zipf;
  bool durable;
  bool larger;                  /* than memory, four times */
  uint32_t page;                /* bytes of our pages */
  double lmdb, bdb;             /* ratios that are wanted; 0: none */
  const char *what;
};

/* Of one process. */
struct report {
  _Atomic int state;            /* 0, 1 ready, 2 done */
  sem_t stage;                  /* go or stop has changed */
  struct hist hist;
  uint64_t cpu_ns;
  uint64_t read_bytes, write_bytes; /* of the block device */
  uint64_t pss, page_tables;
};

struct board {
  _Atomic int go, stop;
  _Atomic uint32_t next[4];     /* by engine: the number of the next insert */
  struct report report[MAX_PROCESSES];
};

struct outcome {
  double rate;                  /* operations a second */
  double cpu_us;                /* of all processes, per operation */
  double us[4];                 /* p50, p95, p99, p99.9 */
  double read_bytes, write_bytes; /* per operation */
  double pss, page_tables;      /* bytes, of all processes */
};

struct setup {
  const struct work *work;
  const struct engine *engine;
  int number;                   /* of the engine */
  struct place place;
  uint64_t memory;              /* of the cgroup; 0: not bounded */
  double warm, seconds;
  uint64_t seed;                /* of the round */
};

/* bench-kv-run.c */
extern struct board *board;
void key_of (uint32_t number, char key[KEY]);
/* The least bytes for each zipf read of such data that a cache of so much memory
 * reads in the long run, if it does not know the future: in such pages, with the
 * keys in order, or where one has room for nothing but a value, of values. */
double least_read (const struct dataset *data, uint64_t memory, uint32_t page);
/* A directory and what is in it. */
void remove_all (const char *path);
/* What engines have in memory, of this process's children. */
void remove_caches (void);
/* Make and fill the store, unless it is there. */
void load_store (const struct setup *setup);
/* False: a process of it ended, as stderr says. */
bool run_work (const struct setup *setup, struct outcome *outcome);

#endif /* BENCH_KV_H */
