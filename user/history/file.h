/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - what the files of the history share: history.c takes and looks back,
 * file.c opens and sets aside, schema.c has the tables.
 */
#ifndef TELLTALE_HISTORY_IMPL_H
#define TELLTALE_HISTORY_IMPL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "history/history.h"

/* The last snapshot of a view, as cumulative figures. */
struct last {
	bool known;
	uint64_t start_ns;
	int64_t figures[HISTORY_FIGURES];
};

struct history {
	char path[PATH_MAX]; /* empty: none is wanted, or it is of no use */
	const struct privacy_params *privacy;
	sqlite3 *db;
	sqlite3_stmt *add[2]; /* to minutes, hours */
	sqlite3_stmt *prune[2];
	sqlite3_stmt *set;
	sqlite3_stmt *points[2];
	sqlite3_stmt *since;
	struct last last[HISTORY_VIEWS];
	/* While the file cannot be opened: from where what is counted is to be written then. */
	struct last base[HISTORY_VIEWS];
	int64_t tried_s; /* when it was last tried, in minutes of the clock */
	/* Of the last snapshot, for as many readers as there are. */
	struct history_sum sums[HISTORY_VIEWS][HISTORY_WINDOWS];
	bool summed[HISTORY_VIEWS][HISTORY_WINDOWS];
	int64_t now_s, since_s, pruned_s[HISTORY_VIEWS][2];
	bool failing; /* said once, until a write goes well again */
	struct history_stats stats;
};

/* --- file.c --- */

/* Opens the file, or a new one in the place of one that is of no use, or memory, and reads the last
 * snapshots that are not known yet. 0 or -ENOMEM; the rest is noted. */
int history_file_open(struct history *h);
void history_file_close(struct history *h);
/* What is in memory goes on in the file, if it can be opened by now. */
void history_file_again(struct history *h);
/* Under another name, which replaces what was there; 0 or -errno. */
int history_file_set_aside(struct history *h, bool foreign);
/* Logs it and shows it on the page. */
void history_note(struct history *h, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- schema.c --- */

/* In the file's head: that it is ours, and which layout it has. */
#define HISTORY_APPLICATION 0x74656c6c /* "tell" */
#define HISTORY_LAYOUT      1

enum history_table {
	HISTORY_TABLE_MINUTES,
	HISTORY_TABLE_HOURS,
	HISTORY_TABLE_LAST,
	HISTORY_TABLES
};

extern const char *const history_tables[HISTORY_TABLES];

/* What a row holds beside its key, in the order of the columns: figures, then the variances of
 * noise.h. */
#define HISTORY_COLUMNS (HISTORY_FIGURES + 4)
#define HISTORY_SQL_MAX 8192

/* Makes what is missing, also columns that a newer telltale has. An SQLite result. */
int history_schema_make(sqlite3 *db);

/* Statements, into SQL (HISTORY_SQL_MAX bytes). Their parameters: 1 view, 2 at, then columns. `at`
 * is where the minute or hour begins, in seconds; of the last snapshot, its start in ns. */
void history_sql_add(char *sql, enum history_table table); /* adds to the row, or makes it */
void history_sql_set(char *sql);                           /* replaces the last snapshot */
/* All views' last snapshots: view, at, columns. */
void history_sql_last(char *sql);
/* Parameters: 1 view, 2 first, 3 last, 4 step in seconds. */
void history_sql_points(char *sql, enum history_table table);
/* The earliest row. Parameters: 1 first, 2 last. */
void history_sql_since(char *sql);
/* Parameters: 1 view, 2 rows to keep up to now, and as many after it, 3 now. */
void history_sql_prune(char *sql, enum history_table table);

#endif
