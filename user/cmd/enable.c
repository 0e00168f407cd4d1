/* SPDX-License-Identifier: Apache-2.0 */
/* enable.c - `telltale enable` and `telltale disable`: the operator gives consent, and takes it
 * back. */
#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/consent.h"
#include "cmd/services.h"
#include "config/config.h"
#include "config/edit.h"
#include "config/file.h"
#include "config/text.h"

enum { OPTION_TARGET = 256, OPTION_NETWORK };

/* What `enable` writes where there is no file. */
static const char fresh[] =
	"# telltale's configuration; telltale(8) has all keys. `telltale disable` "
	"takes consent back.\n"
	"listen: unix:/run/telltale/page.sock\n"
	"listen_group: telltale\n";

struct arguments {
	const char *path;
	bool yes, network_named;
	enum network network;
	struct config_target targets[CONFIG_TARGETS_MAX]; /* names point into argv */
	size_t targets_len;
};

/* The file as it is, and as it will be. */
struct rewrite {
	const char *path;
	bool is_new; /* there was none */
	char *old, *text;
	size_t old_len, len;
	char why[CONFIG_WHY]; /* NULL in TEXT: why the file is not edited */
};

/* --- the command line -------------------------------------------------------------------- */

static void add_target(struct arguments *a, char *arg, struct argp_state *state)
{
	struct config_target *t = &a->targets[a->targets_len];
	char *colon = strchr(arg, ':');

	if (a->targets_len == CONFIG_TARGETS_MAX)
		argp_error(state, "more than %d targets; watch a cgroup above them instead",
			   CONFIG_TARGETS_MAX);
	for (unsigned i = 0; colon && i < CONFIG_TARGET_KINDS; i++) {
		const char *kind = config_target_kinds[i];

		if (strlen(kind) != (size_t)(colon - arg) || strncmp(arg, kind, strlen(kind)) != 0)
			continue;
		*t = (struct config_target){.kind = i, .name = colon + 1};
		a->targets_len++;
		return;
	}
	argp_error(state,
		   "--target needs unit:NAME, container:TRAITS, pod:NAMESPACE/LABELS, "
		   "executable:PATH, cgroup:PATH "
		   "or pid:NUMBER, as in unit:rafiki-backend.service, not '%s'",
		   arg);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	char why[CONFIG_WHY];

	switch (key) {
	case 'c':
		if (!*arg)
			argp_error(state, "--config needs a file's path, not ''");
		a->path = arg;
		return 0;
	case 'y': a->yes = true; return 0;
	case OPTION_TARGET: add_target(a, arg, state); return 0;
	case OPTION_NETWORK:
		if (config_parse_network(arg, &a->network, why))
			argp_error(state, "--network: %s", why);
		a->network_named = true;
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

#define CONFIG_OPTION                                                                              \
	{                                                                                          \
		"config", 'c', "FILE", 0, "The configuration (default: " CONFIG_DEFAULT_PATH ")",  \
			0                                                                          \
	}

static const struct argp_option enable_options[] = {
	{"target", OPTION_TARGET, "KIND:NAME", 0,
	 "Observe this: unit:NAME, container:TRAITS, pod:NAMESPACE/LABELS, executable:PATH, "
	 "cgroup:PATH or "
	 "pid:NUMBER. May be given several times; may be left out when the configuration names a "
	 "target",
	 0},
	{"network", OPTION_NETWORK, "NETWORK", 0,
	 "The network that may get its totals: testnet or livenet", 0},
	{"yes", 'y', NULL, 0, "Agree without being asked, for automation", 0},
	CONFIG_OPTION,
	{0},
};

static const struct argp enable_parser = {
	.options = enable_options,
	.parser = parse_option,
	.doc = "Gives consent: shows what will be observed, what will leave this host, where to "
	       "and "
	       "by which privacy mechanism; asks; writes the consent into the configuration and "
	       "starts both services.\v"
	       "In the configuration it changes `enabled`, `network` and `livenet_enabled`, and "
	       "adds to `targets`. Comments and all other keys stay. A file that it cannot edit "
	       "safely it leaves alone, and prints the lines to write.\n\n"
	       "  telltale enable --target unit:rafiki-backend.service --network testnet\n\n"
	       "Exit status: 0 when telltale counts; 1 when nothing was agreed to or something "
	       "failed; 2 for wrong usage, and when there is no terminal to ask on and no --yes.",
};

static const struct argp_option disable_options[] = {
	CONFIG_OPTION,
	{0},
};

static const struct argp disable_parser = {
	.options = disable_options,
	.parser = parse_option,
	.doc = "Takes consent back: writes that into the configuration, and stops both services. "
	       "Nothing more is sent, not even what was counted last, and nothing stays attached.",
};

/* --- the file ---------------------------------------------------------------------------- */

static void rewrite_fini(struct rewrite *r)
{
	config_text_free(r->old, r->old_len);
	config_text_free(r->text, r->len);
}

/* Reads the file, and edits it in memory. 0, or -errno after saying why; without an error r->text
 * may be NULL: the file cannot be edited. */
static int rewrite_init(struct rewrite *r, const char *path, const struct config_edit *edit)
{
	int err = 0;

	*r = (struct rewrite){.path = path, .is_new = access(path, F_OK) && errno == ENOENT};
	if (!r->is_new)
		err = config_read(path, stderr, &r->old, &r->old_len);
	if (!err && r->old)
		err = config_edit(r->old, r->old_len, edit, &r->text, &r->len, r->why);
	else if (!err && edit->enabled)
		err = config_edit(fresh, sizeof(fresh) - 1, edit, &r->text, &r->len, r->why);
	if (err == -ENOMEM)
		log_err("consent", "memory is short");
	return err == -EINVAL ? 0 : err;
}

static bool is_change(const struct rewrite *r)
{
	return r->text &&
	       (r->is_new || r->len != r->old_len || memcmp(r->text, r->old, r->len) != 0);
}

static int write_change(const struct rewrite *r)
{
	int err = is_change(r) ? config_file_write(r->path, r->text, r->len) : 0;

	if (err)
		log_err("consent", "%s cannot be written: %s; run as root", r->path,
			strerror(-err));
	return err;
}

/* --- enable ------------------------------------------------------------------------------ */

/* Whether the services read the file PATH. */
static bool is_packaged(const char *path)
{
	return !strcmp(path, CONFIG_DEFAULT_PATH) && services_there();
}

/* Why it may not be started as it would be; the lines are the operator's. */
static const char *why_not(const struct config *config)
{
	const char *why = config_consent(config);

	return why ? why : config_runnable(config);
}

/* What the configuration will be; NULL after saying what is wrong. */
static struct config *preview(const struct rewrite *r)
{
	struct config *config = NULL;
	const char *why;

	if (config_load_text(r->path, r->text, r->len, environ, stderr, &config))
		return NULL;
	why = config->others_write ? config->remarks[0] : why_not(config);
	if (!why)
		return config;
	log_err("enable", "%s", why);
	config_free(config);
	return NULL;
}

static int start(const struct rewrite *r)
{
	if (!is_packaged(r->path)) {
		printf("Consent stands in %s. No services start from it here; run: telltale run "
		       "--config %s\n",
		       r->path, r->path);
		return 0;
	}
	printf("Starting %s, which takes some seconds.\n", SERVICES_NAMES);
	fflush(stdout);
	if (services_start(is_change(r))) {
		log_err("enable", "the services did not start; `telltale check` and `journalctl -u "
				  "telltale -u telltale-probe` say why. Consent stands in the "
				  "configuration: `telltale disable` takes it back");
		return -EIO;
	}
	puts("telltale counts. `telltale top` shows it, `telltale disable` takes consent back.");
	return 0;
}

/* The file is the operator's to edit: says so, and what to write. */
static void print_lines(const struct rewrite *r, const struct config_edit *edit, const char *then)
{
	printf("%s is left as it is, because %s. Write these lines into it yourself%s:\n\n",
	       r->path, r->why, then);
	config_edit_print(edit, stdout);
}

static int enable(const struct arguments *a, const struct rewrite *r)
{
	struct config *config = NULL;
	int err = -EPERM;

	if (!is_packaged(r->path) || !services_take_environment())
		config = preview(r);
	if (!config)
		return -EINVAL;
	printf("If you agree, this is what telltale does, by %s:\n\n", r->path);
	consent_print(config, stdout);
	if (!command_is_agreed(a->yes))
		puts("Nothing was changed.");
	else
		err = write_change(r);
	if (!err)
		err = start(r);
	config_free(config);
	return err;
}

int cmd_enable(int argc, char **argv)
{
	struct arguments a = {.path = CONFIG_DEFAULT_PATH};
	struct config_edit edit = {.enabled = true};
	struct rewrite r = {0};
	int status = EXIT_FAILURE;

	if (argp_parse(&enable_parser, argc, argv, 0, NULL, &a))
		return EXIT_FAILURE;
	if (!a.network_named)
		log_err("enable",
			"name the network: --network testnet, or livenet, which moves real "
			"money");
	if (!a.network_named || !command_may_ask("enable", a.yes))
		return EXIT_USAGE;
	edit.network = a.network;
	edit.targets = a.targets;
	edit.targets_len = a.targets_len;
	if (rewrite_init(&r, a.path, &edit))
		goto out;
	if (!r.text)
		print_lines(&r, &edit, ", where they are not there yet, and run this again");
	else if (!enable(&a, &r))
		status = EXIT_SUCCESS;
out:
	rewrite_fini(&r);
	return status;
}

/* --- disable ----------------------------------------------------------------------------- */

/* AT_ONCE: the configuration still says that telltale may send. */
static int stop(const char *path, bool at_once)
{
	if (!is_packaged(path)) {
		puts("No services of telltale's run from it here. A `telltale run` ends, and sends "
		     "nothing more, when it gets SIGTERM.");
		return 0;
	}
	if (services_stop(at_once)) {
		log_err("disable",
			"the services did not stop; run: systemctl disable --now " SERVICES_NAMES);
		return -EIO;
	}
	puts("telltale has stopped. Nothing is attached, and nothing leaves this host.");
	return 0;
}

int cmd_disable(int argc, char **argv)
{
	struct arguments a = {.path = CONFIG_DEFAULT_PATH};
	struct config_edit edit = {.enabled = false};
	struct rewrite r = {0};
	bool recorded;
	int err;

	if (argp_parse(&disable_parser, argc, argv, 0, NULL, &a))
		return EXIT_FAILURE;
	recorded = !rewrite_init(&r, a.path, &edit) && (r.text || r.is_new) && !write_change(&r);
	if (recorded && !r.is_new)
		printf("%s says that consent is taken back.\n", r.path);
	else if (r.old && !r.text)
		print_lines(&r, &edit, ", so that nothing starts again");
	fflush(stdout);
	err = stop(a.path, !recorded);
	rewrite_fini(&r);
	return err || !recorded ? EXIT_FAILURE : EXIT_SUCCESS;
}
