/*
 * plinth.cfg and the load options, parsed. Nothing of UEFI in here: text comes in as bytes and is
 * never trusted. A piece that can't be understood is complained about and skipped.
 *
 * plinth.cfg: one "key = value" a line. Blank lines are ignored, and so is everything from a '#'
 * that stands first or after a blank. A value in double quotes is taken as it is. Lines end with
 * LF or CR LF.
 *
 * Load options: "key=value" words with blanks between; double quotes keep blanks in a value. The
 * first word may be the program's own name.
 *
 * Keys, in any case of letters: serial, baud, log, fatal, next.
 */
#pragma once

#include "hv/boot_info.h"

#define CONFIG_NEXT_MAX 512 /* with the terminating NUL */

struct config {
	struct boot_config kernel;
	char next[CONFIG_NEXT_MAX]; /* path and options of what to start; empty: the next in line */
};

/*
 * Called once for each piece that is skipped: NUMBER of the line or word, counted from 1, the first
 * part of its TEXT with '?' for what can't be printed, and the REASON.
 */
typedef void config_complain_fn(void *ctx, unsigned number, const char *text, const char *reason);

/* COM1 at 115200, log level info, stop when fatal, nothing named as next. */
void config_defaults(struct config *config);

/* What TEXT says replaces what CONFIG has. */
void config_parse_text(struct config *config, const char *text, size_t length,
		       config_complain_fn *complain, void *ctx);

/* OPTIONS ends at its first NUL. */
void config_parse_options(struct config *config, const char *options, config_complain_fn *complain,
			  void *ctx);
