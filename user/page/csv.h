/* SPDX-License-Identifier: Apache-2.0 */
/* csv.h - the points of a window's charts as CSV, for spreadsheets. */
#ifndef TELLTALE_PAGE_CSV_H
#define TELLTALE_PAGE_CSV_H

#include "page/json.h"

/*
 * A line of names, and a line for each step in which something was measured, oldest first. Times
 * are in UTC (ISO 8601), values in the base currency; an error is that of 95 in 100, 0 for exact
 * figures. Lines end as RFC 4180 wants it. malloc'ed; NULL when memory is short or the history
 * cannot be read.
 */
char *csv_history(const struct page_facts *f, enum history_window window, enum history_view view);

#endif
