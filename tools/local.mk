# SPDX-License-Identifier: BSD-2-Clause
# oriel, the command line.  What is missing it says: --json without Jansson, top
# on a terminal without ncurses, warming databases without SQLite.

if HAVE_ARGP
bin_PROGRAMS += tools/oriel
dist_man_MANS += man/oriel.1
endif

tools_oriel_SOURCES = \
	tools/cmd-check.c \
	tools/cmd-drop.c \
	tools/cmd-ls.c \
	tools/cmd-resize.c \
	tools/cmd-rm.c \
	tools/cmd-stat.c \
	tools/cmd-top.c \
	tools/cmd-warm.c \
	tools/common.c \
	tools/json.c \
	tools/oriel.c \
	tools/tool.h \
	tools/top-screen.c \
	tools/view.c \
	tools/warm-sqlite.c \
	$(NULL)
tools_oriel_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE3_CFLAGS) $(JANSSON_CFLAGS) \
	$(NCURSES_CFLAGS)
tools_oriel_LDADD =
if HAVE_SQLITE3
tools_oriel_LDADD += liboriel_vfs.la $(SQLITE3_LIBS)
endif
tools_oriel_LDADD += liboriel.la $(JANSSON_LIBS) $(NCURSES_LIBS) $(ARGP_LIBS)
