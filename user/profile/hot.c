/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/hot.h"

#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "profile/flame.h"

#define SHOWN     10
#define SHOWN_ALL 200 /* in JSON */
#define LABEL     60  /* with the numbers before it, the line has 80 columns */

static double percent_of(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* The last two parts of a path. */
static const char *tail_of(const char *path)
{
	const char *tail = path + strlen(path);
	int slashes = 0;

	while (tail > path) {
		if (tail[-1] == '/' && ++slashes == 2)
			break;
		tail--;
	}
	return tail;
}

/* LINE is of the function, or of a place in it. */
static void label_of(const struct stacks_name *name, unsigned line, char *label, size_t len)
{
	if (!name->file || name->function[0] == '[')
		snprintf(label, len, "%s", name->function);
	else if (name->kind != STACKS_OF_SCRIPT)
		snprintf(label, len, "%s [%s]", name->function, name->file);
	else if (line)
		snprintf(label, len, "%s %s:%u", name->function, tail_of(name->file), line);
	else
		snprintf(label, len, "%s %s", name->function, tail_of(name->file));
}

static void print_functions(const struct held *held, FILE *out)
{
	struct flame_top top[SHOWN];
	int n = flame_functions(held, top, SHOWN);
	char label[512];

	fputs("\n      itself   with callees\n", out);
	for (int i = 0; i < n; i++) {
		label_of(&top[i].name, top[i].name.begins, label, sizeof(label));
		fprintf(out, "  %6.1f %%  %6.1f %%  %.*s\n", percent_of(top[i].self_ns, held->ns),
			percent_of(top[i].ns, held->ns), LABEL - 4, label);
	}
}

static void print_lines(const struct held *held, FILE *out)
{
	struct flame_top top[SHOWN];
	int n = flame_lines(held, top, SHOWN);
	char label[512];

	if (n > 0)
		fputs("\n  of lines of JavaScript, with the native code that they call\n", out);
	for (int i = 0; i < n; i++) {
		label_of(&top[i].name, top[i].name.line, label, sizeof(label));
		fprintf(out, "  %6.1f %%  %.*s\n", percent_of(top[i].self_ns, held->ns), LABEL,
			label);
	}
}

/* What the reader must know of how sure it is. */
static void print_notes(const struct hot *h, FILE *out)
{
	if (h->dropped)
		fprintf(out, "  %" PRIu64 " samples found no room and are missing\n", h->dropped);
	if (h->cut)
		fprintf(out,
			"  %" PRIu64
			" stacks are so deep that their outermost frames are missing\n",
			h->cut);
	if (h->unwatched)
		fprintf(out, "  %zu threads or processes could not be watched\n", h->unwatched);
	if (h->unnamed)
		fprintf(out, "  %.1f %% of the frames of JavaScript have no name\n",
			percent_of(h->unnamed, h->scripts));
	if (h->unknown[0])
		fprintf(out, "  JavaScript of %s has no names: known are Node.js 20, 22 and 24\n",
			h->unknown);
	if (h->samples)
		fprintf(out, "  %u samples in a second of CPU time; each took %.1f us of it\n",
			h->hz, (double)h->cost_ns / (double)h->samples / 1000);
}

void hot_print(const struct hot *h, FILE *out)
{
	if (h->no_stacks)
		fprintf(out, "\nNo stacks: %s\n", h->no_stacks);
	if (!h->held)
		return;
	fprintf(out, "\nOn a CPU while a packet was in hand: %.3f ms (%" PRIu64 " sample%s)\n",
		(double)h->held->ns / NS_PER_MS, h->held->samples,
		h->held->samples == 1 ? "" : "s");
	if (h->held->samples) {
		print_functions(h->held, out);
		print_lines(h->held, out);
	}
	fputc('\n', out);
	print_notes(h, out);
}

/* --- for programs ------------------------------------------------------------------------------
 */

static struct json_object *top_json(const struct flame_top *top, unsigned line)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "function", json_object_new_string(top->name.function));
	json_object_object_add(o, "kind", json_object_new_string(stacks_kinds[top->name.kind]));
	json_object_object_add(o, "file",
			       top->name.file ? json_object_new_string(top->name.file) : NULL);
	json_object_object_add(o, "line", line ? json_object_new_int64(line) : NULL);
	json_object_object_add(o, "self_ns", json_object_new_int64((int64_t)top->self_ns));
	if (top->ns)
		json_object_object_add(o, "ns", json_object_new_int64((int64_t)top->ns));
	return o;
}

static struct json_object *tops_json(const struct held *held, bool lines)
{
	struct json_object *list = json_object_new_array();
	static struct flame_top top[SHOWN_ALL];
	int n = lines ? flame_lines(held, top, SHOWN_ALL) : flame_functions(held, top, SHOWN_ALL);

	for (int i = 0; i < n; i++)
		json_object_array_add(
			list, top_json(&top[i], lines ? top[i].name.line : top[i].name.begins));
	return list;
}

static void put(struct json_object *to, const char *key, uint64_t value)
{
	json_object_object_add(to, key, json_object_new_int64((int64_t)value));
}

struct json_object *hot_json(const struct hot *h)
{
	struct json_object *o;

	if (!h->held)
		return NULL;
	o = json_object_new_object();
	put(o, "hz", h->hz);
	put(o, "ns", h->held->ns);
	put(o, "samples", h->held->samples);
	put(o, "samples_without_packet", h->held->others);
	put(o, "samples_lost", h->dropped);
	put(o, "cost_ns", h->cost_ns);
	put(o, "samples_taken", h->samples);
	put(o, "javascript_frames", h->scripts);
	put(o, "javascript_frames_unnamed", h->unnamed);
	json_object_object_add(o, "functions", tops_json(h->held, false));
	json_object_object_add(o, "lines", tops_json(h->held, true));
	return o;
}
