/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - feeds every conversation of the corpus to the decoders, built for this machine with
 * ASan and UBSan: whole, cut at every byte, and byte by byte, at the end that asks and at the one
 * that answers. The messages must always be the same.
 *
 * Usage: replay FILE...; TAP.
 *        replay --inputs FOLDER FILE...: writes each as an input of tests/fuzz instead.
 */
#define STREAMS_BED_MAX 64 /* streams of a conversation that are open at once */

#include "seen.h"
#include "tests/unit/support/http2_streams.h"

static struct kase k;
static struct streams_bed whole, parts; /* of a conversation in HTTP/1, only what is in .d */

/* Begins to follow. A connection is let go, and begins anew, when nothing is under way on it and no
 * POST has been seen: as the taps have it. */
static void begin(struct decode *d, uint8_t filler)
{
	decode_init(d, filler);
	d->flow.common.plain = case_first(&k) < case_met(&k);
}

static void begin_streams(struct streams_bed *b, bool client, uint8_t filler)
{
	enum record_role role = client ? RECORD_ROLE_CLIENT : RECORD_ROLE_SERVER;

	if (k.attached)
		streams_bed_init_midway(b, role);
	else
		streams_bed_init(b, role, filler);
}

static bool is_let_go(const struct decode *d)
{
	const struct flow *f = &d->flow;

	return f->common.plain && f->common.requests == f->common.answers &&
	       f->sides[FLOW_IN].http1.phase == PHASE_START &&
	       f->sides[FLOW_OUT].http1.phase == PHASE_START;
}

/* One segment, in two pieces, cut at CUT; byte by byte where that is SIZE_MAX. */
static void tell_segment(struct decode *d, enum flow_direction dir, const struct case_segment *s,
			 size_t cut)
{
	const uint8_t *bytes = k.bytes + s->from;

	if (cut == SIZE_MAX)
		decode_feed_bytes(d, dir, bytes, s->len);
	else
		decode_feed_cut(d, dir, bytes, s->len, &cut, cut > 0);
}

static void tell_streams(struct streams_bed *b, enum flow_direction dir,
			 const struct case_segment *s, size_t cut)
{
	const uint8_t *bytes = k.bytes + s->from;

	if (cut == SIZE_MAX) {
		streams_bed_feed_by(b, dir, bytes, s->len, 1);
	} else {
		streams_bed_feed(b, dir, bytes, cut);
		streams_bed_feed(b, dir, bytes + cut, s->len - cut);
	}
}

/* Tells K to B. Segment NUMBER in two pieces, cut at CUT; all byte by byte where that is SIZE_MAX.
 */
static void tell(struct streams_bed *b, bool client, uint8_t filler, size_t number, size_t cut)
{
	if (k.http2)
		begin_streams(b, client, filler);
	else
		begin(&b->d, filler);
	for (size_t i = case_first(&k); i < k.segments_len; i++) {
		const struct case_segment *s = &k.segments[i];
		enum flow_direction dir = s->request == client ? FLOW_OUT : FLOW_IN;
		size_t here = cut == SIZE_MAX ? i >= case_met(&k) ? SIZE_MAX : 0
			      : i == number   ? cut
					      : 0;

		if (k.http2)
			tell_streams(b, dir, s, here);
		else
			tell_segment(&b->d, dir, s, here);
		if (!k.http2 && is_let_go(&b->d))
			begin(&b->d, filler);
	}
	if (!k.http2)
		decode_close(&b->d, !k.reset);
}

static size_t read_from(const struct streams_bed *b, bool client, struct seen *seen)
{
	const struct decode *d = &b->d;
	size_t n = 0;

	for (size_t i = 0; i < d->len; i++) {
		const struct decoded *m = &d->messages[i];
		struct seen *s = &seen[n++];

		*s = (struct seen){
			.request = m->flags & RECORD_REQUEST,
			.kind = m->kind,
			.status = m->status,
			.flags = m->flags,
			.stream = m->stream,
			.data_len = m->data_len,
			.amount = m->amount,
			.expires_at = m->expires_at,
			.destination = m->destination,
			.endpoint = m->host_hash ^ (m->path_hash << 1 | m->path_hash >> 63),
			.token = m->token,
			.request_id = m->request_id,
		};
		memcpy(s->code, m->reject_code, 3);
	}
	for (size_t i = 0; k.http2 && i < b->resets_len; i++)
		seen[n++] = (struct seen){.what = SEEN_RESET, .stream = b->resets[i]};
	for (int request = 1; request >= 0; request--)
		for (uint8_t cause = 1; cause <= RECORD_GAP_CAUSES; cause++)
			for (unsigned i = 0; i < d->gaps_of[request == client][cause]; i++)
				seen[n++] = (struct seen){
					.what = SEEN_GAP, .request = request, .why = cause};
	for (unsigned i = 0; i < d->opaque; i++)
		seen[n++] = (struct seen){.what = SEEN_OPAQUE, .why = RECORD_OPAQUE_UPGRADED};
	return n;
}

