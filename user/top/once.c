/* SPDX-License-Identifier: Apache-2.0 */
#include "top/once.h"

#include <math.h>
#include <stdio.h>

#include "base/escape.h"
#include "top/format.h"

#define SURE  2 /* standard deviations */
#define SCALE 10000.0
#define WIDTH 22

/* A column that ends with the text; "±" takes two bytes and one column. */
static void put(const char *text, int width)
{
	int columns = 0;

	for (const char *c = text; *c; c++)
		columns += (*c & 0xc0) != 0x80;
	printf(" %*s%s", columns < width ? width - columns : 0, "", text);
}

static void put_window(const char *name, const struct top_sum *w)
{
	double each = w->transactions > 0 ? (double)w->value / SCALE / (double)w->transactions : 0;
	double part = w->value > 0 ? SURE * w->value_sd / (double)w->value : 0;
	char text[96];

	if (w->transactions > 0)
		part = hypot(part, SURE * w->transactions_sd / (double)w->transactions);
	printf("%-9s", name);
	put(top_figure((double)w->transactions, SURE * w->transactions_sd, "", 0, "±", text,
		       sizeof(text)),
	    WIDTH);
	put(top_figure((double)w->value / SCALE, SURE * w->value_sd / SCALE, "$", 2, "±", text,
		       sizeof(text)),
	    WIDTH);
	put(w->transactions > 0 ? top_figure(each, each * part, "$", 2, "±", text, sizeof(text))
				: "-",
	    WIDTH);
	putchar('\n');
}

static void put_condition(const struct top_condition *c)
{
	char text[2048];

	escape_text(c->text, text, sizeof(text));
	printf("%-9s %-8s %s", c->part, condition_states[c->state], text);
	if (c->fix[0]) {
		escape_text(c->fix, text, sizeof(text));
		printf("; %s", text);
	}
	putchar('\n');
}

void top_once_print(const struct top_data *d)
{
	char instance[512];

	escape_text(d->instance, instance, sizeof(instance));
	printf("%s, %s, noise: %s%s%s\n", instance, d->network, d->mechanism,
	       d->epsilon[0] ? ", epsilon " : "", d->epsilon);
	for (size_t i = 0; i < d->conditions_len; i++)
		put_condition(&d->conditions[i]);
	printf("%-9s", "last");
	put("transactions", WIDTH);
	put("value", WIDTH);
	put("average", WIDTH);
	putchar('\n');
	for (int i = 0; i < HISTORY_WINDOWS; i++)
		put_window(history_windows[i].name, &d->windows[i]);
}
