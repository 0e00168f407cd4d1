/* SPDX-License-Identifier: Apache-2.0 */
/* screen.h - `telltale top` on a terminal, by ncurses. */
#ifndef TELLTALE_TOP_SCREEN_H
#define TELLTALE_TOP_SCREEN_H

#include <stdbool.h>

#include "top/data.h"

struct top_choice {
	enum history_window window;
	enum history_view view;
};

/* 0 or -errno, with a sentence in WHY; what it changed of the terminal, top_screen_close undoes. */
int top_screen_open(char *why, size_t why_len);
void top_screen_close(void);
/* LOST: why the figures are old; NULL: they are not. */
void top_screen_draw(const struct top_data *d, struct top_choice choice, const char *lost);
/* Waits TIMEOUT_MS at most for a key. */
enum top_key { TOP_NONE, TOP_QUIT, TOP_CHOSEN, TOP_RESIZED };
enum top_key top_screen_key(struct top_choice *choice, unsigned views, unsigned timeout_ms);

#endif
