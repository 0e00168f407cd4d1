/* SPDX-License-Identifier: Apache-2.0 */
/* screen.h - draws `telltale top` on a terminal, with ncurses. */
#ifndef TELLTALE_TOP_SCREEN_H
#define TELLTALE_TOP_SCREEN_H

#include <stdbool.h>

#include "top/data.h"

struct top_choice {
	enum history_window window;
	enum history_view view;
	bool peers; /* in place of what stands below the windows */
};

/* 0 or -errno, with a sentence in WHY. top_screen_close undoes all changes to the terminal. */
int top_screen_open(char *why, size_t why_len);
void top_screen_close(void);
/* Draws D. LOST says why the figures are old; NULL: they are current. */
void top_screen_draw(const struct top_data *d, struct top_choice choice, const char *lost);
/* Waits TIMEOUT_MS at most for a key; a key that chooses what is shown changes *CHOICE. */
enum top_key { TOP_NONE, TOP_QUIT, TOP_CHOSEN, TOP_RESIZED };
enum top_key top_screen_key(struct top_choice *choice, unsigned views, unsigned timeout_ms);

#endif
