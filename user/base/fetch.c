/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/proxy.h"

#ifndef TELLTALE_VERSION
#error "TELLTALE_VERSION comes from the Makefile"
#endif

#define REDIRECTS_MAX 3L

struct fetch {
	CURLM *multi;
	CURL *easy;
	char *body;
	size_t len, capacity, max;
	bool too_large;
	char error[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_begin(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

void fetch_begin(void)
{
	pthread_once(&curl_once, curl_begin);
}

/* --- URLs --- */

static bool asks_for_base(const char *query)
{
	for (; query; query = strchr(query, '&')) {
		query += *query == '&';
		if (!strncmp(query, "base=", 5))
			return true;
	}
	return false;
}

char *fetch_url_with_base(const char *url, const char *base)
{
	CURLU *u = curl_url();
	char *query = NULL, *scheme = NULL, *whole = NULL, *result = NULL;
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "base=%s", base);
	if (!u || curl_url_set(u, CURLUPART_URL, url, 0) ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		goto out;
	if (curl_url_get(u, CURLUPART_QUERY, &query, 0))
		query = NULL;
	if (!asks_for_base(query) && curl_url_set(u, CURLUPART_QUERY, wanted, CURLU_APPENDQUERY))
		goto out;
	if (!curl_url_get(u, CURLUPART_URL, &whole, 0))
		result = strdup(whole);
out:
	curl_free(query);
	curl_free(scheme);
	curl_free(whole);
	curl_url_cleanup(u);
	return result;
}

char *fetch_location_shown(const char *location)
{
	const char *host = location + strcspn(location, ":/?#@"), *end, *at;
	char *shown = NULL;

	if (location[0] == '/')
		return strdup(location);
	host = strncmp(host, "://", 3) ? location : host + 3;
	end = host + strcspn(host, "/?#");
	at = memrchr(host, '@', (size_t)(end - host));
	if (asprintf(&shown, "%.*s%s%.*s%s", (int)(host - location), location, at ? "...@" : "",
		     (int)strcspn(at ? at + 1 : host, "?#"), at ? at + 1 : host,
		     strchr(end, '?') ? "?..." : "") < 0)
		return NULL;
	return shown;
}

char *fetch_path_of_url(const char *url)
{
	CURLU *u = curl_url();
	char *path = NULL, *copy = NULL;

	if (u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
	    !curl_url_get(u, CURLUPART_PATH, &path, CURLU_URLDECODE))
		copy = strdup(path);
	curl_free(path);
	curl_url_cleanup(u);
	return copy;
}

/* --- http(s) --- */

static size_t receive(char *data, size_t size, size_t n, void *fetch)
{
	struct fetch *f = fetch;
	size_t bytes = size * n, wanted = f->capacity;
	char *grown;

	if (bytes > f->max - f->len) {
		f->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	while (wanted < f->len + bytes)
		wanted = wanted ? wanted * 2 : 16384;
	if (wanted != f->capacity) {
		grown = realloc(f->body, wanted);
		if (!grown)
			return CURL_WRITEFUNC_ERROR;
		f->body = grown;
		f->capacity = wanted;
	}
	memcpy(f->body + f->len, data, bytes);
	f->len += bytes;
	return bytes;
}

int fetch_set_proxy(void *easy, const char *url)
{
	struct proxy proxy;
	bool found = proxy_find_for_url(url, &proxy);
	char *direct = NULL;
	CURLcode e = CURLE_OUT_OF_MEMORY;

	/* An empty proxy means none; without the option, libcurl would read the environment. */
	if (asprintf(&direct, "localhost,127.0.0.0/8,::1,%s", proxy_exceptions()) < 0)
		direct = NULL;
	if (direct)
		e = curl_easy_setopt(easy, CURLOPT_PROXY, found ? proxy.url : "");
	if (!e)
		e = curl_easy_setopt(easy, CURLOPT_NOPROXY, direct);
	free(direct);
	explicit_bzero(&proxy, sizeof(proxy));
	return (int)e;
}

static CURLcode set_options(struct fetch *f, const char *url, unsigned timeout_ms)
{
	bool secure = !strncasecmp(url, "https:", 6);
	CURLcode e = (CURLcode)fetch_set_proxy(f->easy, url);

#define SET(option, value)                                                                         \
	do {                                                                                       \
		if (!e)                                                                            \
			e = curl_easy_setopt(f->easy, option, value);                              \
	} while (0)
	SET(CURLOPT_URL, url);
	SET(CURLOPT_USERAGENT, "telltale/" TELLTALE_VERSION);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)f->max);
	SET(CURLOPT_WRITEFUNCTION, receive);
	SET(CURLOPT_WRITEDATA, f);
	SET(CURLOPT_ERRORBUFFER, f->error);
	SET(CURLOPT_NOSIGNAL, 1L);
	/* A cancelled fetch must not wait for a name server that does not answer. */
	SET(CURLOPT_QUICK_EXIT, 1L);
#undef SET
	return e;
}

int fetch_start(const char *url, size_t max, unsigned timeout_ms, struct fetch **out, char *why,
		size_t why_len)
{
	struct fetch *f;

	fetch_begin();
	f = calloc(1, sizeof(*f));
	if (!f)
		goto no_memory;
	f->max = max;
	f->multi = curl_multi_init();
	f->easy = curl_easy_init();
	if (!f->multi || !f->easy || set_options(f, url, timeout_ms) ||
	    curl_multi_add_handle(f->multi, f->easy))
		goto no_memory;
	*out = f;
	return 0;

no_memory:
	fetch_free(f);
	snprintf(why, why_len, "out of memory");
	return -ENOMEM;
}

static int failed(struct fetch *f, CURLcode code, char *why, size_t why_len)
{
	if (f->too_large || code == CURLE_FILESIZE_EXCEEDED) {
		snprintf(why, why_len, "the answer is larger than %zu bytes", f->max);
		return -EFBIG;
	}
	snprintf(why, why_len, "%s", f->error[0] ? f->error : curl_easy_strerror(code));
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT: return -ETIMEDOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY: return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT: return -ECONNREFUSED;
	case CURLE_TOO_MANY_REDIRECTS: return -ELOOP;
	case CURLE_OUT_OF_MEMORY: return -ENOMEM;
	default: return -EIO;
	}
}

int fetch_step(struct fetch *f, const char **body, size_t *len, char *why, size_t why_len)
{
	int running = 0, queued;
	long status = 0;
	CURLMcode e = curl_multi_perform(f->multi, &running);
	CURLMsg *message;

	if (e) {
		snprintf(why, why_len, "%s", curl_multi_strerror(e));
		return -EIO;
	}
	message = curl_multi_info_read(f->multi, &queued);
	if (!message || message->msg != CURLMSG_DONE)
		return -EAGAIN;
	if (message->data.result)
		return failed(f, message->data.result, why, why_len);
	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		snprintf(why, why_len, "the server answered with HTTP status %ld, not 200", status);
		return -EPROTO;
	}
	*body = f->body ? f->body : "";
	*len = f->len;
	return 0;
}

