/* SPDX-License-Identifier: Apache-2.0 */
#include "page/page.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/gzip.h"
#include "page/clients.h"
#include "page/guard.h"
#include "page/html.h"
#include "page/socket.h"

#define STAGE "page"

#define CONNECTION_TIMEOUT 10u /* s without a byte, after which a connection is closed */
#define CONNECTION_MEMORY  (16u * 1024)
#define REQUEST_MS         30000 /* for a request and its answer, however slow the client is */
#define COMPRESS_MIN       1000u /* bytes; fewer gain nothing */
#define CONNECTIONS_EACH   16u   /* from one address, when it does not listen on loopback only */

#define TEXT       "text/plain; charset=utf-8"
#define PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"
#define JSON       "application/json"
#define CSV        "text/csv; charset=utf-8"

#define HTML      "text/html; charset=utf-8"
#define NO_POLICY "default-src 'none'; frame-ancestors 'none'"

struct page {
	struct MHD_Daemon *local, *control;
	const struct page_options *options;
	struct released *snapshot;
	int64_t posted_ms; /* when it came, CLOCK_MONOTONIC */
	char *notes;       /* comments that follow the snapshot; NULL: none */
	char policy[PAGE_POLICY_MAX];
	struct stat local_file, control_file;
	struct page_clients clients, control_clients;
	bool is_unix; /* the page listens on a Unix socket */
};

/* --- answers -----------------------------------------------------------------------------------
 */

struct reply {
	unsigned status;
	const char *type;
	const char *body; /* used when `owned` is NULL */
	size_t len;
	char *owned; /* the body, freed with the answer; NULL: `body` is used and not freed */
	const char *policy;
	bool gzip; /* the body is compressed */
};

