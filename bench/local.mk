# SPDX-License-Identifier: BSD-2-Clause
# oriel-tpcc, and the target "demo" that runs it.

EXTRA_DIST += bench/demo.sh

noinst_PROGRAMS += bench/bench-pin
bench_bench_pin_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/src
bench_bench_pin_LDADD = libcore.la

# make bench-pin: what a pin costs, beside the lookup alone
bench-pin: bench/bench-pin$(EXEEXT)
	bench/bench-pin$(EXEEXT)

noinst_PROGRAMS += bench/bench-restart

# make bench-restart: kill -9 of all processes of a warm pool, and attach anew
bench-restart: bench/bench-restart$(EXEEXT)
	bench/bench-restart$(EXEEXT)

if HAVE_SQLITE3
bin_PROGRAMS += bench/oriel-tpcc
bench_oriel_tpcc_SOURCES = \
	bench/tpcc-cgroup.c \
	bench/tpcc-check.c \
	bench/tpcc-db.c \
	bench/tpcc-files.c \
	bench/tpcc-hist.c \
	bench/tpcc-json.c \
	bench/tpcc-load.c \
	bench/tpcc-main.c \
	bench/tpcc-observe.c \
	bench/tpcc-options.c \
	bench/tpcc-proc.c \
	bench/tpcc-progress.c \
	bench/tpcc-random.c \
	bench/tpcc-report.c \
	bench/tpcc-run.c \
	bench/tpcc-schema.c \
	bench/tpcc-terminal.c \
	bench/tpcc-txn-delivery.c \
	bench/tpcc-txn-new-order.c \
	bench/tpcc-txn-order-status.c \
	bench/tpcc-txn-payment.c \
	bench/tpcc-txn-stock-level.c \
	bench/tpcc-txn.c \
	bench/tpcc.h \
	$(NULL)
bench_oriel_tpcc_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE3_CFLAGS) $(JANSSON_CFLAGS)
bench_oriel_tpcc_LDADD = liboriel_vfs.la $(SQLITE3_LIBS) $(JANSSON_LIBS)

dist_man_MANS += man/oriel-tpcc.1

# make demo DEMOFLAGS='--seconds 5 --backend mmap'
demo: bench/oriel-tpcc$(EXEEXT)
	ORIEL_TPCC='$(top_builddir)/bench/oriel-tpcc$(EXEEXT)' \
	    $(SHELL) $(top_srcdir)/bench/demo.sh $(DEMOFLAGS)
else
demo:
	@echo 'The demo needs SQLite, which configure did not find.' >&2; \
	exit 1
endif
