/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - parses and checks single values of the configuration file and the environment. */
#include "config/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "base/fetch.h"
#include "base/utf8.h"
#include "base/url.h"

int config_refuse(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, CONFIG_WHY, format, args);
	va_end(args);
	return -EINVAL;
}

/* Whether S begins with a control character: ASCII's, including NUL, or U+0080 to U+009F. */
static bool is_control(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0);
}

int config_check_text(const char *text, size_t len, char *why)
{
	size_t n;

	if (!len)
		return config_refuse(why, "is empty; give it a value or leave it out");
	if (len > CONFIG_TEXT_MAX)
		return config_refuse(why, "has %zu bytes; shorten it to %d", len, CONFIG_TEXT_MAX);
	for (size_t i = 0; i < len; i += n) {
		if (is_control((const unsigned char *)text + i))
			return config_refuse(
				why,
				"has a control character (a line break, say) at byte %zu; "
				"remove it",
				i + 1);
		n = utf8_sequence(text + i);
		if (!n)
			return config_refuse(why, "is not UTF-8 at byte %zu; write it in UTF-8",
					     i + 1);
	}
	return 0;
}

int config_check_absolute(const char *text, char *why)
{
	if (text[0] == '/')
		return 0;
	return config_refuse(why, "'%.80s' is not an absolute path; begin it with /", text);
}

int config_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *number, char *why)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end)
		return config_refuse(
			why, "'%.40s' is not a whole number; write digits only, from %llu to %llu",
			text, (unsigned long long)min, (unsigned long long)max);
	if (errno || *number < min || *number > max)
		return config_refuse(why, "%.40s is out of range; write %llu to %llu", text,
				     (unsigned long long)min, (unsigned long long)max);
	return 0;
}

int config_parse_ms(const char *text, uint32_t min_ms, uint32_t max_ms, uint32_t *ms, char *why)
{
	uint64_t number;
	int err = config_parse_number(text, min_ms, max_ms, &number, why);

	if (err) {
		size_t used = strlen(why);

		snprintf(why + used, CONFIG_WHY - used, " (milliseconds)");
		return err;
	}
	*ms = (uint32_t)number;
	return 0;
}

const char *config_duration_text(uint32_t ms, char *buf, size_t len)
{
	static const struct {
		uint32_t ms;
		const char *unit;
	} units[] = {{3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
	size_t i = 0;

	while (ms % units[i].ms)
		i++;
	snprintf(buf, len, "%u%s", ms / units[i].ms, units[i].unit);
	return buf;
}

int config_parse_duration(const char *text, uint32_t min_ms, uint32_t max_ms, uint32_t *ms,
			  char *why)
{
	char *unit, least[16], most[16];
	unsigned long long number, factor;

	errno = 0;
	number = strtoull(text, &unit, 10);
	if (!isdigit((unsigned char)text[0]))
		return config_refuse(
			why, "'%.40s' is not a duration; write it like 500ms, 15s, 5m or 1h", text);
	if (!*unit)
		return config_refuse(why,
				     "%.40s has no unit; write %.40sms, %.40ss, %.40sm or %.40sh",
				     text, text, text, text, text);
	if (!strcmp(unit, "ms"))
		factor = 1;
	else if (!strcmp(unit, "s"))
		factor = 1000;
	else if (!strcmp(unit, "m"))
		factor = 60000;
	else if (!strcmp(unit, "h"))
		factor = 3600000;
	else
		return config_refuse(
			why,
			"'%.40s' is not a duration; write a whole number and ms, s, m or h, "
			"like 1500ms",
			text);
	if (errno || number > max_ms / factor || number * factor < min_ms)
		return config_refuse(why, "%.40s is out of range; write %s to %s", text,
				     config_duration_text(min_ms, least, sizeof(least)),
				     config_duration_text(max_ms, most, sizeof(most)));
	*ms = (uint32_t)(number * factor);
	return 0;
}

/* TEXT as a number with WHOLE_MAX digits and up to DECIMALS decimals, in units of the last of
 * these. False: it is none. */
static bool parse_decimals(const char *text, size_t whole_max, size_t decimals, uint64_t *number)
{
	static const char digits[] = "0123456789";
	size_t whole = strspn(text, digits), fraction = 0;

	if (text[whole] == '.')
		fraction = strspn(text + whole + 1, digits);
	if (!whole || whole > whole_max || fraction > decimals ||
	    (text[whole] == '.') != (fraction > 0) || text[whole + (fraction ? 1 + fraction : 0)])
		return false;
	*number = 0;
	for (size_t i = 0; i < whole; i++)
		*number = 10 * *number + (uint64_t)(text[i] - '0');
	for (size_t i = 0; i < decimals; i++)
		*number = 10 * *number + (i < fraction ? (uint64_t)(text[whole + 1 + i] - '0') : 0);
	return true;
}

int config_parse_thousandths(const char *text, uint64_t *thousandths, char *why)
{
	if (parse_decimals(text, 2, 3, thousandths))
		return 0;
	return config_refuse(why,
			     "'%.40s' is not a number from 0.001 to 20 with up to "
			     "three decimals; write it as 0.5",
			     text);
}

int config_parse_share(const char *text, uint64_t *millionths, char *why)
{
	uint64_t number;

	if (!parse_decimals(text, 1, 6, &number) || number > 1000000)
		return config_refuse(why,
				     "'%.40s' is not a share from 0 to 1 with up to six decimals; "
				     "write 0.01 for one in a hundred",
				     text);
	*millionths = number;
	return 0;
}

/* Splits "address:port", an IPv6 address in brackets. 0, or -EINVAL with "what; fix" in WHY. */
static int parse_address(const char *text, bool *loopback, char *why)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	struct in_addr v4;
	struct in6_addr v6;
	uint64_t port;

	if (!len || len >= sizeof(host))
		return config_refuse(
			why,
			"'%.80s' is not address:port; write 127.0.0.1:9464, [::1]:9464, "
			"unix:/run/telltale/page.sock or none",
			text);
	memcpy(host, text, len);
	host[len] = '\0';
	if (config_parse_number(colon + 1, 1, 65535, &port, why))
		return config_refuse(why, "'%.80s' has no port; write 127.0.0.1:9464, for example",
				     text);
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &v6) != 1)
			return config_refuse(why, "'%.80s' is not an address; write [::1]:9464",
					     text);
		*loopback = IN6_IS_ADDR_LOOPBACK(&v6);
		return 0;
	}
	if (inet_pton(AF_INET, host, &v4) != 1)
		return config_refuse(why,
				     "'%.80s' is not an address in digits; write 127.0.0.1:%u "
				     "or [::1]:%u",
				     text, (unsigned)port, (unsigned)port);
	*loopback = ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	return 0;
}

