/* SPDX-License-Identifier: Apache-2.0 */
/* url.c - URLs and lists of pairs of the configuration, taken apart by libcurl. */
#include "config/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

/* Where a URL may be given without its scheme, "host:4317" must not be read as one; and libcurl
 * would take "http:///x" for a host x. */
static CURLU *url_parse(const char *text)
{
	const char *rest = strstr(text, "://");
	CURLU *url;
	char *whole;

	if (*(rest ? rest + 3 : text) == '/')
		return NULL;
	url = curl_url();
	if (!url || asprintf(&whole, "%s%s", rest ? "" : "http://", text) < 0)
		whole = NULL;
	if (!whole ||
	    curl_url_set(url, CURLUPART_URL, whole, CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME)) {
		curl_url_cleanup(url);
		url = NULL;
	}
	free(whole);
	return url;
}

void config_show_url(const char *text, char shown[CONFIG_SHOWN])
{
	/* The last one: a password in a text that is no URL can hold anything, '@', '/' and '?'
	 * too. */
	const char *at = strrchr(text, '@'), *rest = at ? at + 1 : text;
	const char *scheme = strstr(text, "://");

	snprintf(shown, CONFIG_SHOWN, "%.*s%s%.*s",
		 scheme && scheme < at ? (int)(scheme + 3 - text) : 0, text, at ? "...@" : "",
		 (int)strcspn(rest, "?#"), rest);
}

/* A part of URL, malloc'ed by libcurl (curl_free); NULL when it has none. */
static char *url_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, 0) ? NULL : text;
}

static bool is_http(const char *scheme)
{
	return scheme && (!strcasecmp(scheme, "http") || !strcasecmp(scheme, "https"));
}

/* libcurl decodes %-escapes in a host to anything; only what a Host header has is taken. */
static bool is_host(const char *host)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-_[]:";

	return host && *host && !host[strspn(host, letters)];
}

char *config_normalise_endpoint(const char *text)
{
	char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *out = NULL;
	CURLU *url;
	size_t len;

	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
			return NULL;
	}
	url = url_parse(text);
	if (!url)
		return NULL;
	scheme = url_part(url, CURLUPART_SCHEME);
	host = url_part(url, CURLUPART_HOST);
	port = url_part(url, CURLUPART_PORT);
	path = url_part(url, CURLUPART_PATH);
	if (!is_http(scheme) || !is_host(host))
		goto out;
	for (char *c = host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	len = strlen(host);
	if (len > 1 && host[len - 1] == '.')
		host[len - 1] = '\0';
	if (port && (!strcmp(port, "80") || !strcmp(port, "443"))) {
		curl_free(port);
		port = NULL;
	}
	if (asprintf(&out, "%s%s%s%s", host, port ? ":" : "", port ? port : "",
		     path && *path ? path : "/") < 0)
		out = NULL;
out:
	curl_free(path);
	curl_free(port);
	curl_free(host);
	curl_free(scheme);
	curl_url_cleanup(url);
	return out;
}

/* What an endpoint's URL must not have, or lacks. */
static int check_parts(CURLU *url, const char *text, char *why)
{
	char *user = url_part(url, CURLUPART_USER);
	char *path = url_part(url, CURLUPART_PATH);
	char *query = url_part(url, CURLUPART_QUERY);
	char *fragment = url_part(url, CURLUPART_FRAGMENT);
	char shown[CONFIG_SHOWN];
	int err = 0;

	config_show_url(text, shown);
	if (user)
		err = config_refuse(why, "has a user or password in the URL; put credentials into "
					 "`headers`");
	else if ((path && *path && strcmp(path, "/")) || query || fragment)
		err = config_refuse(
			why,
			"'%.120s' has a path, and OTLP over gRPC takes none; end it after "
			"host:port (4317 as a rule; 4318 is OTLP over HTTP)",
			shown);
	curl_free(fragment);
	curl_free(query);
	curl_free(path);
	curl_free(user);
	return err;
}

