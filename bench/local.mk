# SPDX-License-Identifier: BSD-2-Clause
# oriel-tpcc, and the target "demo" that runs it.

EXTRA_DIST += bench/demo.sh

noinst_PROGRAMS += bench/bench-restart
bench_bench_restart_SOURCES = \
	bench/bench-restart.c \
	bench/figures.c \
	bench/figures.h \
	$(NULL)
bench_bench_restart_LDADD = liboriel.la -lm

# make bench-io BENCHFLAGS='--rounds 9 depth': pages from the disk, beside fio and
# cat; the file that is read is made in /var/tmp
if HAVE_JANSSON
noinst_PROGRAMS += bench/bench-io
bench_bench_io_SOURCES = \
	bench/bench-io.c \
	bench/figures.c \
	bench/figures.h \
	$(NULL)
bench_bench_io_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
bench_bench_io_LDADD = liboriel.la $(JANSSON_LIBS) -lm

bench-io: bench/bench-io$(EXEEXT)
	bench/bench-io$(EXEEXT) $(BENCHFLAGS)
else
EXTRA_DIST += bench/bench-io.c
bench-io:
	@echo 'bench-io needs Jansson (on Debian: libjansson-dev), which' \
	  'configure did not find.' >&2; \
	exit 1
endif

# make bench-restart: kill -9 of all processes of a warm pool, and attach anew
bench-restart: bench/bench-restart$(EXEEXT)
	bench/bench-restart$(EXEEXT) $(BENCHFLAGS)

# make bench-view: a run of pages as one range, beside copies of it
noinst_PROGRAMS += bench/bench-view
bench_bench_view_SOURCES = \
	bench/bench-view.c \
	bench/figures.c \
	bench/figures.h \
	$(NULL)
bench_bench_view_LDADD = liboriel.la -lm
bench-view: bench/bench-view$(EXEEXT)
	bench/bench-view$(EXEEXT) $(BENCHFLAGS)

if HAVE_ARGP
noinst_PROGRAMS += bench/bench-eviction
endif
bench_bench_eviction_SOURCES = \
	bench/bench-eviction.c \
	bench/eviction-links.c \
	bench/eviction-lirs.c \
	bench/eviction-ours.c \
	bench/eviction-policies.c \
	bench/eviction-record.c \
	bench/eviction-traces.c \
	bench/eviction.h \
	bench/figures.c \
	bench/figures.h \
	$(NULL)
bench_bench_eviction_CPPFLAGS = $(AM_CPPFLAGS)
if HAVE_SQLITE3
bench_bench_eviction_CPPFLAGS += -DEVICTION_SQLITE $(SQLITE3_CFLAGS)
bench_bench_eviction_LDADD = liboriel_vfs.la $(SQLITE3_LIBS) $(ARGP_LIBS) -lm
EVICTION_RECORD = $(SHELL) $(top_srcdir)/bench/bench-eviction.sh
EVICTION_DRIVER = bench/oriel-tpcc$(EXEEXT)
else
bench_bench_eviction_LDADD = liboriel.la $(ARGP_LIBS) -lm
EVICTION_RECORD = :
EVICTION_DRIVER =
endif
EXTRA_DIST += bench/bench-eviction.sh

# make bench-eviction: hit ratios of our policy and of others.  Tables on the
# terminal; plots and JSON in bench/out, with the traces that are recorded from
# SQLite, where configure found it.
if HAVE_ARGP
bench-eviction: bench/bench-eviction$(EXEEXT) $(EVICTION_DRIVER)
	$(AM_V_at)$(MKDIR_P) bench/out
	$(EVICTION_RECORD) bench bench/out
	bench/bench-eviction$(EXEEXT) --out bench/out \
	  --json bench/out/eviction.json $(BENCHFLAGS) \
	  `ls bench/out/*.trace 2>/dev/null`
else
bench-eviction:
	@echo '$@ needs argp_parse(), which configure did not find.' >&2; \
	exit 1
