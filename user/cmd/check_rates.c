/* SPDX-License-Identifier: Apache-2.0 */
/* check_rates.c - what `telltale check` says of the exchange rates, and the price of each asset. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fetch.h"
#include "base/proxy.h"
#include "cmd/checks.h"
#include "config/config.h"
#include "rates/decimal.h"
#include "rates/rates.h"

#define RATES_TIMEOUT_MS 5000
#define PRICED           1000 /* units at once: a conversion has four decimals */

/* A server may answer again; a file that is not there has to be put there. */
static void say_rates_failed(const char *whose, const char *location, const char *error)
{
	char *shown = fetch_location_shown(location);
	bool file = location[0] == '/' || !strncasecmp(location, "file:", 5);

	check_say(file ? HOST_FAIL : HOST_WARN, "rates", "the %s, %s: %s%s", whose,
		  shown ? shown : "?", error,
		  file ? "; put the document there, or name another place under `rates:`" : "");
	free(shown);
}

static void say_price(const struct rates *rates, const struct asset *asset, const char *whose)
{
	const uint64_t unit = decimal_power(RATES_BASE_SCALE);
	struct asset whole = *asset;
	uint64_t value;

	whole.scale = 0;
	if (rates_convert(rates, PRICED, &whole, &value) == RATES_OK)
		check_say(HOST_OK, "rates",
			  "%s, the asset of %s: %d of it are worth %" PRIu64 ".%0*" PRIu64
			  " " RATES_BASE_CODE,
			  asset->code, whose, PRICED, value / unit, RATES_BASE_SCALE, value % unit);
}

/* Without rates, amounts in ASSET are counted as unconverted. */
static void check_rate_of(const struct rates *rates, const struct asset *asset, const char *whose)
{
	struct asset upper = *asset;
	uint64_t value;
	bool other = false;

	if (rates_convert(rates, 1, asset, &value) != RATES_UNKNOWN) {
		say_price(rates, asset, whose);
		return;
	}
	for (char *c = upper.code; *c; c++) {
		other = other || islower((unsigned char)*c);
		*c = (char)toupper((unsigned char)*c);
	}
	other = other && rates_convert(rates, 1, &upper, &value) != RATES_UNKNOWN;
	check_say(HOST_FAIL, "rates",
		  "no rate of %s, the asset of %s: its amounts have no value; %s%s", asset->code,
		  whose,
		  other ? "codes differ by case: write "
			: "name a source that has it under `rates:`",
		  other ? upper.code : "");
}

static bool asset_before(const struct config *config, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(config->peers[i].asset.code, config->peers[n].asset.code))
			return true;
	}
	return config->has_default_asset &&
	       !strcmp(config->default_asset.code, config->peers[n].asset.code);
}

/* Each asset of the configuration once. */
static void check_assets(const struct config *config, const struct rates *rates)
{
	char whose[128];

	if (config->has_default_asset)
		check_rate_of(rates, &config->default_asset, "default_asset");
	for (size_t i = 0; i < config->peers_len; i++) {
		const struct peer *peer = &config->peers[i];

		if (asset_before(config, i))
			continue;
		snprintf(whose, sizeof(whose), "the peer %.100s",
			 peer->name ? peer->name : peer->endpoint);
		check_rate_of(rates, &peer->asset, whose);
	}
}

static void check_rates_proxy(const char *whose, const char *location)
{
	struct proxy proxy;

	if (proxy_find_for_url(location, &proxy))
		check_say(HOST_WARN, "rates",
			  "the %s are fetched through the proxy %s; if that is not intended, name "
			  "the "
			  "host in no_proxy or unset %s",
			  whose, proxy.shown, proxy.variable);
	explicit_bzero(&proxy, sizeof(proxy));
}

void check_rates(const struct config *config)
{
	static const char *const names[RATES_SOURCES] = {"operator's", "network's"};
	struct rates *rates = rates_new(config->rates);

	if (!rates)
		return;
	check_wait("rates", "being fetched");
	rates_load(rates, RATES_TIMEOUT_MS);
	for (unsigned i = 0; i < RATES_SOURCES; i++) {
		struct rates_status s = rates_status(rates, i, 0);

		if (!s.configured)
			continue;
		check_rates_proxy(names[i], config->rates[i].location);
		if (s.loaded)
			check_say(HOST_OK, "rates", "the %s: %zu assets, base %s", names[i],
				  s.assets, s.base);
		if (s.loaded && s.refused.count)
			check_say(HOST_WARN, "rates", "the %s: %zu cannot be used: %s", names[i],
				  s.refused.count, s.refused.why);
		if (!s.loaded)
			say_rates_failed(names[i], config->rates[i].location, s.error);
	}
	if (!config->rates[RATES_OPERATOR].location && !config->rates[RATES_NETWORK].location)
		check_say(HOST_WARN, "rates",
			  "none configured: only amounts in " RATES_BASE_CODE
			  " have a value; name a source under `rates:`");
	check_assets(config, rates);
	rates_free(rates);
}