int config_parse_url(const char *text, bool tls_default, struct config_endpoint *e, char *why)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	char shown[CONFIG_SHOWN];
	CURLU *url = url_parse(text);
	int err;

	config_show_url(text, shown);
	if (!url)
		return config_refuse(why,
				     "'%.120s' is not a URL; write http://host:4317 or, with TLS, "
				     "https://host:4317",
				     shown);
	scheme = url_part(url, CURLUPART_SCHEME);
	host = url_part(url, CURLUPART_HOST);
	port = url_part(url, CURLUPART_PORT);
	err = check_parts(url, text, why);
	if (err)
		goto out;
	if (!is_http(scheme)) {
		err = config_refuse(why,
				    "'%.120s' has a scheme telltale does not speak; write http:// "
				    "or, with TLS, https://",
				    shown);
		goto out;
	}
	if (!is_host(host)) {
		err = config_refuse(why, "'%.120s' has no host; write http://host:4317", shown);
		goto out;
	}
	e->tls = strstr(text, "://") ? !strcasecmp(scheme, "https") : tls_default;
	if (asprintf(&e->url, "%s%s", e->tls && !strstr(text, "://") ? "https://" : "", text) < 0)
		e->url = NULL;
	if (asprintf(&e->authority, "%s:%s", host, port ? port : "4317") < 0)
		e->authority = NULL;
	err = e->url && e->authority ? 0 : -ENOMEM;
out:
	curl_free(port);
	curl_free(host);
	curl_free(scheme);
	curl_url_cleanup(url);
	return err;
}

int config_check_endpoint(const struct config_endpoint *e, char *why)
{
	if (!e->tls && (e->ca_file || e->cert_file || e->key_file))
		return config_refuse(
			why, "has certificate files but no TLS; begin its URL with https://, "
			     "or remove ca, cert and key");
	if (!e->cert_file != !e->key_file)
		return config_refuse(why, "has %s without %s; a client certificate needs both",
				     e->cert_file ? "cert" : "key", e->cert_file ? "key" : "cert");
	if (e->exponential && e->audience == AUDIENCE_NETWORK)
		return config_refuse(
			why, "has exponential histograms and audience network, whose dashboards "
			     "and privacy mechanism know the explicit buckets alone; remove "
			     "histograms");
	return 0;
}

void config_endpoint_init(struct config_endpoint *e)
{
	memset(e, 0, sizeof(*e));
	e->audience = AUDIENCE_OWN;
	e->timeout_ms = CONFIG_TIMEOUT_MS;
}

void config_endpoint_fini(struct config_endpoint *e)
{
	free(e->url);
	free(e->authority);
	free(e->ca_file);
	free(e->cert_file);
	free(e->key_file);
	for (size_t i = 0; i < e->headers_len; i++) {
		free(e->headers[i].name);
		free(e->headers[i].value);
	}
	free(e->headers);
}

void config_pairs_free(struct config_attribute *pairs, size_t pairs_len)
{
	for (size_t i = 0; i < pairs_len; i++) {
		free(pairs[i].key);
		free(pairs[i].value);
	}
	free(pairs);
}

/* TEXT without the blanks around it; cuts TEXT. */
static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t");
	end = text + strlen(text);
	while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	return text;
}

/* Percent-decodes; NULL when the text is not what one header or attribute can hold. */
static char *decode(const char *text)
{
	int len = 0;
	char *raw = curl_easy_unescape(NULL, text, 0, &len), *out = NULL;

	if (raw && strlen(raw) == (size_t)len)
		out = strdup(raw);
	curl_free(raw);
	return out;
}

int config_parse_pairs(const char *text, struct config_attribute **pairs, size_t *pairs_len,
		       char *why)
{
	char *copy = strdup(text), *rest = copy, *item, *equals;
	struct config_attribute *list = calloc(CONFIG_PAIRS_MAX, sizeof(*list));
	size_t len = 0, number = 0;
	int err = -ENOMEM;

	if (!copy || !list)
		goto out;
	err = 0;
	while (!err && (item = strsep(&rest, ","))) {
		item = trim(item);
		number++;
		if (!*item)
			continue;
		equals = strchr(item, '=');
		if (!equals || equals == item) {
			err = config_refuse(why,
					    "entry %zu is not name=value; write name=value, with "
					    "commas between",
					    number);
			break;
		}
		if (len == CONFIG_PAIRS_MAX) {
			err = config_refuse(why, "has more than %d entries; remove some",
					    CONFIG_PAIRS_MAX);
			break;
		}
		*equals = '\0';
		list[len].key = decode(trim(item));
		list[len].value = decode(trim(equals + 1));
		if (!list[len].key || !list[len].value ||
		    config_check_text(list[len].key, strlen(list[len].key), why) ||
		    (*list[len].value &&
		     config_check_text(list[len].value, strlen(list[len].value), why)))
			err = config_refuse(why,
					    "entry %zu holds a control character, or bytes that "
					    "are not UTF-8; remove them",
					    number);
		len++;
	}
out:
	if (copy)
		explicit_bzero(copy, strlen(text));
	free(copy);
	if (err) {
		config_pairs_free(list, len);
		return err;
	}
	*pairs = list;
	*pairs_len = len;
	return 0;
}