bool config_listen_is_local(const char *listen)
{
	char why[CONFIG_WHY];
	bool loopback = false;

	return !strncmp(listen, "unix:", 5) || (!parse_address(listen, &loopback, why) && loopback);
}

int config_parse_listen(const char *text, char **listen, char *why)
{
	bool loopback;
	int err;

	*listen = NULL;
	if (!strcmp(text, "none"))
		return 0;
	if (!strncmp(text, "unix:", 5))
		err = config_check_absolute(text + 5, why);
	else
		err = parse_address(text, &loopback, why);
	if (err)
		return err;
	*listen = strdup(text);
	return *listen ? 0 : -ENOMEM;
}

/* WHY does not show TEXT: a bearer token pasted here by mistake must not get into the log. */
int config_parse_token(const char *text, uint64_t *token, char *why)
{
	if (strlen(text) != 16 || strspn(text, "0123456789abcdefABCDEF") != 16)
		return config_refuse(
			why, "is not a fingerprint of 16 hexadecimal digits; take the one that "
			     "`telltale peers` prints, never the bearer token itself");
	*token = strtoull(text, NULL, 16);
	if (!*token)
		return config_refuse(
			why, "is not the fingerprint of any token; leave the key out if the "
			     "endpoint alone identifies the peer");
	return 0;
}

int config_parse_asset_code(const char *text, struct asset *asset, char *why)
{
	size_t len = strlen(text);

	for (const char *c = text; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return config_refuse(why,
					     "'%.40s' is not an asset code; write the code of the "
					     "peering, like USD",
					     text);
	}
	if (len >= sizeof(asset->code))
		return config_refuse(why,
				     "'%.40s' is too long for an asset code; write at most %zu "
				     "letters",
				     text, sizeof(asset->code) - 1);
	memset(asset->code, 0, sizeof(asset->code));
	memcpy(asset->code, text, len);
	return 0;
}

int config_parse_network(const char *text, enum network *network, char *why)
{
	if (!strcmp(text, "testnet"))
		*network = NETWORK_TESTNET;
	else if (!strcmp(text, "livenet"))
		*network = NETWORK_LIVENET;
	else
		return config_refuse(why, "no network '%.40s'; write testnet or livenet", text);
	return 0;
}

int config_parse_compression(const char *text, bool *gzip, char *why)
{
	*gzip = !strcmp(text, "gzip");
	if (*gzip || !strcmp(text, "none"))
		return 0;
	return config_refuse(why, "no compression '%.40s'; write gzip or none", text);
}
