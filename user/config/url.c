/* SPDX-License-Identifier: Apache-2.0 */
#include "config/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "bpf/record.h"
#include "config/text.h"
#include "base/fetch.h"
#include "base/url.h"

/* Checks the parts of an endpoint's URL. SHOWN is the URL as a message may show it. */
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
		return config_refuse(
			why,
			"'%.120s' has a scheme that telltale does not support; write http:// "
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

int config_parse_peer_endpoint(const char *text, char **endpoint, char *why)
{
	char shown[URL_SHOWN], *slash;

	url_show(text, shown);
	*endpoint = url_normalise(text);
	if (!*endpoint)
		return config_refuse(
			why,
			"'%.120s' is not an endpoint; write it as the connector calls it, "
			"like https://peer.example/ilp",
			shown);
	slash = strchr(*endpoint, '/');
	if (slash - *endpoint <= RECORD_HOST_MAX && strlen(slash) <= RECORD_PATH_MAX)
		return 0;
	free(*endpoint);
	*endpoint = NULL;
	return config_refuse(
		why,
		"is longer than the probe can see (host %d, path %d bytes); leave the peer "
		"to default_asset, or to its token under a shorter endpoint",
		RECORD_HOST_MAX, RECORD_PATH_MAX);
}

int config_parse_rates_location(const char *text, char *why)
{
	char *shown;
	int err;

	if (text[0] == '/' || !strncmp(text, "http://", 7) || !strncmp(text, "https://", 8))
		return 0;
	shown = fetch_location_shown(text);
	err = config_refuse(
		why,
		"'%.120s' is neither an absolute path nor a URL; begin it with /, http:// or "
		"https://",
		shown ? shown : "?");
	free(shown);
	return err;
}

/* TEXT without leading and trailing blanks; shortens TEXT in place. */
static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t");
	end = text + strlen(text);
	while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	return text;
}

/* Percent-decodes TEXT, malloc'ed; NULL when the result has a NUL in it, or memory is short. */
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