static bool same(const char *how, size_t segment, size_t cut)
{
	const struct decode *a = &whole.d, *b = &parts.d;

	if (decode_same(a, b) && !memcmp(a->gaps_of, b->gaps_of, sizeof(a->gaps_of)) &&
	    a->opaque == b->opaque &&
	    (!k.http2 || (whole.resets_len == parts.resets_len &&
			  !memcmp(whole.resets, parts.resets, sizeof(whole.resets)))))
		return true;
	printf("# %s, %s %zu of segment %zu: other messages, or other details, than in one piece\n",
	       k.path, how, cut, segment + 1);
	for (size_t i = 0; i < b->len; i++) {
		const struct decoded *m = &b->messages[i];

		printf("#   %s %u %u kind %u flags %x body %" PRIu64 "\n",
		       m->flags & RECORD_REQUEST ? "request" : "response", m->stream, m->status,
		       m->kind, m->flags, m->body_len);
	}
	return false;
}

static bool replay(bool client)
{
	struct seen seen[DECODE_MESSAGES_MAX];
	size_t met = case_met(&k);

	tell(&whole, client, 0, 0, 0);
	if (!seen_check(&k, seen, read_from(&whole, client, seen),
			client ? "at the end that asks" : "at the end that answers"))
		return false;
	tell(&parts, client, 0xff, 0, 0);
	if (!same("in one piece on other memory", 0, 0))
		return false;
	if (!k.gaps) {
		tell(&parts, client, 0xff, 0, SIZE_MAX);
		if (!same("byte by byte", 0, 0))
			return false;
	}
	for (size_t i = met; i < k.segments_len; i++) {
		for (size_t cut = 1; cut < k.segments[i].len; cut++) {
			if (!seen_may_cut(&k, i, cut))
				continue;
			tell(&parts, client, 0xff, i, cut);
			if (!same("cut at byte", i, cut))
				return false;
		}
	}
	return true;
}

static bool replay_both(void)
{
	return replay(true) && replay(false);
}

static FILE *new_input(const char *folder, const char *target)
{
	const char *name = strrchr(k.path, '/') ? strrchr(k.path, '/') + 1 : k.path;
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
	f = fopen(path, "we");
	if (!f)
		err(2, "%s", path);
	return f;
}

static void end_input(FILE *f)
{
	if (ferror(f) | fclose(f))
		errx(2, "cannot write an input of %s", k.path);
}

/* In the format of tests/fuzz/fuzz_http1.c; fuzz_llhttp.c needs the size of the pieces before
 * it. */
static void write_input(const char *folder, const char *target, const char *front)
{
	FILE *f = new_input(folder, target);
	bool request = true;

	fwrite(front, 1, *target == 'l', f);
	for (size_t i = 0; i < k.segments_len; i++) {
		const struct case_segment *s = &k.segments[i];

		if (s->request != request)
			fputs("\n%%\n", f);
		request = s->request;
		fwrite(k.bytes + s->from, 1, s->len, f);
	}
	end_input(f);
}

/* Writes the bytes of one end, without a client's preface. Returns how many these are. */
static size_t write_end(FILE *f, bool request)
{
	size_t len = 0;

	for (size_t i = 0; i < k.segments_len; i++) {
		const struct case_segment *s = &k.segments[i];
		size_t skip = case_is_preface(&k, i) ? strlen(FRAMES_PREFACE) : 0;

		if (s->request != request)
			continue;
		fwrite(k.bytes + s->from + skip, 1, s->len - skip, f);
		len += s->len - skip;
	}
	return len;
}

/* In the format of tests/fuzz/fuzz_http2_streams.c. */
static void write_frames(const char *folder)
{
	FILE *f = new_input(folder, "http2_streams");
	size_t asked;

	fwrite("\0", 1, 2, f);
	asked = write_end(f, true);
	write_end(f, false);
	rewind(f);
	fputc((int)(asked >> 8 & 0xff), f);
	fputc((int)(asked & 0xff), f);
	end_input(f);
}

static int write_inputs(const char *folder, char **paths, int len)
{
	for (int i = 0; i < len; i++) {
		case_load(&k, paths[i]);
		if (k.http2) {
			write_frames(folder);
			continue;
		}
		write_input(folder, "http1", "");
		write_input(folder, "llhttp", i % 2 ? "\x2f" : "");
	}
	free(k.text);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "--inputs"))
		return write_inputs(argv[2], argv + 3, argc - 3);
	return seen_run(&k, argv + 1, argc - 1, "", replay_both);
}