static enum MHD_Result answer(struct MHD_Connection *connection, const struct reply *reply)
{
	/* microhttpd does not write to a persistent body. */
	struct MHD_Response *r =
		reply->owned ? MHD_create_response_from_buffer(reply->len, reply->owned,
							       MHD_RESPMEM_MUST_FREE)
			     : MHD_create_response_from_buffer(reply->len, (void *)reply->body,
							       MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (!r) {
		free(reply->owned);
		return MHD_NO;
	}
	MHD_add_response_header(r, "Content-Type", reply->type);
	MHD_add_response_header(r, "Vary", "Accept-Encoding");
	if (reply->gzip)
		MHD_add_response_header(r, "Content-Encoding", "gzip");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(r, "Content-Security-Policy",
				reply->policy ? reply->policy : NO_POLICY);
	if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	if (reply->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(r, "WWW-Authenticate",
					"Basic realm=\"telltale: any name, and the token\"");
	result = MHD_queue_response(connection, reply->status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *words)
{
	const struct reply reply = {
		.status = status, .type = TEXT, .body = words, .len = strlen(words)};

	return answer(connection, &reply);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Whether Accept-Encoding names gzip, with a quality other than 0. */
static bool takes_gzip(struct MHD_Connection *connection)
{
	const char *accepted = header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING);
	const char *at = accepted ? strcasestr(accepted, "gzip") : NULL;

	if (!at)
		return false;
	at += strlen("gzip");
	at += strspn(at, " \t;");
	return strncasecmp(at, "q=", 2) != 0 || strtod(at + 2, NULL) > 0;
}

/* Compresses a body that is REPLY's own, for a client that takes it so. Without memory for that it
 * stays as it is. */
static void compress(struct MHD_Connection *connection, struct reply *reply)
{
	uint8_t *packed;
	size_t len;

	if (reply->len < COMPRESS_MIN || !takes_gzip(connection) ||
	    export_gzip((const uint8_t *)reply->owned, reply->len, &packed, &len))
		return;
	free(reply->owned);
	reply->owned = (char *)packed;
	reply->len = len;
	reply->gzip = true;
}

/* Frees TEXT; NULL gives 404. */
static enum MHD_Result answer_text(struct MHD_Connection *connection, char *text, const char *type)
{
	struct reply reply = {.status = MHD_HTTP_OK, .type = type, .owned = text};

	if (!text)
		return say(connection, MHD_HTTP_NOT_FOUND, "nothing here\n");
	reply.len = strlen(text);
	compress(connection, &reply);
	return answer(connection, &reply);
}

/* microhttpd calls a handler once for the head, once for each piece of the body (ignored here), and
 * once more at the end. Only the last call may answer. */
static bool still_coming(void **connection_state, size_t *upload_len)
{
	static char head_seen;
	bool coming = !*connection_state || *upload_len;

	*connection_state = &head_seen;
	*upload_len = 0;
	return coming;
}

static bool is_read(const char *method)
{
	return !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);
}

static enum MHD_Result answer_metrics(struct page *p, struct MHD_Connection *connection)
{
	struct reply reply = {.status = MHD_HTTP_OK, .type = PROMETHEUS};
	size_t notes_len = p->notes ? strlen(p->notes) : 0;
	char *text, *whole;

	if (!p->snapshot)
		return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			   "telltale has only just started: no snapshot yet\n");
	text = page_prometheus_text(p->snapshot, &reply.len);
	whole = text ? realloc(text, reply.len + notes_len + 1) : NULL;
	if (!whole) {
		free(text);
		return say(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	}
	memcpy(whole + reply.len, p->notes ? p->notes : "", notes_len + 1);
	reply.owned = whole;
	reply.len += notes_len;
	compress(connection, &reply);
	return answer(connection, &reply);
}

static enum MHD_Result answer_html(struct page *p, struct MHD_Connection *connection)
{
	bool gzip = takes_gzip(connection);
	const struct reply reply = {.status = MHD_HTTP_OK,
				    .type = HTML,
				    .body = gzip ? page_html_gzip : page_html,
				    .len = gzip ? page_html_gzip_len() : page_html_len(),
				    .policy = p->policy,
				    .gzip = gzip};

	return answer(connection, &reply);
}

static const char *argument(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

/* The HTTP status that refuses this client; 0: it may ask. */
static unsigned refusal(const struct page *p, struct MHD_Connection *connection)
{
	const char *host = header(connection, MHD_HTTP_HEADER_HOST);

	/* With a token the Host header does not matter: another site's page that points its name
	 * here has no token. */
	if (p->options->token)
		return page_token_shown(header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
					p->options->token)
			       ? 0
			       : MHD_HTTP_UNAUTHORIZED;
	return p->is_unix || !host || page_host_is_loopback(host) ? 0 : MHD_HTTP_FORBIDDEN;
}

/* For a manager's probes, which have no token and send any Host. */
static enum MHD_Result answer_probe(const struct page *p, struct MHD_Connection *connection,
				    bool alive)
{
	int64_t stale_ms = p->options->stale_ms;

	if (alive && p->snapshot && stale_ms && clock_mono_ms() - p->posted_ms > stale_ms)
		return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			   "the daemon stands still: no snapshot for a while\n");
	if (!alive && !p->snapshot)
		return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			   "not counting yet: the programs are being loaded\n");
	return say(connection, MHD_HTTP_OK, "ok\n");
}

static enum MHD_Result handle_local(void *context, struct MHD_Connection *connection,
				    const char *url, const char *method, const char *version,
				    const char *upload, size_t *upload_len, void **state)
{
	struct page *p = context;

	(void)version;
	(void)upload;
	if (still_coming(state, upload_len))
		return MHD_YES;
	if (is_read(method) && (!strcmp(url, "/healthz") || !strcmp(url, "/readyz")))
		return answer_probe(p, connection, url[1] == 'h');
	switch (refusal(p, connection)) {
	case MHD_HTTP_FORBIDDEN:
		return say(connection, MHD_HTTP_FORBIDDEN,
			   "telltale answers to localhost, 127.0.0.1 and [::1] only\n");
	case MHD_HTTP_UNAUTHORIZED:
		return say(connection, MHD_HTTP_UNAUTHORIZED,
			   "telltale wants its token (listen_token)\n");
	default: break;
	}
	if (!is_read(method))
		return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD only\n");
	if (!strcmp(url, "/metrics"))
		return answer_metrics(p, connection);
	if (!strcmp(url, "/"))
		return answer_html(p, connection);
	if (!p->options->data)
		return say(connection, MHD_HTTP_NOT_FOUND, "nothing here; see / and /metrics\n");
	return answer_text(connection,
			   p->options->data(p->options->context, url,
					    argument(connection, "window"),
					    argument(connection, "view")),
			   strcmp(url, "/history.csv") ? JSON : CSV);
}

static enum MHD_Result handle_control(void *context, struct MHD_Connection *connection,
				      const char *url, const char *method, const char *version,
				      const char *upload, size_t *upload_len, void **state)
{
	struct page *p = context;

	(void)version;
	(void)upload;
	if (still_coming(state, upload_len))
		return MHD_YES;
	if (!is_read(method))
		return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD only\n");
	return answer_text(connection, p->options->control(p->options->context, url), JSON);
}

/* --- start, run, stop --------------------------------------------------------------------------
 */

static void library_message(void *context, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static void library_message(void *context, const char *format, va_list args)
{
	(void)context;
	log_vwrite(LOG_LEVEL_DEBUG, STAGE, format, args);
}

/* Serves the listening socket FD and takes it over; it is closed on failure too. MORE are further
 * options, up to MHD_OPTION_END. */
static struct MHD_Daemon *serve(int fd, MHD_AccessHandlerCallback handler, struct page *p,
				struct MHD_OptionItem *more, char *why, size_t why_len)
{
	struct MHD_Daemon *d = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, handler, p,
		MHD_OPTION_EXTERNAL_LOGGER, library_message, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, PAGE_CLIENTS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		CONNECTION_TIMEOUT, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_ARRAY, more, MHD_OPTION_END);

	if (!d) {
		snprintf(why, why_len,
			 "cannot start the HTTP server: memory is short, or the limit on "
			 "open files is too low");
		close(fd);
	}
	return d;
}

/* A Unix socket for who may open it. Returns as page_listen_unix. */
static int listen_unix(const struct page *p, const char *path, const char *key, struct stat *made,
		       char *why, size_t why_len)
{
	const char *name = p->options->group;
	gid_t group;
	int err = name ? page_group_find(name, &group, why, why_len) : 0;

	return err ? err : page_listen_unix(path, key, name ? &group : NULL, made, why, why_len);
}

static int start_control(struct page *p, char *why, size_t why_len)
{
	const char *path = p->options->control_path;
	struct MHD_OptionItem more[] = {
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)page_clients_notify, &p->control_clients},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)page_clients_answered, &p->control_clients},
		{MHD_OPTION_END, 0, NULL},
	};
	int fd = listen_unix(p, path, "run_dir", &p->control_file, why, why_len);

	if (fd < 0)
		return fd;
	p->control = serve(fd, handle_control, p, more, why, why_len);
	if (!p->control)
		page_unlink_unix(path, &p->control_file);
	return p->control ? 0 : -ENOMEM;
}

