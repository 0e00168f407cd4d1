/* SPDX-License-Identifier: Apache-2.0 */
/* peers.c - `telltale peers` and `telltale peers import`. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <curl/curl.h>

#include "cmd/commands.h"
#include "config/config.h"
#include "base/hostkey.h"
#include "base/log.h"
#include "cmd/peers_yaml.h"

#define INPUT_MAX  (16u << 20) /* bytes of a peer list, and of a daemon's answer */
#define INPUTS_MAX 256         /* files */
#define TIMEOUT_MS 5000L

struct arguments {
	const char *config; /* NULL: the default path, which may be missing */
	bool import, json;
	const char *inputs[INPUTS_MAX]; /* "-": standard input */
	size_t inputs_len;              /* 0: standard input */
};

enum { OPTION_JSON = 256 };

static const struct argp_option options[] = {
	{"json", OPTION_JSON, NULL, 0, "Print JSON: what was seen", 0},
	{"config", 'c', "FILE", 0, "The configuration (default: " CONFIG_DEFAULT_PATH ")", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'c': a->config = arg; return 0;
	case OPTION_JSON: a->json = true; return 0;
	case ARGP_KEY_END:
		if (a->import && a->json)
			argp_error(state, "`peers import` prints items to paste; leave out --json");
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0 && !strcmp(arg, "import"))
			a->import = true;
		else if (a->import && a->inputs_len < INPUTS_MAX)
			a->inputs[a->inputs_len++] = arg;
		else
			argp_error(state,
				   "'%s' has no meaning here; write `telltale peers` or "
				   "`telltale peers import [FILE...]`",
				   arg);
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.args_doc = "\nimport [FILE...]",
	.doc = "Prints the endpoints that the running daemon has seen and the asset of each, as "
	       "items to paste under `peers:` in the configuration.\v"
	       "`import` reads the operator's own list of peers from FILEs (or standard input): "
	       "the JSON answer of Rafiki's admin API to\n\n"
	       "  query { peers(first: 100) { edges { node { name\n"
	       "    asset { code scale }\n"
	       "    http { outgoing { endpoint authToken } } } }\n"
	       "    pageInfo { endCursor hasNextPage } } }\n\n"
	       "and to the same with `after: \"CURSOR\"` for each further page, or an array of "
	       "{name, endpoint, token, incoming: [token...], asset: {code, "
	       "scale}}. It prints them as the same kind of items, with a fingerprint of each "
	       "token made with this host's key. The tokens themselves are not kept.",
};

static struct config *load_config(const struct arguments *a)
{
	const char *path = a->config ? a->config : CONFIG_DEFAULT_PATH;
	struct config *config;

	if (!a->config && access(path, F_OK) && errno == ENOENT)
		path = NULL;
	return config_load(path, environ, stderr, &config) ? NULL : config;
}

/* --- what the daemon has seen ------------------------------------------------------------ */

struct answer {
	char *text;
	size_t len;
};

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
	struct answer *answer = context;
	size_t len = size * count;
	char *text;

	if (len > INPUT_MAX - answer->len)
		return 0;
	text = realloc(answer->text, answer->len + len + 1);
	if (!text)
		return 0;
	memcpy(text + answer->len, bytes, len);
	answer->text = text;
	answer->len += len;
	return len;
}

/* Logs why the daemon did not answer. */
static void complain_unanswered(const char *path, CURLcode code, long status)
{
	if (code == CURLE_OK)
		log_err("peers",
			"the daemon answered with status %ld at %s; is it of the same version?",
			status, path);
	else if (access(path, F_OK) && errno == ENOENT)
		log_err("peers",
			"no daemon is running: there is no control socket %s; start it with "
			"`telltale run`, or name its configuration with --config",
			path);
	else if (access(path, W_OK) && errno == EACCES)
		log_err("peers", "this user may not use %s; run as root", path);
	else if (code == CURLE_COULDNT_CONNECT)
		log_err("peers",
			"no daemon is running: nobody answers at %s; start it with `telltale "
			"run`",
			path);
	else
		log_err("peers",
			"the daemon did not answer at %s: %s; try again, or look at its log", path,
			curl_easy_strerror(code));
}

