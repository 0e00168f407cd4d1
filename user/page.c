/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "log.h"
#include "page_socket.h"

#define STAGE "page"

#define CONNECTIONS_MAX    32u
#define CONNECTION_TIMEOUT 10u /* s without a byte */
#define CONNECTION_MEMORY  (16u * 1024)

#define TEXT       "text/plain; charset=utf-8"
#define PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"
#define JSON       "application/json"

struct page {
	struct MHD_Daemon *metrics, *control;
	page_control *ask;
	void *context;
	struct released *snapshot;
	char *notes; /* comments that follow the snapshot; NULL: none */
	char *control_path;
	struct stat control_file;
};

/* --- answers -----------------------------------------------------------------------------------
 */

/* Queues BODY, which is freed with the answer when OWNED. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
			      const char *body, size_t len, bool owned)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		len, (void *)body, owned ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (!r) {
		if (owned)
			free((void *)body);
		return MHD_NO;
	}
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	result = MHD_queue_response(connection, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *words)
{
	return answer(connection, status, TEXT, words, strlen(words), false);
}

/* Whether HOST, a Host header, names this machine's loopback. A page of another site that points
 * its name here (DNS rebinding) sends its own name. */
static bool host_is_loopback(const char *host)
{
	const char *end = host[0] == '[' ? strchr(host, ']') : strrchr(host, ':');
	size_t len = end ? (size_t)(end - host) : strlen(host);
	struct in_addr in;
	struct in6_addr in6;
	char name[64];

	if (host[0] == '[') {
		host++;
		len--;
	}
	if (len >= sizeof(name))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	if (!strcasecmp(name, "localhost"))
		return true;
	if (inet_pton(AF_INET, name, &in) == 1)
		return ntohl(in.s_addr) >> 24 == IN_LOOPBACKNET;
	return inet_pton(AF_INET6, name, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
}

/* microhttpd calls a handler once for the head, then for each piece of the body (thrown away here),
 * then once more: only then may it answer. */
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
	char *text, *whole;
	size_t len, notes_len = p->notes ? strlen(p->notes) : 0;

	if (!p->snapshot)
		return say(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			   "telltale has only just started: no snapshot yet\n");
	text = page_prometheus_text(p->snapshot, &len);
	whole = text ? realloc(text, len + notes_len + 1) : NULL;
	if (!whole)
		free(text);
	if (!whole)
		return say(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	memcpy(whole + len, p->notes ? p->notes : "", notes_len + 1);
	return answer(connection, MHD_HTTP_OK, PROMETHEUS, whole, len + notes_len, true);
}

static enum MHD_Result handle_metrics(void *context, struct MHD_Connection *connection,
				      const char *url, const char *method, const char *version,
				      const char *upload, size_t *upload_len, void **state)
{
	const char *host;

	(void)version;
	(void)upload;
	if (still_coming(state, upload_len))
		return MHD_YES;
	host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
	if (host && !host_is_loopback(host))
		return say(connection, MHD_HTTP_FORBIDDEN,
			   "telltale answers to localhost, 127.0.0.1 and [::1] only\n");
	if (!is_read(method))
		return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD only\n");
	if (!strcmp(url, "/metrics"))
		return answer_metrics(context, connection);
	if (!strcmp(url, "/"))
		return say(connection, MHD_HTTP_OK,
			   "telltale " TELLTALE_VERSION "\n\n"
			   "/metrics\twhat is exported, in the Prometheus text format\n");
	return say(connection, MHD_HTTP_NOT_FOUND, "nothing here; see /metrics\n");
}

static enum MHD_Result handle_control(void *context, struct MHD_Connection *connection,
				      const char *url, const char *method, const char *version,
				      const char *upload, size_t *upload_len, void **state)
{
	struct page *p = context;
	char *text;

	(void)version;
	(void)upload;
	if (still_coming(state, upload_len))
		return MHD_YES;
	if (!is_read(method))
		return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD only\n");
	text = p->ask(p->context, url);
	if (!text)
		return say(connection, MHD_HTTP_NOT_FOUND, "nothing here\n");
	return answer(connection, MHD_HTTP_OK, JSON, text, strlen(text), true);
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

/* Serves the listening socket FD, which becomes the daemon's; it is closed on failure too. */
static struct MHD_Daemon *serve(int fd, MHD_AccessHandlerCallback handler, struct page *p,
				char *why, size_t why_len)
{
	struct MHD_Daemon *d = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, handler, p,
		MHD_OPTION_EXTERNAL_LOGGER, library_message, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		CONNECTION_TIMEOUT, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_END);

	if (!d) {
		snprintf(why, why_len,
			 "cannot start the HTTP server: is memory or a limit on open "
			 "files short?");
		close(fd);
	}
	return d;
}

static int start_control(struct page *p, const char *path, char *why, size_t why_len)
{
	int fd = page_listen_unix(path, &p->control_file, why, why_len);

	if (fd < 0)
		return fd;
	p->control = serve(fd, handle_control, p, why, why_len);
	if (!p->control)
		page_unlink_unix(path, &p->control_file);
	return p->control ? 0 : -ENOMEM;
}

static int start_metrics(struct page *p, const char *listen, char *why, size_t why_len)
{
	int fd = page_listen_loopback(listen, why, why_len);

	if (fd < 0)
		return fd;
	p->metrics = serve(fd, handle_metrics, p, why, why_len);
	return p->metrics ? 0 : -ENOMEM;
}

int page_start(const char *listen, const char *control_path, page_control *control, void *context,
	       struct page **out, char *why, size_t why_len)
{
	struct page *p = calloc(1, sizeof(*p));
	int err = 0;

	if (!p || (control_path && !(p->control_path = strdup(control_path)))) {
		snprintf(why, why_len, "out of memory");
		free(p);
		return -ENOMEM;
	}
	p->ask = control;
	p->context = context;
	/* The control socket first: it tells a second instance from a port that is merely taken. */
	if (control_path)
		err = start_control(p, control_path, why, why_len);
	if (!err && listen)
		err = start_metrics(p, listen, why, why_len);
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
	released_unref(old);
}

void page_set_notes(struct page *p, char *notes)
{
	free(p->notes);
	p->notes = notes;
}

size_t page_fds(const struct page *p, int *fds, size_t max)
{
	struct MHD_Daemon *daemons[] = {p->control, p->metrics};
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
	struct MHD_Daemon *daemons[] = {p->control, p->metrics};
	int soonest = -1;

	for (size_t i = 0; i < 2; i++) {
		MHD_UNSIGNED_LONG_LONG ms;

		if (!daemons[i])
			continue;
		if (MHD_run(daemons[i]) != MHD_YES)
			log_debug(STAGE, "the HTTP server failed a round");
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
	if (p->metrics)
		MHD_stop_daemon(p->metrics);
	if (p->control) {
		/* Before it is closed: a successor must not find a dead socket and lose its own. */
		page_unlink_unix(p->control_path, &p->control_file);
		MHD_stop_daemon(p->control);
	}
	released_unref(p->snapshot);
	free(p->notes);
	free(p->control_path);
	free(p);
}
