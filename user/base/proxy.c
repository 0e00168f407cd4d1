/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proxy.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX_LEN 255
#define NAMES_MAX    4

static const char *const proxy_names[][NAMES_MAX + 1] = {
	[PROXY_GRPC] = {"grpc_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy"},
	[PROXY_HTTP] = {"http_proxy", "all_proxy", "ALL_PROXY"},
	[PROXY_HTTPS] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"},
};

/* The first of NAMES, which end with NULL, that is set and not empty; NULL: none. */
static const char *first_set(const char *const *names, const char **value)
{
	for (; *names; names++) {
		*value = getenv(*names);
		if (*value && **value)
			return *names;
	}
	return NULL;
}

/* --- hosts ------------------------------------------------------------------------------------ */

struct address {
	int family; /* AF_UNSPEC: a name */
	unsigned char bytes[sizeof(struct in6_addr)];
};

static struct address address_of(const char *text)
{
	struct address a = {.family = AF_INET};

	if (inet_pton(AF_INET, text, a.bytes) == 1)
		return a;
	a.family = AF_INET6;
	if (inet_pton(AF_INET6, text, a.bytes) != 1)
		a.family = AF_UNSPEC;
	else if (IN6_IS_ADDR_V4MAPPED((struct in6_addr *)a.bytes)) {
		a.family = AF_INET;
		memmove(a.bytes, a.bytes + 12, 4);
	}
	return a;
}

/* HOST without brackets and without the dot that a complete name may end with. */
static void bare(const char *host, char out[HOST_MAX_LEN + 1])
{
	size_t len = strlen(host);

	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (len > 1 && host[len - 1] == '.')
		len--;
	snprintf(out, HOST_MAX_LEN + 1, "%.*s", (int)(len > HOST_MAX_LEN ? HOST_MAX_LEN : len),
		 host);
}

/* Whether HOST is NAME or lies below it. */
static bool is_below(const char *host, const char *name)
{
	size_t host_len = strlen(host), len = strlen(name);

	if (host_len < len || strcasecmp(host + host_len - len, name) != 0)
		return false;
	return host_len == len || host[host_len - len - 1] == '.';
}

bool proxy_is_loopback(const char *host)
{
	char name[HOST_MAX_LEN + 1];
	struct address a;

	bare(host, name);
	a = address_of(name);
	if (a.family == AF_INET)
		return a.bytes[0] == 127;
	if (a.family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK((struct in6_addr *)a.bytes);
	return is_below(name, "localhost");
}

/* --- exceptions ------------------------------------------------------------------------------- */

static bool is_in_network(const struct address *a, const struct address *network, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (a->family != network->family || bits > (a->family == AF_INET ? 32u : 128u))
		return false;
	if (memcmp(a->bytes, network->bytes, whole) != 0)
		return false;
	return !rest || !((a->bytes[whole] ^ network->bytes[whole]) >> (8 - rest));
}

/* ENTRY is an address or a network. */
static bool is_in(const struct address *a, char *entry)
{
	char *slash = strchr(entry, '/'), *end = NULL;
	unsigned long bits = a->family == AF_INET ? 32 : 128;
	struct address network;
	char name[HOST_MAX_LEN + 1];

	if (slash) {
		*slash = '\0';
		bits = strtoul(slash + 1, &end, 10);
		if (end == slash + 1 || *end || bits > 128)
			return false;
	}
	bare(entry, name);
	network = address_of(name);
	return network.family != AF_UNSPEC && is_in_network(a, &network, (unsigned)bits);
}

/* Cuts ":port" off ENTRY. False: the port is another one than PORT. */
static bool takes_port(char *entry, const char *port)
{
	char *colon = strrchr(entry, ':'), *bracket = strchr(entry, ']');

	/* Several colons without a bracket are an IPv6 address. */
	if (!colon || (bracket ? colon < bracket : strchr(entry, ':') != colon))
		return true;
	*colon = '\0';
	return port && !strcmp(port, colon + 1);
}

static bool entry_excepts(char *entry, const char *host, const char *port, bool any_suffix)
{
	struct address a = address_of(host);
	size_t host_len = strlen(host), len;

	if (!strcmp(entry, "*"))
		return true;
	if (!takes_port(entry, port))
		return false;
	if (a.family != AF_UNSPEC)
		return is_in(&a, entry);
	entry += entry[0] == '*' && entry[1] == '.';
	entry += *entry == '.';
	len = strlen(entry);
	if (len > 1 && entry[len - 1] == '.')
		entry[--len] = '\0';
	if (!len)
		return false;
	return is_below(host, entry) ||
	       (any_suffix && host_len > len && !strcasecmp(host + host_len - len, entry));
}

/* gRPC itself leaves the proxy out for every host that ends with an entry, wherever its dots are.
 */
static bool is_excepted(enum proxy_client client, const char *host, const char *port)
{
	static const char *const names[] = {"no_grpc_proxy", "no_proxy", "NO_PROXY", NULL};
	const char *value = NULL;
	char *copy, *rest, *entry;
	bool found = false;

	if (!first_set(names + (client != PROXY_GRPC), &value))
		return false;
	copy = rest = strdup(value);
	/* Without memory for it: directly, which gives nothing to a proxy. */
	if (!copy)
		return true;
	while (!found && (entry = strsep(&rest, ", \t")))
		found = *entry && entry_excepts(entry, host, port, client == PROXY_GRPC);
	free(copy);
	return found;
}

const char *proxy_exceptions(void)
{
	static const char *const names[] = {"no_proxy", "NO_PROXY", NULL};
	const char *value = NULL;

	return first_set(names, &value) ? value : "";
}

/* --- proxies ---------------------------------------------------------------------------------- */

bool proxy_find(enum proxy_client client, const char *host, const char *port, struct proxy *out)
{
	const char *value = NULL;
	char name[HOST_MAX_LEN + 1];

	memset(out, 0, sizeof(*out));
	bare(host, name);
	if (proxy_is_loopback(name))
		return false;
	out->variable = first_set(proxy_names[client], &value);
	if (!out->variable || is_excepted(client, name, port)) {
		out->variable = NULL;
		return false;
	}
	snprintf(out->url, sizeof(out->url), "%s%s", strstr(value, "://") ? "" : "http://", value);
	url_show(out->url, out->shown);
	return client != PROXY_GRPC || !strncasecmp(out->url, "http://", 7);
}

bool proxy_find_for_url(const char *text, struct proxy *out)
{
	struct url url;
	bool found = false;

	memset(out, 0, sizeof(*out));
	if (url_parse(text, &url) && url.host && url_is_http(&url)) {
		bool tls = !strcasecmp(url.scheme, "https");

		found = proxy_find(tls ? PROXY_HTTPS : PROXY_HTTP, url.host,
				   url.port ? url.port
				   : tls    ? "443"
					    : "80",
				   out);
	}
	url_fini(&url);
	return found;
}
