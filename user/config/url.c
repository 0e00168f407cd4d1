/* SPDX-License-Identifier: Apache-2.0 */
/* url.c - URLs and lists of pairs of the configuration, taken apart by libcurl. */
#include "config/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/url.h"

/* What an endpoint's URL must not have, or lacks; SHOWN is its text for a message. */
static int check_parts(const struct url *url, const char *shown, char *why)
{
	if (url->user)
		return config_refuse(why, "has a user or password in the URL; put credentials into "
					  "`headers`");
	if ((url->path && *url->path && strcmp(url->path, "/")) || url->query || url->fragment)
		return config_refuse(
			why,
			"'%.120s' has a path, and OTLP over gRPC takes none; end it after "
			"host:port (4317 as a rule; 4318 is OTLP over HTTP)",
			shown);
	if (!url_is_http(url))
		return config_refuse(why,
				     "'%.120s' has a scheme telltale does not speak; write http:// "
				     "or, with TLS, https://",
				     shown);
	if (!url_has_host(url))
		return config_refuse(why, "'%.120s' has no host; write http://host:4317", shown);
	return 0;
}

int config_parse_url(const char *text, bool tls_default, struct config_endpoint *e, char *why)
{
	bool has_scheme = strstr(text, "://");
	char shown[URL_SHOWN];
	struct url url;
	int err;

	url_show(text, shown);
	if (!url_parse(text, &url)) {
		err = config_refuse(why,
				    "'%.120s' is not a URL; write http://host:4317 or, with TLS, "
				    "https://host:4317",
				    shown);
		goto out;
	}
	err = check_parts(&url, shown, why);
	if (err)
		goto out;
	e->tls = has_scheme ? !strcasecmp(url.scheme, "https") : tls_default;
	if (asprintf(&e->url, "%s%s", e->tls && !has_scheme ? "https://" : "", text) < 0)
		e->url = NULL;
	if (asprintf(&e->authority, "%s:%s", url.host, url.port ? url.port : "4317") < 0)
		e->authority = NULL;
	err = e->url && e->authority ? 0 : -ENOMEM;
out:
	url_fini(&url);
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