void fetch_wait(struct fetch *f, unsigned timeout_ms)
{
	curl_multi_poll(f->multi, NULL, 0, (int)timeout_ms, NULL);
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	if (f->multi && f->easy)
		curl_multi_remove_handle(f->multi, f->easy);
	curl_easy_cleanup(f->easy);
	curl_multi_cleanup(f->multi);
	free(f->body);
	free(f);
}

/* --- files --- */

static int read_whole(int fd, size_t max, char **body, size_t *len)
{
	/* One byte more than allowed shows that the file is too large. */
	char *buf = malloc(max + 1);
	size_t have = 0;
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	do {
		n = read(fd, buf + have, max + 1 - have);
		if (n > 0)
			have += (size_t)n;
	} while ((n > 0 && have <= max) || (n < 0 && errno == EINTR));
	if (n < 0 || have > max) {
		int error = n < 0 ? -errno : -EFBIG;

		free(buf);
		return error;
	}
	*body = buf;
	*len = have;
	return 0;
}

int fetch_file(const char *path, size_t max, char **body, size_t *len, char *why, size_t why_len)
{
	/* Non-blocking: a FIFO instead of a file would otherwise make open wait. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int error;

	if (fd < 0 || fstat(fd, &st))
		error = -errno;
	else if (!S_ISREG(st.st_mode))
		error = -EINVAL;
	else
		error = read_whole(fd, max, body, len);
	if (error == -EINVAL)
		snprintf(why, why_len, "not a regular file");
	else if (error == -EFBIG)
		snprintf(why, why_len, "the file is larger than %zu bytes", max);
	else if (error)
		snprintf(why, why_len, "cannot read the file: %s", strerror(-error));
	if (fd >= 0)
		close(fd);
	return error;
}
