# SPDX-License-Identifier: BSD-2-Clause
# The core.  A new file gets a line here and one in layers.txt.

core_sources = \
	src/api-file.c \
	src/api-page.c \
	src/api.c \
	src/api.h \
	src/attach.c \
	src/attach.h \
	src/check-pages.c \
	src/check.c \
	src/check.h \
	src/checkpoint.c \
	src/checkpoint.h \
	src/copy.c \
	src/copy.h \
	src/counters.c \
	src/counters.h \
	src/cut.c \
	src/cut.h \
	src/doubt.c \
	src/doubt.h \
	src/double-write.c \
	src/double-write.h \
	src/error.c \
	src/error.h \
	src/evict.c \
	src/evict.h \
	src/fault-child.c \
	src/fault-child.h \
	src/fault-handle.c \
	src/fault-handle.h \
	src/fault-name.c \
	src/fault-name.h \
	src/fault.c \
	src/fault.h \
	src/file-hooks.c \
	src/file-options.c \
	src/file-record.c \
	src/file-record.h \
	src/file.c \
	src/file.h \
	src/flush-chunk.c \
	src/flush-chunk.h \
	src/flush-ring.c \
	src/flush-ring.h \
	src/flush.c \
	src/flush.h \
	src/frame.c \
	src/frame.h \
	src/ghost.c \
	src/ghost.h \
	src/guard.c \
	src/guard.h \
	src/heat.c \
	src/heat.h \
	src/holes.c \
	src/holes.h \
	src/hooks.c \
	src/hooks.h \
	src/image.c \
	src/image.h \
	src/indoubt.c \
	src/indoubt.h \
	src/inspect-pages.c \
	src/inspect.c \
	src/inspect.h \
	src/io.c \
	src/io.h \
	src/latch.c \
	src/latch.h \
	src/layout.c \
	src/layout.h \
	src/ledger.c \
	src/ledger.h \
	src/load-async.c \
	src/load-async.h \
	src/load-room.c \
	src/load-room.h \
	src/load-run.c \
	src/load-run.h \
	src/load-wait.c \
	src/load.c \
	src/load.h \
	src/lock.c \
	src/lock.h \
	src/log.c \
	src/log.h \
	src/lost-copy.c \
	src/lost.c \
	src/lost.h \
	src/mapping.c \
	src/mapping.h \
	src/options.c \
	src/options.h \
	src/pin-hit.h \
	src/pin-hold.c \
	src/pin-latch.c \
	src/pin-many.c \
	src/pin.c \
	src/pin.h \
	src/point.c \
	src/point.h \
	src/pool.c \
	src/pool.h \
	src/poolfile.c \
	src/poolfile.h \
	src/proc.c \
	src/proc.h \
	src/recover.c \
	src/recover.h \
	src/resize.c \
	src/resize.h \
	src/seen.c \
	src/seen.h \
	src/size.c \
	src/size.h \
	src/stats.c \
	src/stats.h \
	src/store-pmem.c \
	src/store-posix.c \
	src/store-uring.c \
	src/store.h \
	src/stream.c \
	src/stream.h \
	src/sync.c \
	src/sync.h \
	src/sys-lock.c \
	src/sys-lock.h \
	src/sys-uring.c \
	src/sys-uring.h \
	src/sys.c \
	src/sys.h \
	src/table.c \
	src/table.h \
	src/thread.c \
	src/thread.h \
	src/torn-area.c \
	src/torn-area.h \
	src/torn.c \
	src/torn.h \
	src/trace.c \
	src/trace.h \
	src/uring.c \
	src/uring.h \
	src/view.c \
	src/view.h \
	src/window-cost.c \
	src/window-grant.c \
	src/window-grant.h \
	src/window-huge.c \
	src/window-linear.c \
	src/window-mmap.c \
	src/window-remap.c \
	src/window-residency.c \
	src/window-setup.c \
	src/window-setup.h \
	src/window-show.c \
	src/window-trim.c \
	src/window-view.c \
	src/window-view.h \
	src/window.c \
	src/window.h \
	src/writeback.c \
	src/writeback.h \
	$(NULL)

# All objects once, for liboriel, for the VFS module and for tests that look
# inside.
noinst_LTLIBRARIES += libcore.la
libcore_la_SOURCES = $(core_sources)
core_libs = $(LIBURING_LIBS) $(LIBPMEM_LIBS)
libcore_la_LIBADD = $(core_libs)

lib_LTLIBRARIES += liboriel.la
liboriel_la_SOURCES =
liboriel_la_LIBADD = libcore.la
liboriel_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info 0:0:0
EXTRA_liboriel_la_DEPENDENCIES =
if HAVE_VERSION_SCRIPT
liboriel_la_LDFLAGS += -Wl,--version-script=$(srcdir)/src/liboriel.map
EXTRA_liboriel_la_DEPENDENCIES += src/liboriel.map
endif

EXTRA_DIST += \
	src/README.md \
	src/layers.txt \
	src/liboriel.map \
	$(NULL)