static int start_local(struct page *p, char *why, size_t why_len)
{
	const char *path = page_unix_path(p->options->listen);
	struct MHD_OptionItem more[] = {
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)page_clients_notify, &p->clients},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)page_clients_answered, &p->clients},
		{p->options->token && !path ? MHD_OPTION_PER_IP_CONNECTION_LIMIT : MHD_OPTION_END,
		 CONNECTIONS_EACH, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	int fd, err = page_html_policy(p->policy);

	if (err) {
		snprintf(why, why_len, "cannot make the page: %s", strerror(-err));
		return err;
	}
	p->is_unix = path != NULL;
	fd = path ? listen_unix(p, path, "listen", &p->local_file, why, why_len)
		  : page_listen_inet(p->options->listen, p->options->token != NULL, why, why_len);
	if (fd < 0)
		return fd;
	p->local = serve(fd, handle_local, p, more, why, why_len);
	if (!p->local && path)
		page_unlink_unix(path, &p->local_file);
	return p->local ? 0 : -ENOMEM;
}

int page_start(const struct page_options *options, struct page **out, char *why, size_t why_len)
{
	struct page *p = calloc(1, sizeof(*p));
	int err = 0;

	if (!p) {
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	p->options = options;
	/* The control socket comes first: its error means that another telltale runs, while a port
	 * may be taken by any program. */
	if (options->control_path)
		err = start_control(p, why, why_len);
	if (!err && options->listen)
		err = start_local(p, why, why_len);
	if (err)
		page_stop(p);
	else
		*out = p;
	return err;
}

void page_post(struct page *p, struct released *snapshot)
{
	struct released *old = p->snapshot;

	p->snapshot = released_ref(snapshot);
	p->posted_ms = clock_mono_ms();
	released_unref(old);
}

void page_set_notes(struct page *p, char *notes)
{
	free(p->notes);
	p->notes = notes;
}

size_t page_fds(const struct page *p, int *fds, size_t max)
{
	struct MHD_Daemon *daemons[] = {p->control, p->local};
	size_t n = 0;

	for (size_t i = 0; i < 2 && n < max; i++) {
		if (daemons[i])
			fds[n++] =
				MHD_get_daemon_info(daemons[i], MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	}
	return n;
}

int page_run(struct page *p)
{
	struct MHD_Daemon *daemons[] = {p->control, p->local};
	int soonest = -1;
	struct page_clients *clients[] = {&p->control_clients, &p->clients};
	int64_t patience = p->options->request_ms ? p->options->request_ms : REQUEST_MS;

	for (size_t i = 0; i < 2; i++) {
		MHD_UNSIGNED_LONG_LONG ms;

		if (!daemons[i])
			continue;
		/* While a client is connected, microhttpd asks to be called again within
		 * CONNECTION_TIMEOUT. */
		page_clients_hurry(clients[i], patience);
		if (MHD_run(daemons[i]) != MHD_YES)
			log_debug(STAGE, "the HTTP server failed a round");
		if (page_clients_make_room(clients[i]))
			soonest = 0;
		if (MHD_get_timeout(daemons[i], &ms) == MHD_YES &&
		    (soonest < 0 || ms < (unsigned)soonest))
			soonest = (int)ms;
	}
	return soonest;
}

void page_stop(struct page *p)
{
	if (!p)
		return;
	/* Removes each file before its socket is closed: a successor must not find a dead socket,
	 * put its own in its place, and then lose it to us. */
	if (p->local && p->is_unix)
		page_unlink_unix(page_unix_path(p->options->listen), &p->local_file);
	if (p->local)
		MHD_stop_daemon(p->local);
	if (p->control) {
		page_unlink_unix(p->options->control_path, &p->control_file);
		MHD_stop_daemon(p->control);
	}
	released_unref(p->snapshot);
	free(p->notes);
	free(p);
}
