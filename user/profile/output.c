/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "profile/flame.h"
#include "profile/pprof.h"

#define MARK "@data@" /* where the data go in the page */

__asm__(".section .rodata\n"
	"output_page:\n"
	".incbin \"user/profile/web/profile.html\"\n"
	".byte 0\n"
	".previous\n");

extern const char output_page[];

static const char *const endings[OUTPUT_FORMS] = {
	[OUTPUT_JSON] = ".json",
	[OUTPUT_HTML] = ".html",
	[OUTPUT_PPROF] = ".pb.gz",
	[OUTPUT_FOLDED] = ".folded",
};

enum output_form output_form_of(const char *path)
{
	size_t len = strlen(path);

	for (enum output_form form = 0; form < OUTPUT_FORMS; form++) {
		size_t ending = strlen(endings[form]);

		if (len > ending && !strcmp(path + len - ending, endings[form]))
			return form;
	}
	return OUTPUT_FORMS;
}

bool output_takes_stacks(enum output_form form)
{
	return form == OUTPUT_PPROF || form == OUTPUT_FOLDED;
}

static int put_json(struct json_object *o, int flags, const char *end, FILE *out)
{
	const char *text = o ? json_object_to_json_string_ext(o, flags) : NULL;
	int err = text ? 0 : -ENOMEM;

	/* A page would take "</script" for its end. In JSON the sign stands only in texts. */
	for (const char *p = text; p && *p; p++) {
		if (*p == '<')
			fputs("\\u003c", out);
		else
			fputc(*p, out);
	}
	fputs(end, out);
	json_object_put(o);
	return err;
}

int output_print_json(const struct output *o, FILE *out)
{
	return put_json(report_json(o->report, o->session, o->tape), JSON_C_TO_STRING_PRETTY, "\n",
			out);
}

static int print_page(const struct output *o, FILE *out)
{
	struct json_object *data = json_object_new_object();
	const char *mark = strstr(output_page, MARK);
	struct flame flame = {0};
	int err = 0;

	if (o->session->hot.held)
		err = flame_init(&flame, o->session->hot.held);
	json_object_object_add(data, "report", report_json(o->report, o->session, o->tape));
	json_object_object_add(data, "flame", flame.nodes ? flame_json(&flame) : NULL);
	flame_fini(&flame);
	fwrite(output_page, 1, (size_t)(mark - output_page), out);
	if (put_json(data, JSON_C_TO_STRING_PLAIN, mark + strlen(MARK), out))
		err = -ENOMEM;
	return err;
}

static int print_folded(const struct output *o, FILE *out)
{
	struct flame flame;
	int err = flame_init(&flame, o->session->hot.held);

	if (!err)
		flame_print_folded(&flame, out);
	flame_fini(&flame);
	return err;
}

static int write_pprof(const struct output *o, int fd)
{
	const struct pprof_session session = {
		.ns = o->session->ns,
		.period_ns = (uint64_t)NS_PER_S / o->session->hot.hz,
		.wall_ns = o->wall_ns,
	};

	return pprof_write(o->session->hot.held, &session, fd);
}

static int print_form(const struct output *o, enum output_form form, FILE *out)
{
	switch (form) {
	case OUTPUT_JSON: return output_print_json(o, out);
	case OUTPUT_HTML: return print_page(o, out);
	case OUTPUT_FOLDED: return print_folded(o, out);
	case OUTPUT_PPROF: return write_pprof(o, fileno(out));
	default: return -EINVAL;
	}
}

int output_write(const struct output *o, const char *path)
{
	enum output_form form = output_form_of(path);
	int fd, err;
	FILE *out;

	if (output_takes_stacks(form) && !o->session->hot.held)
		return -EINVAL;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	out = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!out) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = print_form(o, form, out);
	if (ferror(out) && !err)
		err = -EIO;
	if (fclose(out) && !err)
		err = -errno;
	return err;
}
