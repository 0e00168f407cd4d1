/* SPDX-License-Identifier: Apache-2.0 */
#include "base/url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

/* Adds http:// where there is no scheme: "host:" in "host:4317" would be read as one. Refuses
 * "http:///x", which libcurl would read as host x. */
static CURLU *parse(const char *text)
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

static char *part_of(CURLU *url, CURLUPart part)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, 0) ? NULL : text;
}

bool url_parse(const char *text, struct url *url)
{
	CURLU *parsed = parse(text);

	*url = (struct url){0};
	if (!parsed)
		return false;
	url->scheme = part_of(parsed, CURLUPART_SCHEME);
	url->user = part_of(parsed, CURLUPART_USER);
	url->host = part_of(parsed, CURLUPART_HOST);
	url->port = part_of(parsed, CURLUPART_PORT);
	url->path = part_of(parsed, CURLUPART_PATH);
	url->query = part_of(parsed, CURLUPART_QUERY);
	url->fragment = part_of(parsed, CURLUPART_FRAGMENT);
	curl_url_cleanup(parsed);
	return true;
}

void url_fini(struct url *url)
{
	curl_free(url->scheme);
	curl_free(url->user);
	curl_free(url->host);
	curl_free(url->port);
	curl_free(url->path);
	curl_free(url->query);
	curl_free(url->fragment);
}

bool url_is_http(const struct url *url)
{
	return url->scheme &&
	       (!strcasecmp(url->scheme, "http") || !strcasecmp(url->scheme, "https"));
}

/* libcurl decodes %-escapes in a host, so any byte can be in it. */
bool url_has_host(const struct url *url)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-_[]:";
	const char *host = url->host;

	return host && *host && !host[strspn(host, letters)];
}

void url_show(const char *text, char shown[URL_SHOWN])
{
	/* The last '@': in a text that is no valid URL, a password can contain '@', '/' and '?'. */
	const char *at = strrchr(text, '@'), *rest = at ? at + 1 : text;
	const char *scheme = strstr(text, "://");

	snprintf(shown, URL_SHOWN, "%.*s%s%.*s",
		 scheme && scheme < at ? (int)(scheme + 3 - text) : 0, text, at ? "...@" : "",
		 (int)strcspn(rest, "?#"), rest);
}

char *url_normalise(const char *text)
{
	struct url url;
	const char *port;
	char *out = NULL;
	size_t len;

	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
			return NULL;
	}
	if (!url_parse(text, &url) || !url_is_http(&url) || !url_has_host(&url))
		goto out;
	for (char *c = url.host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	len = strlen(url.host);
	if (len > 1 && url.host[len - 1] == '.')
		url.host[len - 1] = '\0';
	port = url.port && strcmp(url.port, "80") && strcmp(url.port, "443") ? url.port : NULL;
	if (asprintf(&out, "%s%s%s%s", url.host, port ? ":" : "", port ? port : "",
		     url.path && *url.path ? url.path : "/") < 0)
		out = NULL;
out:
	url_fini(&url);
	return out;
}
