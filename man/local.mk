# SPDX-License-Identifier: BSD-2-Clause
# Manual pages, sorted, one a line; a page whose first line is .so stands for
# the one that it names.

dist_man_MANS += \
	man/oriel.7 \
	man/oriel_alive.3 \
	man/oriel_backend_name.3 \
	man/oriel_checkpoint.3 \
	man/oriel_copy.3 \
	man/oriel_dirty.3 \
	man/oriel_error.3 \
	man/oriel_file_abandon.3 \
	man/oriel_file_close.3 \
	man/oriel_file_drop.3 \
	man/oriel_file_drop_dirty.3 \
	man/oriel_file_drop_pages.3 \
	man/oriel_file_durable.3 \
	man/oriel_file_durable_lsn.3 \
	man/oriel_file_fd.3 \
	man/oriel_file_hooks.3 \
	man/oriel_file_on_flush_log.3 \
	man/oriel_file_on_indoubt.3 \
	man/oriel_file_open.3 \
	man/oriel_file_open_with.3 \
	man/oriel_file_options_init.3 \
	man/oriel_file_options_set.3 \
	man/oriel_file_pages.3 \
	man/oriel_file_refresh.3 \
	man/oriel_file_size.3 \
	man/oriel_file_stable.3 \
	man/oriel_file_store.3 \
	man/oriel_file_torn.3 \
	man/oriel_file_truncate.3 \
	man/oriel_file_words.3 \
	man/oriel_flush.3 \
	man/oriel_options_init.3 \
	man/oriel_options_set.3 \
	man/oriel_pin.3 \
	man/oriel_pin_hint.3 \
	man/oriel_pin_holds.3 \
	man/oriel_pin_many.3 \
	man/oriel_pin_move.3 \
	man/oriel_pool_check.3 \
	man/oriel_pool_close.3 \
	man/oriel_pool_destroy.3 \
	man/oriel_pool_evict.3 \
	man/oriel_pool_files.3 \
	man/oriel_pool_frames.3 \
	man/oriel_pool_list.3 \
	man/oriel_pool_open.3 \
	man/oriel_pool_page_size.3 \
	man/oriel_pool_processes.3 \
	man/oriel_pool_resize.3 \
	man/oriel_pool_stats.3 \
	man/oriel_pool_trace.3 \
	man/oriel_prefetch.3 \
	man/oriel_prefetch_many.3 \
	man/oriel_read.3 \
	man/oriel_read_begin.3 \
	man/oriel_read_validate.3 \
	man/oriel_self.3 \
	man/oriel_store_name.3 \
	man/oriel_sync.3 \
	man/oriel_torn_name.3 \
	man/oriel_unpin.3 \
	man/oriel_version.3 \
	man/oriel_vfs.7 \
	man/oriel_vfs_register.3 \
	man/oriel_view.3 \
	man/oriel_view_dirty.3 \
	man/oriel_view_end.3 \
	man/oriel_window_trim.3 \
	man/oriel_write.3 \
	man/oriel_writeback.3 \
	$(NULL)

# make html: these and README.md as HTML, in doc/html of the build directory
html-local:
	$(AM_V_GEN)$(SHELL) $(srcdir)/man/html.sh $(srcdir) doc/html $(dist_man_MANS)

EXTRA_DIST += \
	man/html.sh \
	man/manual.css \
	$(NULL)