endif
CLEANFILES += bench/out/*.trace

EXTRA_DIST += \
	bench/README.md \
	bench/gbench.cc \
	$(NULL)

# make bench-window BENCHFLAGS='--rounds 5 zipf': what windows cost and save.
# Tables on the terminal; plots, and all rounds as JSON, in bench/out.
if HAVE_BENCHMARK
noinst_PROGRAMS += bench/bench-window
bench_bench_window_SOURCES = \
	bench/bench-window-many.c \
	bench/bench-window-memory.c \
	bench/bench-window-swap.c \
	bench/bench-window-vector.c \
	bench/bench-window-zipf.c \
	bench/bench-window.c \
	bench/bench-window.h \
	bench/bench.c \
	bench/bench.h \
	bench/gbench.h \
	$(NULL)
bench_bench_window_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src
bench_bench_window_LDADD = bench/gbench.$(OBJEXT) libcore.la \
	$(BENCHMARK_LIBS) -lm
bench_bench_window_DEPENDENCIES = bench/gbench.$(OBJEXT) libcore.la
# The one C++ file makes it C++ for the linker; Automake does not know of it
# (see CXX in configure.ac).
bench_bench_window_LINK = $(LIBTOOL) $(AM_V_lt) --tag=CC $(AM_LIBTOOLFLAGS) \
	$(LIBTOOLFLAGS) --mode=link $(CXX) $(CXXFLAGS) $(AM_LDFLAGS) \
	$(LDFLAGS) -o $@

# make bench-micro: what a visit of a page in memory costs, beside the lookup
# alone and other caches
noinst_PROGRAMS += bench/bench-micro
bench_bench_micro_SOURCES = \
	bench/bench-micro-oriel.c \
	bench/bench-micro-peers.c \
	bench/bench-micro-vfs.c \
	bench/bench-micro-vmcache.c \
	bench/bench-micro.c \
	bench/bench-micro.h \
	bench/bench.c \
	bench/bench.h \
	bench/gbench.h \
	$(NULL)
bench_bench_micro_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src \
	$(LMDB_CFLAGS)
bench_bench_micro_LDADD = bench/gbench.$(OBJEXT) $(micro_vfs) libcore.la \
	$(LIBDB_LIBS) $(LMDB_LIBS) $(micro_libs) $(BENCHMARK_LIBS) -lm
bench_bench_micro_DEPENDENCIES = bench/gbench.$(OBJEXT) $(micro_vfs) \
	libcore.la
if HAVE_SQLITE3
# The VFS of the tests that look inside: it brings no second library.
bench_bench_micro_CPPFLAGS += -DMICRO_SQLITE $(SQLITE3_CFLAGS)
micro_vfs = tests/libvfs.a
micro_libs = $(SQLITE3_LIBS) -ldl
endif
bench_bench_micro_LINK = $(bench_bench_window_LINK)

bench-micro: bench/bench-micro$(EXEEXT)
	$(AM_V_at)$(MKDIR_P) bench/out
	bench/bench-micro$(EXEEXT) --out bench/out \
	  --json bench/out/micro.json $(BENCHFLAGS)

# make bench-checkpoint: what pins cost while a checkpoint writes half the pool
noinst_PROGRAMS += bench/bench-checkpoint
bench_bench_checkpoint_SOURCES = \
	bench/bench-checkpoint.c \
	bench/bench.c \
	bench/bench.h \
	bench/figures.c \
	bench/figures.h \
	bench/gbench.h \
	$(NULL)
bench_bench_checkpoint_CPPFLAGS = $(AM_CPPFLAGS)
bench_bench_checkpoint_LDADD = bench/gbench.$(OBJEXT) liboriel.la \
	$(BENCHMARK_LIBS) -lm
bench_bench_checkpoint_DEPENDENCIES = bench/gbench.$(OBJEXT) liboriel.la
bench_bench_checkpoint_LINK = $(bench_bench_window_LINK)

bench-checkpoint: bench/bench-checkpoint$(EXEEXT)
	bench/bench-checkpoint$(EXEEXT) $(BENCHFLAGS)

bench/gbench.$(OBJEXT): bench/gbench.cc bench/gbench.h bench/$(am__dirstamp)
	$(AM_V_GEN)$(CXX) $(BENCHMARK_CFLAGS) $(CPPFLAGS) \
	  -std=gnu++14 $(CXXFLAGS) -c -o $@ $(srcdir)/bench/gbench.cc

bench-window: bench/bench-window$(EXEEXT)
	$(AM_V_at)$(MKDIR_P) bench/out
	bench/bench-window$(EXEEXT) --out bench/out \
	  --json bench/out/window.json $(BENCHFLAGS)

CLEANFILES += bench/gbench.$(OBJEXT) bench/out/*.gp bench/out/*.json \
	bench/out/*.svg
else
bench-checkpoint bench-micro bench-window:
	@echo '$@ needs Google Benchmark (on Debian: libbenchmark-dev)' \
	  'and a C++ compiler, which configure did not find.' >&2; \
	exit 1
endif

if HAVE_SQL_BENCH
# What the benchmarks on SQLite share.
sql_sources = \
	bench/figures.c \
	bench/figures.h \
	bench/sql-actions.c \
	bench/sql-base.c \
	bench/sql-base.h \
	bench/sql-cgroup.c \
	bench/sql-check.c \
	bench/sql-db.c \
	bench/sql-fail.c \
	bench/sql-family.c \
	bench/sql-figures.c \
	bench/sql-files.c \
	bench/sql-hist.c \
	bench/sql-json.c \
	bench/sql-load.c \
	bench/sql-main.c \
	bench/sql-observe.c \
	bench/sql-options.c \
	bench/sql-options.h \
	bench/sql-proc.c \
	bench/sql-progress.c \
	bench/sql-random.c \
	bench/sql-report.c \
	bench/sql-run.c \
	bench/sql-worker.c \
	bench/sql.h \
	$(NULL)

# bench-sqlite has all of oriel-tpcc but its main file.
tpcc_sources = \
	bench/tpcc-driver.c \
	bench/tpcc-load.c \
	bench/tpcc-options.c \
	bench/tpcc-random.c \
	bench/tpcc-schema.c \
	bench/tpcc-terminal.c \
	bench/tpcc-txn-delivery.c \
	bench/tpcc-txn-new-order.c \
	bench/tpcc-txn-order-status.c \
	bench/tpcc-txn-payment.c \
	bench/tpcc-txn-stock-level.c \
	bench/tpcc-txn.c \
	bench/tpcc.h \
	$(sql_sources)

bin_PROGRAMS += bench/oriel-tpcc
bench_oriel_tpcc_SOURCES = bench/tpcc-main.c $(tpcc_sources)
bench_oriel_tpcc_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE3_CFLAGS)
bench_oriel_tpcc_LDADD = liboriel_vfs.la $(SQLITE3_LIBS) $(ARGP_LIBS) -lm

dist_man_MANS += man/oriel-tpcc.1

noinst_PROGRAMS += bench/bench-sqlite
bench_bench_sqlite_SOURCES = \
	bench/bench-sqlite-report.c \
	bench/bench-sqlite-run.c \
	bench/bench-sqlite-tests.c \
	bench/bench-sqlite-tpcc.c \
	bench/bench-sqlite.c \
	bench/bench-sqlite.h \
	$(tpcc_sources)
bench_bench_sqlite_CPPFLAGS = $(bench_oriel_tpcc_CPPFLAGS)
bench_bench_sqlite_LDADD = $(bench_oriel_tpcc_LDADD) -lm

# make bench-sqlite BENCHFLAGS='--quick --cases point': our VFS against stock.
# A table of ratios on the terminal; plot, and all rounds as JSON, in bench/out.
bench-sqlite: bench/bench-sqlite$(EXEEXT)
	$(AM_V_at)$(MKDIR_P) bench/out
	bench/bench-sqlite$(EXEEXT) --out bench/out $(BENCHFLAGS)

# make bench-tpcb BENCHFLAGS='--rounds 5 --branches 10': TPC-B on SQLite, our VFS
# and stock in turns; all rounds as JSON in bench/out.
noinst_PROGRAMS += bench/bench-tpcb
bench_bench_tpcb_SOURCES = bench/bench-tpcb.c $(sql_sources)
bench_bench_tpcb_CPPFLAGS = $(bench_oriel_tpcc_CPPFLAGS)
bench_bench_tpcb_LDADD = $(bench_oriel_tpcc_LDADD)

bench-tpcb: bench/bench-tpcb$(EXEEXT)
	$(AM_V_at)$(MKDIR_P) bench/out
	bench/bench-tpcb$(EXEEXT) --json=bench/out/tpcb.json $(BENCHFLAGS)

# make bench-tpch BENCHFLAGS='--scale 0.1': scans and joins after TPC-H, likewise
noinst_PROGRAMS += bench/bench-tpch
bench_bench_tpch_SOURCES = \
	bench/bench-tpch.c \
	bench/tpch-answers.c \
	bench/tpch-load.c \
	bench/tpch-queries.c \
	bench/tpch.h \
	$(sql_sources)
bench_bench_tpch_CPPFLAGS = $(bench_oriel_tpcc_CPPFLAGS)
bench_bench_tpch_LDADD = $(bench_oriel_tpcc_LDADD)

bench-tpch: bench/bench-tpch$(EXEEXT)
	$(AM_V_at)$(MKDIR_P) bench/out
	bench/bench-tpch$(EXEEXT) --json=bench/out/tpch.json $(BENCHFLAGS)

# make demo DEMOFLAGS='--seconds 5 --backend mmap'
demo: bench/oriel-tpcc$(EXEEXT)
	ORIEL_TPCC='$(top_builddir)/bench/oriel-tpcc$(EXEEXT)' \
	    $(SHELL) $(top_srcdir)/bench/demo.sh $(DEMOFLAGS)
else
bench-sqlite bench-tpcb bench-tpch demo:
	@echo '$@ needs SQLite and argp_parse(), of which configure missed one.' \
	  >&2; \
	exit 1
endif

# make bench-kv BENCHFLAGS='--only larger --rounds 3': examples/kv beside LMDB and
# Berkeley DB, where configure found them; tables on the terminal, all rounds as
# JSON in bench/out.  It has the memory cgroups and the histogram of sql-base.h.
bench_kv_sources = \
	bench/bench-kv-peers.c \
	bench/bench-kv-run.c \
	bench/bench-kv.c \
	bench/bench-kv.h \
	$(NULL)
EXTRA_DIST += $(bench_kv_sources)
if HAVE_XXHASH
if HAVE_BENCHMARK
noinst_PROGRAMS += bench/bench-kv
bench_bench_kv_SOURCES = $(bench_kv_sources) \
	bench/bench.c \
	bench/bench.h \
	bench/figures.c \
	bench/figures.h \
	bench/gbench.h \
	bench/sql-base.c \
	bench/sql-base.h \
	bench/sql-cgroup.c \
	bench/sql-hist.c \
	$(NULL)
bench_bench_kv_CPPFLAGS = $(AM_CPPFLAGS) $(LMDB_CFLAGS)
bench_bench_kv_LDADD = bench/gbench.$(OBJEXT) examples/libkv.a liboriel.la \
	$(LIBDB_LIBS) $(LMDB_LIBS) $(BENCHMARK_LIBS) -lm
bench_bench_kv_DEPENDENCIES = bench/gbench.$(OBJEXT) examples/libkv.a \
	liboriel.la
bench_bench_kv_LINK = $(bench_bench_window_LINK)
BENCH_KV = bench/bench-kv$(EXEEXT)
endif
endif

bench-kv: $(BENCH_KV)
	@test -n '$(BENCH_KV)' || { \
	  echo 'bench-kv needs xxHash and Google Benchmark (on Debian:' \
	    'libxxhash-dev, libbenchmark-dev), of which configure missed one.' \
	    >&2; exit 1; }
	$(AM_V_at)$(MKDIR_P) bench/out
	$(BENCH_KV) --json bench/out/kv.json $(BENCHFLAGS)

# make bench: a fair subset of all of these, in less than 20 minutes, and a report
# of it, bench/report.html, with its figures in bench/report.json.
#   make bench PARTS='io kv'      only these, and what was run before
#   make bench NOTE='others ...'  shown at the top
#   make bench ROUNDS=1           a trial, of figures not to be quoted; also of bench-full
# make bench-full: all of them, in an hour or more.  make bench-report: the report of
# what was run before.  make bench-pictures: the report's main plots into
# bench/plots and its figures into README.md, both in the source tree.
# make bench-agree WITH=that/report.json: which figures of that one and of this lie
# apart by more than the spread of their rounds.
REPORT = $(PYTHON) -B $(srcdir)/bench/report.py
# A note may have apostrophes, and so may flags.
REPORT_FLAGS = --source '$(srcdir)' --gnuplot '$(GNUPLOT)' \
	--compiler '$(subst ','\'',$(CC) $(CFLAGS))' \
	--note '$(subst ','\'',$(NOTE))'
PARTS =
NOTE =
ROUNDS =
WITH =

bench bench-full: all
	@test -n '$(PYTHON)' || { echo 'make $@ needs python3, which configure' \
	  'did not find.' >&2; exit 1; }
	@$(MKDIR_P) bench/out/report
	@f=; test $@ = bench || f=--full; \
	  exec $(REPORT) run $$f $(ROUNDS:%=--rounds=%) $(REPORT_FLAGS) $(PARTS)

bench-report:
	@test -n '$(PYTHON)' || { echo 'make $@ needs python3.' >&2; exit 1; }
	@$(MKDIR_P) bench/out/report
	@$(REPORT) write $(REPORT_FLAGS)

bench-pictures:
	@test -n '$(PYTHON)' || { echo 'make $@ needs python3.' >&2; exit 1; }
	@$(REPORT) pictures $(REPORT_FLAGS)

bench-agree:
	@test -n '$(PYTHON)' || { echo 'make $@ needs python3.' >&2; exit 1; }
	@test -n '$(WITH)' || { echo 'make $@ needs WITH=another/report.json.' \
	  >&2; exit 1; }
	@$(REPORT) agree '$(WITH)'

clean-local:
	rm -rf bench/out bench/report.html bench/report.json doc/html
	-rmdir doc 2>/dev/null

EXTRA_DIST += \
	bench/report.py \
	bench/report_agree.py \
	bench/report_machine.py \
	bench/report_page.py \
	bench/report_plot.py \
	bench/report_read.py \
	bench/report_readme.py \
	bench/report_run.py \
	bench/plots \
	$(NULL)
