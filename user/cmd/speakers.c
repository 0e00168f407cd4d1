/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/speakers.h"

#include <stdbool.h>
#include <string.h>

#include "base/escape.h"
#include "config/config.h"

#define SHOWN 512

static struct speaker *find(struct speakers *s, const struct naming *naming, const char *program)
{
	for (size_t i = 0; i < s->len; i++) {
		struct speaker *sp = &s->list[i];

		if (sp->naming.kind == naming->kind && !strcmp(sp->naming.name, naming->name) &&
		    !strncmp(sp->program, program, sizeof(sp->program) - 1))
			return sp;
	}
	return NULL;
}

void speakers_add(struct speakers *s, const struct naming *naming, const char *program,
		  enum speaker_way way, unsigned parts)
{
	struct speaker *sp = find(s, naming, program);

	if (!sp && s->len == SPEAKERS_MAX) {
		s->more++;
		return;
	}
	if (!sp) {
		sp = &s->list[s->len++];
		sp->naming = *naming;
		snprintf(sp->program, sizeof(sp->program), "%s", program);
	}
	sp->ways |= way;
	sp->parts |= parts;
}

static bool is_known(const struct speaker *sp)
{
	return (sp->ways & ~(unsigned)SPEAKER_UNREAD) != 0;
}

size_t speakers_known(const struct speakers *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->len; i++)
		n += is_known(&s->list[i]);
	return n;
}

/* --- printing ---------------------------------------------------------------------------- */

static void print_ways(const struct speaker *sp, FILE *out)
{
	static const struct {
		enum speaker_way way;
		const char *words;
	} ways[] = {{SPEAKER_PLAIN, "plain HTTP"}, {SPEAKER_TLS, "TLS"}, {SPEAKER_HTTP2, "HTTP/2"}};
	const char *between = "";

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (!(sp->ways & ways[i].way))
			continue;
		fprintf(out, "%s%s", between, ways[i].words);
		between = ", ";
	}
}

/* Programs name themselves, and cgroups are named by whoever makes them. */
static void print_name(const struct speaker *sp, FILE *out)
{
	bool named = sp->naming.kind == TARGET_CONTAINER || sp->naming.kind == TARGET_POD;
	char name[SHOWN], program[SHOWN];

	escape_text(sp->naming.name, name, sizeof(name));
	escape_text(sp->program, program, sizeof(program));
	fprintf(out, "  %s%s%s (%s)", named ? config_target_kinds[sp->naming.kind] : "",
		named ? " " : "", name, program);
}

static void print_known(const struct speakers *s, FILE *out)
{
	static const char *const parts[] = {"", "sends", "receives", "sends and receives"};

	for (size_t i = 0; i < s->len; i++) {
		const struct speaker *sp = &s->list[i];

		if (!is_known(sp))
			continue;
		print_name(sp, out);
		fprintf(out, ": %s over ", parts[sp->parts & 3]);
		print_ways(sp, out);
		fputc('\n', out);
	}
	if (s->more)
		fprintf(out, "  and others: there is room for %d\n", SPEAKERS_MAX);
}

static void print_unread(const struct speakers *s, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < s->len; i++) {
		const struct speaker *sp = &s->list[i];

		if (is_known(sp))
			continue;
		if (!any)
			fputs("\nThese use TLS that cannot be read, so whether it is ILP is not "
			      "known:\n",
			      out);
		any = true;
		print_name(sp, out);
		fputc('\n', out);
	}
}

/* Whether an earlier one has the same name: another program in the same cgroup. */
static bool is_named_before(const struct speakers *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_known(&s->list[i]) && s->list[i].naming.kind == s->list[n].naming.kind &&
		    !strcmp(s->list[i].naming.name, s->list[n].naming.name))
			return true;
	}
	return false;
}

static void print_targets(const struct speakers *s, FILE *out)
{
	fputs("\nTo observe what is yours of them, give `telltale enable` one as --target "
	      "KIND:NAME, "
	      "or\nwrite into the configuration:\n\ntargets:\n",
	      out);
	for (size_t i = 0; i < s->len; i++) {
		const struct naming *n = &s->list[i].naming;

		if (!is_known(&s->list[i]) || is_named_before(s, i))
			continue;
		fprintf(out, "  - %s: ", config_target_kinds[n->kind]);
		config_print_scalar(out, n->name);
		if (n->remark[0])
			fprintf(out, "  # %s", n->remark);
		fputc('\n', out);
	}
}

void speakers_print(const struct speakers *s, FILE *out)
{
	if (!speakers_known(s)) {
		fputs("Nobody was seen to speak ILP. A connector that made no payment meanwhile is "
		      "not seen:\nlet it pay, or look longer with --for.\n",
		      out);
	} else {
		fputs("These speak ILP:\n", out);
		print_known(s, out);
	}
	print_unread(s, out);
	if (speakers_known(s))
		print_targets(s, out);
}