static int ask_daemon(const char *path, struct answer *answer)
{
	CURL *curl = curl_easy_init();
	CURLcode code;
	long status = 0;

	if (!curl)
		return -ENOMEM;
	curl_easy_setopt(curl, CURLOPT_URL, "http://localhost/peers");
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
	/* Ignores proxies named in the environment: the socket is on this host. */
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	if (code == CURLE_OK && status == 200)
		return 0;
	complain_unanswered(path, code, status);
	return -EIO;
}

/* Prints a daemon's answer in one of the two ways. */
static int print_answer(const struct answer *answer, bool json)
{
	const char *text = answer->text ? answer->text : "";

	if (json)
		return peers_json_answer(text, answer->len);
	puts("  # Endpoints seen so far, to paste under `peers:`.");
	return peers_yaml_answer(text, answer->len, stdout);
}

static int show_seen(const struct config *config, bool json)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct answer answer = {0};
	int err;

	if (snprintf(path, sizeof(path), "%s/control.sock", config->run_dir) >= (int)sizeof(path)) {
		log_err("peers", "run_dir %s is too long for a socket's path; choose a shorter one",
			config->run_dir);
		return EXIT_FAILURE;
	}
	err = ask_daemon(path, &answer);
	if (err)
		goto out;
	err = print_answer(&answer, json);
	if (err == -EBADMSG)
		log_err("peers",
			"the daemon's answer at %s is not a list of peers; is it of the "
			"same version?",
			path);
out:
	free(answer.text);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- the operator's own list ------------------------------------------------------------- */

/* Moves the LEN bytes to a larger buffer and wipes the old one. */
static char *grow(char *text, size_t len, size_t size)
{
	char *larger = malloc(size);

	if (larger && text)
		memcpy(larger, text, len);
	if (text)
		explicit_bzero(text, len);
	free(text);
	return larger;
}

struct input {
	char *text;
	size_t len, size;
};

/* Appends all of FD. Does not use stdio, which would keep a copy of the tokens. */
static int read_fd(struct input *in, int fd)
{
	ssize_t got = 1;

	while (got) {
		if (in->len == in->size) {
			in->size = in->size ? 2 * in->size : 65536;
			in->text = grow(in->text, in->len, in->size);
			if (!in->text)
				return -ENOMEM;
		}
		got = read(fd, in->text + in->len, in->size - in->len);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			in->len += (size_t)got;
		if (in->len > INPUT_MAX)
			return -EFBIG;
	}
	return 0;
}

static int read_input(struct input *in, const char *name)
{
	bool is_file = strcmp(name, "-") != 0;
	int fd = is_file ? open(name, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	int err = fd < 0 ? -errno : read_fd(in, fd);

	if (err)
		log_err("peers", "%s cannot be read: %s; name a file with the API's answer",
			is_file ? name : "standard input", strerror(-err));
	if (is_file && fd >= 0)
		close(fd);
	return err;
}

static int load_key(const struct config *config, struct hostkey *key)
{
	int err = hostkey_load(config->state_dir, key);
	char why[512];

	if (err) {
		hostkey_explain(config->state_dir, err, why, sizeof(why));
		log_err("peers", "%s", why);
	}
	return err;
}

static int import(const struct config *config, const char *const *inputs, size_t inputs_len)
{
	const char *source = inputs_len > 1 ? "the files" : inputs[0];
	struct input in = {0};
	struct hostkey key;
	int err = 0;

	if (!strcmp(source, "-"))
		source = "standard input";
	for (size_t i = 0; i < inputs_len && !err; i++)
		err = read_input(&in, inputs[i]);
	if (!err)
		err = load_key(config, &key);
	if (!err)
		err = peers_yaml_import(in.text, in.len, source, &key, stdout, stderr);
	explicit_bzero(&key, sizeof(key));
	if (in.text)
		explicit_bzero(in.text, in.len);
	free(in.text);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cmd_peers(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct config *config;
	int status;

	if (argp_parse(&parser, argc, argv, 0, NULL, &arguments))
		return EXIT_USAGE;
	config = load_config(&arguments);
	if (!config)
		return EXIT_FAILURE;
	if (arguments.import && !arguments.inputs_len)
		arguments.inputs[arguments.inputs_len++] = "-";
	status = arguments.import ? import(config, arguments.inputs, arguments.inputs_len)
				  : show_seen(config, arguments.json);
	config_free(config);
	return status;
}
